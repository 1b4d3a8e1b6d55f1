# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import pathlib
import re

import config
import connectors
import pytest
import yaml

FACTS = connectors.Facts(contents={})


def read(**options: object) -> config.Settings:
    return config.read({name.replace("_", "-"): value for name, value in options.items()}, {}, FACTS)


def test_defaults():
    settings = read()
    assert settings.static == config.Static(username="user@example.com")
    assert (settings.port, settings.issuer, settings.connectors, settings.problems) == (
        5556,
        "",
        connectors.Connectors(),
        (),
    )


@pytest.mark.parametrize("options", [{"static_username": ""}, {"enable_password_db": False}])
def test_static_login_is_disabled_by_an_empty_name_or_by_the_switch(options: dict):
    assert read(**options, static_password="kept").static is None


@pytest.mark.parametrize("password", ["x" * 73, "ü" * 37])
def test_a_password_that_bcrypt_would_cut_is_refused(password: str):
    (problem,) = read(static_password=password).problems
    assert problem == f"static-password: {len(password.encode())} bytes are too many, bcrypt reads 72"


def test_72_bytes_are_accepted():
    assert read(static_password="ü" * 36).problems == ()


@pytest.mark.parametrize(
    ("options", "issuer"),
    [
        ({"issuer_url": "https://kubeflow.example.com/dex"}, "https://kubeflow.example.com/dex"),
        ({"issuer_url": "https://a/dex", "public_url": "https://b"}, "https://a/dex"),
        ({"public_url": "https://kubeflow.example.com"}, "https://kubeflow.example.com/dex"),
        ({"public_url": "https://kubeflow.example.com/"}, "https://kubeflow.example.com/dex"),
        ({"public_url": "10.64.140.43.nip.io"}, "http://10.64.140.43.nip.io/dex"),
    ],
)
def test_issuer(options: dict, issuer: str):
    settings = read(**options)
    assert (settings.issuer, settings.problems) == (issuer, ())


@pytest.mark.parametrize(
    "url",
    [
        "https://kubeflow.example.com",
        "https://kubeflow.example.com/dex/",
        "kubeflow.example.com/dex",
        "ftp://kubeflow.example.com/dex",
        "https://kubeflow.example.com/dex?x=1",
        "https://kubeflow.example.com:99999/dex",
        "https:///dex",
        "https://a b/dex",
    ],
)
def test_a_wrong_issuer_is_named_and_an_example_given(url: str):
    (problem,) = read(issuer_url=url).problems
    assert problem.startswith(f"issuer-url: {url!r}")
    assert problem.endswith("write it like https://kubeflow.example.com/dex")


def test_a_password_in_an_issuer_is_not_repeated():
    (problem,) = read(issuer_url="https://user:hunter2@kubeflow.example.com/dex").problems
    assert problem == "issuer-url: it must hold no user, write it like https://kubeflow.example.com/dex"


@pytest.mark.parametrize("port", [0, 80, 5558, 65536])
def test_a_wrong_port_is_refused(port: int):
    (problem,) = read(port=port).problems
    assert problem.startswith(f"port: {port} ")


def test_a_wrong_group_falls_back_to_the_last_good_one_and_the_others_apply():
    good = {"connectors": "[]", "static-username": "old@example.com", "static-password": "old"}
    settings = config.read({"connectors": "nonsense", "static-username": "new@example.com"}, good, FACTS)
    assert settings.connectors == connectors.Connectors()
    assert settings.static == config.Static(username="new@example.com")
    assert settings.problems == ("connectors: expected a list of connectors, got a string",)
    assert settings.accepted["connectors"] == ""


def test_every_wrong_group_is_named():
    assert len(read(connectors="x", static_password="x" * 80, issuer_url="x", port=1).problems) == 4


def test_passwords_are_not_shown():
    assert "hunter2" not in repr(read(static_password="hunter2"))


def test_a_password_by_reference_and_its_last_good_value():
    facts = connectors.Facts(contents={"a" * 20: {"password": "from a secret\n"}})
    options = {"static-password": "secret:" + "a" * 20}
    settings = config.read(options, {}, facts)
    assert (settings.static, settings.warnings) == (
        config.Static(username="user@example.com", password="from a secret"), ()
    )  # fmt: skip
    settings = config.read(options, settings.accepted, connectors.Facts(contents={}))
    assert settings.problems == (
        f"static-password: cannot read the secret {'a' * 20}: juju grant-secret {'a' * 20} dex-auth",
    )
    assert settings.static == config.Static(username="user@example.com", password="from a secret")


def test_a_plain_password_is_warned_of_with_the_commands_that_mend_it():
    assert read(static_password="x").warnings == (
        "static-password: a secret in plain text; juju config dex-auth static-password="
        "$(juju add-secret dex-password value#file=FILE) && juju grant-secret dex-password dex-auth",
    )


def test_the_last_good_connectors_hold_no_mock_once_that_is_forbidden():
    mock = '[{"id": "m", "name": "M", "type": "mockCallback"}]'
    good = read(connectors=mock, allow_mock_connectors=True)
    assert len(good.connectors.entries) == 1
    settings = config.read({"connectors": mock}, good.accepted, FACTS)
    assert settings.connectors.entries == ()
    assert len(settings.problems) == 1


@pytest.mark.parametrize("cost", [0, 4, 9, 15, 31])
def test_a_cost_that_is_weak_or_keeps_dex_busy_is_refused(cost: int):
    (problem,) = read(bcrypt_cost=cost).problems
    assert problem == f"bcrypt-cost: {cost} must be from 10 to 14; each step doubles the time that a login takes"


def test_a_static_user_without_an_address_is_warned_of():
    assert read(static_username="admin").warnings == (
        "static-username: it is no e-mail address, and the owner of a profile must be one",
    )


# Of every track of Charmed Kubeflow's dex-auth since it is a sidecar charm.
THEIR_OPTIONS = {
    "port", "connectors", "static-username", "static-password", "public-url", "enable-password-db", "issuer-url",
}  # fmt: skip
THEIR_RELATIONS = {
    "oidc-client", "ingress", "dex-oidc-config", "metrics-endpoint", "grafana-dashboard", "logging",
    "istio-ingress-route-unauthenticated", "service-mesh", "require-cmr-mesh", "provide-cmr-mesh",
}  # fmt: skip


def test_every_option_and_relation_of_the_former_charm_is_there_or_explained():
    root = pathlib.Path(__file__).parents[4]
    charmcraft = yaml.safe_load((root / "charms/dex-auth/charmcraft.yaml").read_text())
    assert set(charmcraft["config"]["options"]) >= THEIR_OPTIONS
    missing = THEIR_RELATIONS - {*charmcraft["provides"], *charmcraft["requires"]}
    page = (root / "docs/comparison.md").read_text()
    explained = re.findall(r"^- (`.*?`): ", page, re.MULTILINE)
    assert {name for names in explained for name in re.findall(r"`([^`]+)`", names)} == missing


def test_defaults_are_those_of_the_charm():
    root = pathlib.Path(__file__).parents[4]
    options = yaml.safe_load((root / "charms/dex-auth/charmcraft.yaml").read_text())["config"]["options"]
    stated = {name: option["default"] for name, option in options.items()}
    assert {name: stated[name] for name in config.DEFAULTS} == config.DEFAULTS
