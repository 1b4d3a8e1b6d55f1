# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Nothing that is right is refused: connectors as people write them, and the real Dex on those that need no network."""

import json
import os
import pathlib
import subprocess

import certificate
import connector_types
import connectors
import dex
import pytest
import yaml

CALLBACK = "https://kubeflow.example.com/dex/callback"
_FILE = pathlib.Path(__file__).with_name("connector_examples.yaml")
EXAMPLES = {
    name: {"id": f"c{number}", "name": name, **entry}
    for number, (name, entry) in enumerate(yaml.safe_load(_FILE.read_text()).items())
}
# What Dex asks or reads when it starts, beside the configuration.
_ONLINE = ("oidc", "google", "openshift")


def test_every_type_has_an_example():
    types = {entry["type"] for entry in EXAMPLES.values()}
    assert types == {name for name, found in connector_types.TYPES.items() if not found.mock}
    assert len(EXAMPLES) >= 40


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_is_accepted_and_goes_to_dex_unchanged(name: str):
    given = EXAMPLES[name]
    (entry,) = connectors.parse(yaml.safe_dump([given]), CALLBACK).entries
    assert entry["type"] == given["type"]
    config = {key: value for key, value in entry["config"].items() if key != "redirectURI"}
    assert lower(config) == lower(given.get("config", {}))
    assert connectors.redirect(
        connectors.trust(connectors.keep(connectors.Connectors(entries=(entry,)))), CALLBACK
    ) == (connectors.Connectors(entries=(entry,)))


def test_all_together_are_accepted_as_json():
    assert len(connectors.parse(json.dumps(list(EXAMPLES.values())), CALLBACK).entries) == len(EXAMPLES)


def lower(value: object) -> object:
    """Dex does not mind upper and lower case in names."""
    if isinstance(value, dict):
        return {key.lower(): lower(item) for key, item in value.items()}
    return value


@pytest.fixture
def program() -> str:
    if not os.environ.get("DEX"):
        pytest.skip("DEX does not name a Dex: the examples are not tried on the real one here")
    return os.environ["DEX"]


def test_the_real_dex_opens_them(program: str, tmp_path: pathlib.Path):
    pem = certificate.made("CN=root")
    entries = []
    for entry in EXAMPLES.values():
        config = entry.get("config", {})
        if entry["type"] in _ONLINE or any(str(value).startswith("/") for value in config.values()):
            continue
        entries.append(entry)
    search = {"baseDN": "b", "username": "u"}
    ldap = {"host": "l", "rootCAData": f"as printed by a tool\n{pem}", "userSearch": search}
    entries.append({"id": "ldap-ca", "name": "LDAP", "type": "ldap", "config": ldap})
    saml = {"ssoURL": "https://idp.example.com/sso", "usernameAttr": "n", "emailAttr": "e", "caData": pem}
    entries.append({"id": "saml-ca", "name": "SAML", "type": "saml", "config": saml})
    github = {"clientID": "a", "clientSecret": "b", "hostName": "git.example.com", "rootCA": pem}
    entries.append({"id": "github-ca", "name": "GitHub", "type": "github", "config": github})
    assert len(entries) > 30
    found = connectors.parse(yaml.safe_dump(entries), CALLBACK)
    given = dex.Inputs(issuer=CALLBACK.removesuffix("/callback"), port=5556, connectors=found.entries)
    rehearsal = dex.rehearsal(given)
    (tmp_path / "c.yaml").write_text(rehearsal.files[0].text.replace("0.0.0.0:15556", "127.0.0.1:0"))
    process = subprocess.Popen(
        [program, "serve", tmp_path / "c.yaml"],
        env={**os.environ, **rehearsal.environment},
        stderr=subprocess.STDOUT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        said, _ = process.communicate(timeout=3)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return
    pytest.fail(said[-2000:])
