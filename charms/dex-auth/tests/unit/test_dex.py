# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import json
import os
import socket
import subprocess
import time

import dex
import httpx
import hypothesis
import hypothesis.strategies as st
import pytest
import yaml

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
CLIENT = dex.Client(id="authservice-oidc", name="K", redirect_uris=("/a", "http://h/a"), secret="s")
# bcrypt of "password" with the least cost that Dex takes.
HASH = "$2b$10$2b2cU8CPhOTaGrs1HRQuAueS7JTT5ZHsHSzYiFPm1leZck7Mc8T4W"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
USER = dex.User(username="user@example.com", hash=HASH, id="08a8684b-db88-4b73-90a9-3cd1661f5466")


def inputs(**changes: object) -> dex.Inputs:
    return dex.Inputs(**{"issuer": "http://h/dex", "port": 5556, "clients": (CLIENT,), "users": (USER,), **changes})


def rendered(given: dex.Inputs) -> dict:
    (file,) = dex.configure(given).files
    return yaml.safe_load(file.text)


def test_the_file_says_what_was_given():
    config = rendered(inputs())
    assert config["issuer"] == "http://h/dex"
    assert config["web"] == {"http": "0.0.0.0:5556"}
    assert config["storage"] == {"type": "memory"}
    assert config["oauth2"]["skipApprovalScreen"] is True
    assert config["staticClients"] == [
        {"id": "authservice-oidc", "name": "K", "redirectURIs": ["/a", "http://h/a"], "secret": "s"}
    ]
    assert config["staticPasswords"] == [
        {"email": USER.username, "username": USER.username, "hash": USER.hash, "userID": USER.id}
    ]
    assert (config["enablePasswordDB"], config["connectors"]) == (True, [])


def test_without_a_user_static_login_is_off():
    config = rendered(inputs(users=()))
    assert (config["enablePasswordDB"], config["staticPasswords"]) == (False, [])


def test_the_file_is_for_its_owner_only():
    (file,) = dex.configure(inputs()).files
    assert file.mode == 0o600


def test_dex_neither_expands_dollars_nor_dies_of_one_connector():
    environment = dex.configure(inputs()).layer["services"]["dex"]["environment"]
    assert environment["DEX_EXPAND_ENV"] == "false"
    assert environment["DEX_CONTINUE_ON_CONNECTOR_FAILURE"] == "true"


@pytest.mark.parametrize(
    ("output", "version"),
    [
        ("Dex Version: v2.45.1\nGo Version: go1.24\n", (2, 45)),
        ("Dex Version: 2.100.0-dirty", (2, 100)),
        ("Dex Version: DEV", dex.VERSION),
        ("", dex.VERSION),
    ],
)
def test_the_version_of_the_dex_that_runs(output: str, version: tuple[int, int]):
    assert dex.version(output) == version


def test_only_a_dex_that_does_not_live_is_started_again():
    layer = dex.configure(inputs()).layer
    checks = {name: (check["level"], check["http"]["url"]) for name, check in layer["checks"].items()}
    assert checks == {
        "ready": ("ready", "http://localhost:5558/healthz/ready"),
        "alive": ("alive", "http://localhost:5558/healthz/live"),
    }
    assert layer["services"]["dex"]["on-check-failure"] == {"alive": "restart"}


def test_a_changed_file_restarts_the_service_and_an_equal_one_does_not():
    def digest(given: dex.Inputs) -> str:
        return dex.configure(given).layer["services"]["dex"]["environment"]["CONFIG_DIGEST"]

    assert digest(inputs()) == digest(inputs())
    assert digest(inputs()) != digest(inputs(issuer="http://other/dex"))


def test_a_rehearsal_disturbs_nothing():
    rehearsal = dex.rehearsal(inputs())
    (file,) = rehearsal.files
    config = yaml.safe_load(file.text)
    assert config["web"]["http"] != "0.0.0.0:5556"
    assert "telemetry" not in config
    assert file.path not in [file.path for file in dex.configure(inputs()).files]
    assert rehearsal.environment["DEX_CONTINUE_ON_CONNECTOR_FAILURE"] == "false"


@hypothesis.given(issuer=TEXT, name=TEXT, secret=TEXT, hash=TEXT, config=st.dictionaries(TEXT, VALUES, max_size=4))
def test_no_value_breaks_out_of_its_place(issuer: str, name: str, secret: str, hash: str, config: dict):  # noqa: A002
    client = dex.Client(id=name, name=name, redirect_uris=(issuer, name), secret=secret)
    connector = {"id": name, "name": secret, "type": "oidc", "config": config}
    given = dex.Inputs(
        issuer=issuer, port=5556, clients=(client,), users=(dex.User(username=name, hash=hash, id=secret),),
        connectors=(connector,),
    )  # fmt: skip
    read = rendered(given)
    assert read["issuer"] == issuer
    assert read["staticClients"] == [{"id": name, "name": name, "redirectURIs": [issuer, name], "secret": secret}]
    assert read["connectors"] == [connector]
    assert read["staticPasswords"] == [{"email": name, "username": name, "hash": hash, "userID": secret}]
    plain = rendered(inputs())
    assert set(read) == set(plain)


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ('{"level":"INFO","msg":"config issuer"}\nfailed to initialize server: server: Failed to open connector x: '
         "no ssoURL", "Failed to open connector x: no ssoURL"),
        ("", "it said nothing"),
        ('{"msg":"listening"}\n{"msg":"failed to listen","err":"address in use"}', "failed to listen address in use"),
    ],
)  # fmt: skip
def test_the_reason_is_found_in_the_log(output: str, words: str):
    assert dex.words(output, inputs()) == words


def test_the_reason_tells_no_secret():
    config = {"bindPW": 'hun"ter2', "nested": {"clientSecret": "s3cr3t", "host": "ldap.example.org"}}
    given = inputs(connectors=({"id": "x", "name": "X", "type": "ldap", "config": config},))
    said = f'failed to open connector: bind with hun\\"ter2 and s3cr3t at ldap.example.org as {HASH}'
    assert (
        dex.words(said, given) == "failed to open connector: bind with ****** and ****** at ldap.example.org as ******"
    )


@pytest.fixture
def program() -> str:
    if not os.environ.get("DEX"):
        pytest.skip("DEX does not name a Dex: the rendered file is not tried on the real one here")
    return os.environ["DEX"]


def test_the_real_dex_tells_its_version(program: str):
    output = subprocess.run([program, *dex.ASK_VERSION[1:]], capture_output=True, text=True, check=True).stdout
    assert output.startswith("Dex Version: ")
    assert dex.version(output) == dex.VERSION


def test_the_real_dex_serves_the_rendered_file(program: str, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (file,) = dex.configure(inputs(issuer=f"http://127.0.0.1:{port}/dex", port=port)).files
    (tmp_path / "config.yaml").write_text(file.text.replace("0.0.0.0:5558", "127.0.0.1:0"))
    command = [program, "serve", tmp_path / "config.yaml"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            end = time.monotonic() + 10
            while True:
                try:
                    found = httpx.get(f"http://127.0.0.1:{port}/dex/.well-known/openid-configuration").json()
                    break
                except httpx.HTTPError:
                    assert time.monotonic() < end
                    time.sleep(0.05)
        finally:
            process.terminate()
    assert found["issuer"] == f"http://127.0.0.1:{port}/dex"
    assert "S256" in found["code_challenge_methods_supported"]
    assert {"authorization_code", "refresh_token", DEVICE} <= set(found["grant_types_supported"])
    assert not {"password", "implicit"} & set(found["grant_types_supported"])
    json.dumps(found)
