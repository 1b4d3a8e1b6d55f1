# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""bundle.yaml against the charms that it names, by the rules of Juju 3.6 and 4.0."""

import re

import pytest
import whole
import yaml

BUNDLE = yaml.safe_load((whole.ROOT / "bundle.yaml").read_text())
CHARMS = {
    path.parent.name: yaml.safe_load(path.read_text()) for path in sorted(whole.ROOT.glob("charms/*/charmcraft.yaml"))
}
ROLES = {"provides": "requires", "requires": "provides"}


def endpoint(text: str) -> tuple[str, str]:
    """Return role and interface of application:endpoint."""
    name, _, endpoint = text.partition(":")
    charm = CHARMS[BUNDLE["applications"][name]["charm"].split("/")[2]]
    ((role, spec),) = [(role, charm[role][endpoint]) for role in ROLES if endpoint in charm.get(role, {})]
    return role, spec["interface"]


def test_it_is_a_bundle_for_kubernetes():
    assert BUNDLE["bundle"] == "kubernetes"
    # Juju 4 refuses a series.
    assert "series" not in (whole.ROOT / "bundle.yaml").read_text()


def test_every_charm_of_the_repository_is_in_it():
    assert {spec["charm"].split("/")[2] for spec in BUNDLE["applications"].values()} == set(CHARMS)


@pytest.mark.parametrize("spec", BUNDLE["applications"].values(), ids=BUNDLE["applications"])
def test_an_application_fits_its_charm(spec: dict):
    charm = CHARMS[spec["charm"].split("/")[2]]
    # Where tox -e pack puts it; Juju 4 deploys no directory.
    assert spec["charm"] == f"./charms/{charm['name']}/{charm['name']}_amd64.charm"
    assert spec["base"].split("/")[0] == charm["base"]
    assert spec["scale"] >= 1
    assert set(spec.get("options") or {}) <= set(charm["config"]["options"])
    wanted = {key: resource["upstream-source"] for key, resource in charm["resources"].items()}
    assert spec["resources"] == wanted, "a local charm has no image unless the bundle names it"
    assert all(":latest" not in image and ":" in image for image in wanted.values())


def test_trust_is_given_with_a_reason_only():
    lines = (whole.ROOT / "bundle.yaml").read_text().splitlines()
    for number, line in enumerate(lines):
        if re.match(r"\s*trust:", line):
            assert lines[number - 1].strip().startswith("#"), f"line {number + 1} gives trust without a reason"


def test_relations_join_what_fits():
    for one, two in BUNDLE["relations"]:
        (role, interface), (other_role, other) = endpoint(one), endpoint(two)
        assert ROLES[role] == other_role, (one, two)
        assert interface == other, (one, two)


@pytest.mark.parametrize("charm", CHARMS.values(), ids=CHARMS)
def test_containers_run_as_a_user_that_juju_accepts(charm: dict):
    assert charm["charm-user"] == "non-root"
    for container in charm["containers"].values():
        for key in ("uid", "gid"):
            assert container[key] > 0 or key == "gid"
            assert not 1000 <= container[key] < 10000, "Juju refuses it: reserved range"


@pytest.mark.parametrize("charm", CHARMS.values(), ids=CHARMS)
def test_what_juju_3_and_4_understand_differently_is_said(charm: dict):
    for action in (charm.get("actions") or {}).values():
        assert action["additionalProperties"] is False
    for role in ROLES:
        for spec in charm.get(role, {}).values():
            assert spec["optional"] in (True, False)
    assert {"juju >= 3.6", "k8s-api"} <= set(charm["assumes"])
