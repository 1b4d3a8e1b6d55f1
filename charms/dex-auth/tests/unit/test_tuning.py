# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import pathlib

import config
import connectors
import dex
import pytest
import tuning
import yaml

FACTS = connectors.Facts(contents={})
TIME = "{}: {!r} must be a time from {} to {}, write it like 90m or 12h"
SAID = "password-connector: {!r} is no connector that takes passwords (those are: {})"
LDAP = "[{id: l, name: L, type: ldap, config: {host: h, userSearch: {baseDN: b, username: u}}}]"


def test_defaults_are_those_of_the_charm():
    options = yaml.safe_load((pathlib.Path(config.__file__).parents[1] / "charmcraft.yaml").read_text())["config"][
        "options"
    ]
    known = {**config.DEFAULTS, "connectors": "", "allow-mock-connectors": False}
    assert {name: option["default"] for name, option in options.items()} == known
    assert config.read({}, {}, FACTS).tuning == tuning.Tuning()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("id-token-lifetime", "1d", TIME.format("id-token-lifetime", '1d', "1m", "720h")),
        ("id-token-lifetime", "59s", TIME.format("id-token-lifetime", '59s', "1m", "720h")),
        ("signing-key-lifetime", "", TIME.format("signing-key-lifetime", '', "10m", "8760h")),
        (
            "refresh-token-lifetime", "9" * 50,
            TIME.format("refresh-token-lifetime", "9" * 40, "1h", "87600h"),
        ),
        ("log-level", "INFO", "log-level: 'INFO' must be one of debug, info, warn, error"),
        ("log-format", "xml", "log-format: 'xml' must be one of json, text"),
        ("theme", "coreos", "theme: 'coreos' must be one of light, dark"),
        ("title", " ", "title: it must be a text of one to 60 characters that can be shown"),
        ("title", "a\nb", "title: it must be a text of one to 60 characters that can be shown"),
        ("password-connector", "ldap", SAID.format("ldap", "local")),
    ],
)  # fmt: skip
def test_a_wrong_one_is_named_and_the_last_good_one_goes_on(name: str, value: str, said: str):
    settings = config.read({name: value, "title": value if name == "title" else "Mine"}, {}, FACTS)
    assert settings.problems == (said,)
    assert settings.tuning.title == ("Kubeflow" if name == "title" else "Mine")


@pytest.mark.parametrize(("name", "known"), [("l", True), ("local", True), ("x", False)])
def test_the_password_grant_asks_a_connector_that_is_there(name: str, known: bool):
    settings = config.read({"connectors": LDAP, "password-connector": name}, {}, FACTS)
    assert settings.tuning.password_connector == (name if known else "")
    assert settings.problems == (() if known else (SAID.format("x", "l, local"),))


def test_a_connector_that_takes_no_passwords_answers_no_password_grant():
    hub = {"id": "hub", "name": "H", "type": "github", "config": {"clientID": "c", "clientSecret": "s"}}
    both = yaml.safe_dump([*yaml.safe_load(LDAP), hub])
    settings = config.read({"connectors": both, "password-connector": "hub"}, {}, FACTS)
    assert settings.tuning.password_connector == ""
    assert settings.problems == (SAID.format("hub", "l, local"),)


def rendered(given: tuning.Tuning) -> dict:
    (file,) = dex.configure(dex.Inputs(issuer="http://h/dex", port=5556, tuned=given)).files
    return yaml.safe_load(file.text)


def test_they_reach_dex():
    config = rendered(tuning.Tuning(log_level="info", log_format="text", theme="dark", title="Mine: {{ x }}"))
    assert config["logger"] == {"level": "info", "format": "text"}
    assert config["frontend"] == {"issuer": "Mine: {{ x }}", "theme": "dark"}
    assert config["expiry"] == {
        "authRequests": "1h", "deviceRequests": "5m", "idTokens": "24h", "signingKeys": "6h",
        "refreshTokens": {"absoluteLifetime": "2160h", "validIfNotUsedFor": "720h"},
    }  # fmt: skip


def test_the_password_grant_is_off_unless_it_is_asked_for():
    assert "passwordConnector" not in rendered(tuning.Tuning())["oauth2"]
    assert rendered(tuning.Tuning(password_connector="local"))["oauth2"]["passwordConnector"] == "local"


def test_a_rehearsal_says_what_is_read():
    given = dex.Inputs(issuer="http://h/dex", port=5556, tuned=tuning.Tuning(log_level="error", log_format="text"))
    logger = yaml.safe_load(dex.rehearsal(given).files[0].text)["logger"]
    assert logger == {"level": "info", "format": "json"}
