# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import pathlib

import pytest
import yaml

from sandbox import bundle, model

ROOT = pathlib.Path(__file__).parents[2]
OVERLAY = ROOT / "sandbox" / "overlay.yaml"


def test_the_repositorys_own_bundle():
    found = bundle.read(ROOT / "bundle.yaml", [OVERLAY])
    assert [app.name for app in found.applications] == ["dex-auth", "gatekeeper", "ambassador-route", "reception"]
    assert len(found.relations) == 7
    assert found.sandbox["port"] == 8080
    (gateway,) = [app for app in found.applications if app.name == "ambassador-route"]
    assert gateway.options["engine"] == "envoy"


def test_every_relation_of_the_bundle_fits_the_charms():
    found = bundle.read(ROOT / "bundle.yaml")
    endpoints = {app.name: app.charm.endpoints() for app in found.applications}
    for pair in found.relations:
        (one, two) = (endpoints[name][endpoint] for name, endpoint in (end.split(":") for end in pair))
        assert one[1] == two[1]
        assert {one[0], two[0]} == {"provides", "requires"}


def test_every_resource_and_option_of_the_bundle_is_one_of_the_charm():
    data = yaml.safe_load((ROOT / "bundle.yaml").read_text())
    for app in bundle.read(ROOT / "bundle.yaml").applications:
        assert set(data["applications"][app.name]["resources"]) == set(app.charm.meta["resources"])
        assert set(app.options) <= set(model.section(app.charm.config, "options"))


def test_overlays_are_merged(tmp_path: pathlib.Path):
    overlay = tmp_path / "o.yaml"
    overlay.write_text("applications: {gatekeeper: {scale: 3, options: {session-lifetime: 60, x: true}}}")
    (app,) = [a for a in bundle.read(ROOT / "bundle.yaml", [OVERLAY, overlay]).applications if a.name == "gatekeeper"]
    assert (app.scale, app.options) == (3, {"session-lifetime": "60", "x": "true"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1", "while parsing"),
        ("x", "it is not a mapping"),
        ("{}", "it has no applications"),
        ("applications: {a: {charm: dex-auth}}", "applications.a.charm: there is no charm's source at 'dex-auth'"),
        ("applications: {a: {charm: ./nowhere/x.charm}}", "applications.a.charm: there is no charm's source"),
    ],
)
def test_a_wrong_bundle_names_file_and_place(tmp_path: pathlib.Path, text: str, message: str):
    path = tmp_path / "b.yaml"
    path.write_text(text)
    with pytest.raises(bundle.BundleError) as error:
        bundle.read(path)
    assert str(error.value).startswith(str(path))
    assert message in str(error.value)


def test_a_missing_file_is_named(tmp_path: pathlib.Path):
    with pytest.raises(bundle.BundleError, match="No such file"):
        bundle.read(tmp_path / "none.yaml")
