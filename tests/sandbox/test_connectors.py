# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Whatever is done to connectors, and whatever becomes of what they ask: who could log in still can."""

import json
import pathlib
import time

import directory
import live
import provider
import steady

# Seconds after which Pebble has seen that a server is away; what comes back sooner is found by update-status.
_SEEN = 6
NO_TLS = (
    "active: warning: connectors[0].config.issuer: no TLS: whoever is between Dex and the server reads and changes "
    "what they say"
)


def blocked(sandbox: live.Live, words: str) -> None:
    live.wait(lambda: words in sandbox.message("dex-auth/0"), hint=f"{words} in {sandbox.message('dex-auth/0')}")
    assert sandbox.message("dex-auth/0").startswith("blocked: ")


def test_a_login_by_another_provider(sandbox: live.Live, other: provider.Provider):
    sandbox.config("dex-auth", "connectors=" + json.dumps(other.connector()))
    live.wait(sandbox.active)
    assert sandbox.can_log_in(provider.USER, provider.PASSWORD, connector="other")
    assert sandbox.can_log_in()


def test_nobody_notices_a_bad_change(sandbox: live.Live, other: provider.Provider):
    """One login a second through every kind of mistake, and not one of them fails."""
    good = json.dumps(other.connector())
    sandbox.config("dex-auth", f"connectors={good}")
    live.wait(sandbox.active)
    away = {**other.connector()[0], "id": "away"}
    away["config"] = {**away["config"], "issuer": f"http://127.0.0.1:{live.free_port()}"}
    wrong = {**other.connector()[0], "config": {"issuer": "ftp://x"}}
    unreadable = {**other.connector()[0]}
    unreadable["config"] = {**unreadable["config"], "clientSecret": "secret:" + "z" * 20}
    mistakes = {
        "- id: x\n\tname: y": "line 2, column 1",
        json.dumps([wrong]): "connectors[0].config.issuer: 'ftp://x' must begin with http:// or https://",
        json.dumps([{**wrong, "type": "oidcc"}]): "did you mean 'oidc'?",
        json.dumps([*other.connector(), away]): "Dex refuses them: Failed to open connector away",
        json.dumps([unreadable]): f"juju grant-secret {'z' * 20} dex-auth",
    }
    serving = "\x00serve\x00" + str(sandbox.file("dex-auth/0", "dex", "/tmp/dex/config.yaml"))
    before = live.marked(serving)
    with steady.Client(sandbox) as client:
        for text, words in mistakes.items():
            sandbox.config("dex-auth", f"connectors={text}")
            blocked(sandbox, words)
            time.sleep(2)
        sandbox.config("dex-auth", f"connectors={good}")
        live.wait(sandbox.active)
    assert client.failed == []
    assert client.logins >= 10
    assert live.marked(serving) == before
    assert sandbox.can_log_in(provider.USER, provider.PASSWORD, connector="other")


def test_one_that_is_unreachable_does_not_keep_the_others_of_a_list_out(sandbox: live.Live, other: provider.Provider):
    (good,) = other.connector()
    away = {**good, "id": "away", "config": {**good["config"], "issuer": f"http://127.0.0.1:{live.free_port()}"}}
    sandbox.config("dex-auth", "connectors=" + json.dumps([away, good]))
    blocked(sandbox, "connector 'away': Dex cannot open it: ")
    assert sandbox.can_log_in(provider.USER, provider.PASSWORD, connector="other")
    sandbox.config("dex-auth", "connectors=" + json.dumps([good]))
    live.wait(sandbox.active)
    # What is new and works is served, and what was good goes only with a list that is good.
    sandbox.config("dex-auth", "connectors=" + json.dumps([away, {**good, "id": "second"}]))
    blocked(sandbox, "Dex refuses them: Failed to open connector away")
    assert sandbox.can_log_in(provider.USER, provider.PASSWORD, connector="second")
    assert sandbox.can_log_in(provider.USER, provider.PASSWORD, connector="other")


def test_a_first_list_of_which_nobody_answers_yet(sandbox: live.Live, other: provider.Provider):
    """It is tried again by itself, and nobody else has to wait for it."""
    other.stop()
    sandbox.config("dex-auth", "connectors=" + json.dumps(other.connector()))
    blocked(sandbox, "connector 'other': Dex cannot open it: ")
    assert sandbox.can_log_in()
    time.sleep(_SEEN)
    other.start()
    live.wait(lambda: sandbox.can_log_in(provider.USER, provider.PASSWORD, connector="other"), hint="it is back")
    live.wait(sandbox.active, seconds=60, hint="the status forgets it")
    assert sandbox.message("dex-auth/0") == NO_TLS


