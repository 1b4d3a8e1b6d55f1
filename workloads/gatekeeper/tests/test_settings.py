# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The configuration file: what is accepted, how a mistake is named, and that no secret is ever echoed."""

import json
import subprocess
import sys

import pytest
from gatekeeper import settings
from gatekeeper_support import PEM, SECRET, document, options


def test_minimal_file_has_the_defaults_of_the_platform():
    read = options()
    assert (read.session_cookie, read.userid_header, read.prefix) == (
        "authservice_session", "kubeflow-userid", "/authservice",
    )  # fmt: skip
    assert read.callback_url == "http://127.0.0.1:8080/authservice/oidc/callback"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("listen", "8080"),
        ("listen", "0.0.0.0:99999"),
        ("public_url", "http://127.0.0.1:8080/"),
        ("public_url", "ftp://host"),
        ("public_url", "http://user@host"),
        ("public_url", "http://host\nx: y"),
        ("issuer", "http://host/dex?x=1"),
        ("prefix", "/authservice/"),
        ("prefix", "/a/../b"),
        ("client_id", ""),
        ("client_secret", ""),
        ("scopes", ["profile"]),
        ("scopes", ["openid", "a b"]),
        ("userid_header", "content-type"),
        ("userid_header", "a: b"),
        ("userid_header", "x-request-id"),
        ("userid_header", "X-Forwarded-User"),
        ("groups_header", "x-envoy-groups"),
        ("groups_header", "Sec-Groups"),
        ("management", "8081"),
        ("authenticators", ["kubernetes"]),
        ("authenticators", ["password"]),
        ("kubernetes", {"audiences": []}),
        ("management", "0.0.0.0:8080"),
        ("session_cookie", "a;b"),
        ("session_cookie", "authservice_login_x"),
        ("session_cookie", "authservice_host"),
        ("session_lifetime", 0),
        ("session_lifetime", "86400"),
        ("session_lifetime", True),
        ("login_redirect_code", 200),
        ("after_logout_url", "//evil.example"),
        ("after_logout_url", "/\\evil.example"),
        ("after_logout_url", "javascript:alert(1)"),
        ("signing_keys", []),
        ("state_keys", []),
        ("state_keys", ["c2hvcnQ"]),
        ("surprise", 1),
    ],
)
def test_a_mistake_is_named_by_its_field(field: str, value: object):
    with pytest.raises(settings.ConfigurationError) as caught:
        options(**{field: value})
    assert str(caught.value).startswith(field)


def test_a_missing_field_is_named():
    content = document()
    del content["issuer"]
    with pytest.raises(settings.ConfigurationError, match=r"^issuer: "):
        settings.parse(json.dumps(content))


def test_text_that_is_no_json_is_located():
    with pytest.raises(settings.ConfigurationError, match="line 1"):
        settings.parse('{"listen": ')


def test_repeated_kid_and_equal_headers_are_refused():
    key = {"kid": "k1", "pem": PEM}
    with pytest.raises(settings.ConfigurationError, match="kid"):
        options(signing_keys=[key, key])
    with pytest.raises(settings.ConfigurationError, match="groups_header"):
        options(groups_header="Kubeflow-Userid")


@pytest.mark.parametrize(
    "changes",
    [
        {"surprise": 1},
        {"client_secret": SECRET, "listen": 1},
        {"signing_keys": [{"kid": "k1", "pem": "TOP-SECRET-PEM"}]},
        {"signing_keys": [{"kid": "k1", "pem": PEM, "more": "TOP-SECRET"}]},
        {"state_keys": ["TOP-SECRET-KEY"]},
        {"client_secret": ["TOP-SECRET"]},
    ],
)
def test_no_secret_is_echoed(changes: dict[str, object]):
    with pytest.raises(settings.ConfigurationError) as caught:
        options(**changes)
    for secret in (SECRET, PEM[40:80], "TOP-SECRET"):
        assert secret not in str(caught.value)
    assert SECRET not in repr(options())
    assert PEM[40:80] not in repr(options())


@pytest.mark.parametrize(("changes", "code"), [({}, 0), ({"listen": "nowhere"}, 1)])
def test_check_says_whether_the_file_is_good(tmp_path, changes: dict[str, object], code: int):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(document(**changes)))
    command = [sys.executable, "-m", "gatekeeper", "--config", path, "--check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert done.returncode == code
    assert ("listen: " in done.stderr) == bool(code)
    assert SECRET not in done.stdout + done.stderr


def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path):
    command = [sys.executable, "-m", "gatekeeper", "--config", tmp_path / "none.json", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "none.json" in done.stderr
