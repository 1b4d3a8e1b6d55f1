# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Options as an operator types them: what is right works, what is wrong is named and harms nobody."""

import contextlib
import itertools
import json
import pathlib

import guide
import live
import pytest


def test_defaults_can_be_displayed(sandbox: live.Live):
    """C1: the user name by juju config, the generated password by the action; stable over a restart."""
    assert sandbox.cli("config", "dex-auth", "static-username").strip() == "user@example.com"
    before = sandbox.credentials()
    assert before[0] == "user@example.com"
    assert len(before[1]) >= 16
    sandbox.cli("kill", "dex-auth/0", "dex")
    live.wait(sandbox.can_log_in, seconds=20)
    assert sandbox.credentials() == before


def test_own_user_and_password(sandbox: live.Live):
    generated = sandbox.credentials()
    sandbox.config("dex-auth", "static-username=admin", "static-password=a pass word: {{ $x }} '\"")
    live.wait(sandbox.active)
    assert sandbox.can_log_in("admin", "a pass word: {{ $x }} '\"")
    assert not sandbox.can_log_in(*generated)


def test_empty_user_disables_static_login(sandbox: live.Live):
    """C2: nobody gets in with the old password, and the status names the next command."""
    user, password = sandbox.credentials()
    sandbox.config("dex-auth", "static-username=", "static-password=")
    live.wait(lambda: sandbox.message("dex-auth/0").startswith("blocked"))
    assert "juju config dex-auth" in sandbox.message("dex-auth/0")
    with sandbox.client() as client:
        assert client.get("/").status_code == 503
    sandbox.cli("run", "dex-auth/leader", "get-credentials", code=1)
    sandbox.config("dex-auth", "connectors=" + json.dumps(guide.LDAP))
    live.wait(sandbox.active)
    with sandbox.client() as client:
        page = client.get("/")
        assert "/dex/auth/ldap" in str(page.url)
        assert "Email Address" in page.text
        assert client.get("/dex/auth/local").status_code >= 400
    sandbox.config("dex-auth", "--reset", "static-username,static-password,connectors")
    live.wait(sandbox.active)
    assert sandbox.credentials() == (user, password)


def test_password_db_switch_disables_static_login(sandbox: live.Live):
    """C6."""
    sandbox.config("dex-auth", "enable-password-db=false")
    live.wait(lambda: sandbox.message("dex-auth/0").startswith("blocked"))
    assert "juju config dex-auth" in sandbox.message("dex-auth/0")


@pytest.mark.parametrize("form", ["yaml", "json", "file", "mapping"])
def test_connectors_in_every_form(sandbox: live.Live, tmp_path: pathlib.Path, form: str):
    """C3, C4, C5."""
    sandbox.config("dex-auth", f"connectors={guide.forms(tmp_path / 'connectors.yaml')[form]}")
    live.wait(sandbox.active)
    with sandbox.client() as client:
        page = client.get("/")
        assert "/dex/auth/ldap" in page.text
        assert "/dex/auth/local" in page.text
    assert sandbox.can_log_in()


@pytest.mark.parametrize("name", guide.BROKEN)
def test_a_broken_connector_is_named_and_harms_nobody(sandbox: live.Live, name: str):
    text, place = guide.BROKEN[name]
    client, _ = sandbox.login()
    sandbox.config("dex-auth", f"connectors={text}")
    live.wait(lambda: sandbox.message("dex-auth/0").startswith("blocked"), hint=sandbox.message("dex-auth/0"))
    message = sandbox.message("dex-auth/0")
    assert place in message, message
    with contextlib.closing(client):
        assert client.get("/recorded/x").status_code == 200
    assert sandbox.can_log_in()
    sandbox.config("dex-auth", "connectors=" + json.dumps(guide.LDAP))
    live.wait(sandbox.active)
    assert sandbox.can_log_in()


def test_a_bad_connector_leaves_the_last_good_ones(sandbox: live.Live):
    sandbox.config("dex-auth", "connectors=" + json.dumps(guide.LDAP))
    live.wait(sandbox.active)
    sandbox.config("dex-auth", "connectors=test-connector")
    live.wait(lambda: sandbox.message("dex-auth/0").startswith("blocked"))
    with sandbox.client() as client:
        assert "/dex/auth/ldap" in client.get("/").text


def test_the_order_of_options_never_changes_the_end(sandbox: live.Live):
    """C7: every order of the three settings, and all at once, ends in the same file."""
    settings = [
        "static-username=ops@example.com",
        "static-password=correct horse",
        "connectors=" + json.dumps(guide.LDAP),
    ]
    orders = [[[setting] for setting in order] for order in itertools.permutations(settings)] + [[settings]]
    ends = set()
    for order in orders:
        sandbox.config("dex-auth", "--reset", "static-username,static-password,connectors")
        live.wait(sandbox.active)
        for words in order:
            sandbox.config("dex-auth", *words)
        live.wait(sandbox.active)
        assert sandbox.can_log_in("ops@example.com", "correct horse")
        ends.add(end_state(sandbox))
    assert len(ends) == 1


def end_state(sandbox: live.Live) -> str:
    """Return Dex's configuration file, without the hash, which has a salt of its own for every password set."""
    import yaml

    path = sandbox.file("dex-auth/0", "dex", "/tmp/dex/config.yaml")
    config = yaml.safe_load(path.read_text())
    assert path.stat().st_mode & 0o077 == 0
    for entry in config["staticPasswords"]:
        assert entry.pop("hash")
    return json.dumps(config, sort_keys=True)


def test_a_too_long_password_is_refused_and_the_old_one_stays(sandbox: live.Live):
    sandbox.config("dex-auth", "static-password=" + "x" * 73)
    live.wait(lambda: sandbox.message("dex-auth/0").startswith("blocked"))
    assert "72" in sandbox.message("dex-auth/0")
    assert sandbox.can_log_in()


def test_an_equal_value_restarts_nothing(sandbox: live.Live):
    serving = "\x00serve\x00" + str(sandbox.file("dex-auth/0", "dex", "/tmp/dex/config.yaml"))
    before = live.marked(serving)
    assert before
    sandbox.config("dex-auth", "connectors= ")
    sandbox.config("dex-auth", "connectors=[]")
    assert live.marked(serving) == before