def test_the_only_way_in_does_not_answer_yet(sandbox: live.Live, other: provider.Provider):
    other.stop()
    sandbox.config("dex-auth", "enable-password-db=false", "connectors=" + json.dumps(other.connector()))
    blocked(sandbox, "nobody can log in, connector 'other': Dex cannot open it: ")
    time.sleep(_SEEN)
    other.start()
    live.wait(sandbox.active, seconds=60, hint="it is tried again")
    assert sandbox.can_log_in(provider.USER, provider.PASSWORD, connector="other")
    assert sandbox.message("dex-auth/0") == NO_TLS


def test_a_directory_that_does_not_answer_yet(sandbox: live.Live, tmp_path: pathlib.Path):
    (tmp_path / "slapd").mkdir()
    slapd = directory.Directory(tmp_path / "slapd")
    sandbox.config("dex-auth", "connectors=" + json.dumps(slapd.secured()))
    live.wait(sandbox.active)
    assert sandbox.can_log_in()
    assert not sandbox.can_log_in("jane@example.org", "jane-secret", connector="ldap")
    slapd.start()
    try:
        assert sandbox.can_log_in("jane@example.org", "jane-secret", connector="ldap")
    finally:
        slapd.stop()


def test_a_provider_that_is_away_when_dex_starts(sandbox: live.Live, other: provider.Provider):
    sandbox.config("dex-auth", "connectors=" + json.dumps(other.connector()))
    live.wait(sandbox.active)
    other.stop()
    sandbox.cli("kill", "dex-auth/0", "dex")
    live.wait(sandbox.can_log_in, hint="the static user gets in")
    assert not sandbox.can_log_in(provider.USER, provider.PASSWORD, connector="other")
    # Another option is applied although it is away, and the status names it.
    sandbox.config("dex-auth", "static-username=me@example.com")
    live.wait(lambda: "connector 'other': Dex cannot open it" in sandbox.message("dex-auth/0"))
    assert sandbox.credentials()[0] == "me@example.com"
    assert sandbox.can_log_in()
    other.start()
    live.wait(lambda: sandbox.can_log_in(provider.USER, provider.PASSWORD, connector="other"), hint="it is back")


def test_a_provider_that_hangs_when_dex_starts(sandbox: live.Live, other: provider.Provider):
    """Dex would wait for it for ever; it is left out, until Dex can open it again."""
    sandbox.config("dex-auth", "connectors=" + json.dumps(other.connector()))
    live.wait(sandbox.active)
    other.hang()
    sandbox.cli("kill", "dex-auth/0", "dex")
    live.wait(sandbox.can_log_in, seconds=60, hint="the static user gets in")
    live.wait(lambda: "connector 'other': Dex cannot open it" in sandbox.message("dex-auth/0"))
    other.start()
    # The next update-status tries again; so does any change, for which nobody has to wait five minutes.
    sandbox.config("dex-auth", "static-username=me@example.com")
    live.wait(sandbox.active)
    assert sandbox.can_log_in(provider.USER, provider.PASSWORD, connector="other")
    assert sandbox.message("dex-auth/0") == NO_TLS


def test_secrets_of_the_operator(sandbox: live.Live, tmp_path: pathlib.Path):
    (tmp_path / "slapd").mkdir()
    slapd = directory.Directory(tmp_path / "slapd")
    slapd.start()
    try:
        (tmp_path / "password").write_text(directory.ADMIN[1] + "\n")
        uri = sandbox.cli("add-secret", "ldap-bind", f"value#file={tmp_path / 'password'}").strip()
        sandbox.config("dex-auth", "connectors=" + json.dumps(slapd.secured(bindPW=uri)))
        blocked(sandbox, f"juju grant-secret {uri.removeprefix('secret:')} dex-auth")
        sandbox.cli("grant-secret", "ldap-bind", "dex-auth")
        live.wait(sandbox.active)
        assert sandbox.can_log_in("jane@example.org", "jane-secret", connector="ldap")
        checks = sandbox.run("dex-auth/leader", "check-connectors", "username=jane@example.org")["checks"]
        assert "ok: kubeflow-userid: jane@example.org" in checks
    finally:
        sandbox.config("dex-auth", "--reset", "connectors")
        slapd.stop()


def test_users_by_actions(sandbox: live.Live):
    made = sandbox.run("dex-auth/leader", "add-user", "email=grace@example.com")
    live.wait(sandbox.active)
    assert sandbox.can_log_in("Grace@example.com", made["password"])
    assert sandbox.can_log_in()
    other = sandbox.run("dex-auth/leader", "set-password", "email=grace@example.com")
    live.wait(sandbox.active)
    assert not sandbox.can_log_in("grace@example.com", made["password"])
    assert sandbox.can_log_in("grace@example.com", other["password"])
    sandbox.run("dex-auth/leader", "disable-user", "email=grace@example.com")
    live.wait(sandbox.active)
    assert not sandbox.can_log_in("grace@example.com", other["password"])
    sandbox.run("dex-auth/leader", "remove-user", "email=grace@example.com")
    live.wait(sandbox.active)
    assert json.loads(sandbox.run("dex-auth/leader", "list-users")["users"]) == []
