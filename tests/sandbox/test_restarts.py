# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Dex starts again after every good change; neither who logs in meanwhile nor who is halfway in notices."""

import collections.abc
import concurrent.futures
import json

import live
import provider
import pytest
import steady


def change(sandbox: live.Live, act: collections.abc.Callable[[], object]) -> str:
    """Change something while somebody is halfway in, and return why they do not get in, if they do not."""
    halfway = steady.Halfway(sandbox)
    act()
    live.wait(sandbox.settled, hint="settle after a change")
    return halfway.finish()


def signing_keys(sandbox: live.Live) -> set[str]:
    with sandbox.client() as client:
        return {key["kid"] for key in client.get("/dex/keys").json()["keys"]}


def process(sandbox: live.Live) -> list[int]:
    return live.marked("\x00serve\x00" + str(sandbox.file("dex-auth/0", "dex", "/tmp/dex/config.yaml")))


def test_one_login_a_second_through_every_change(sandbox: live.Live, other: provider.Provider):
    good = other.connector()
    away = {**good[0], "config": {**good[0]["config"], "issuer": f"http://127.0.0.1:{live.free_port()}"}}
    run, config = sandbox.run, sandbox.config
    acts: dict[str, collections.abc.Callable[[], object]] = {
        "a connector": lambda: config("dex-auth", f"connectors={json.dumps(good)}"),
        "a tab": lambda: config("dex-auth", "connectors=- id: x\n\tname: y"),
        "an unknown type": lambda: config("dex-auth", f"connectors={json.dumps([{**good[0], 'type': 'oidcc'}])}"),
        "a provider that is away": lambda: config("dex-auth", f"connectors={json.dumps([{**away, 'id': 'away'}])}"),
        "mended": lambda: config("dex-auth", f"connectors={json.dumps(good)}"),
        "a user": lambda: run("dex-auth/leader", "add-user", "email=ada@example.com"),
        "a password": lambda: run("dex-auth/leader", "set-password", "email=ada@example.com"),
        "a disabled user": lambda: run("dex-auth/leader", "disable-user", "email=ada@example.com"),
        "no user": lambda: run("dex-auth/leader", "remove-user", "email=ada@example.com"),
        "a title": lambda: config("dex-auth", "title=Other", "log-level=info"),
        "a wrong lifetime": lambda: config("dex-auth", "id-token-lifetime=forever"),
        "options as before": lambda: config("dex-auth", "--reset", "title,log-level,id-token-lifetime,connectors"),
    }
    keys, processes = signing_keys(sandbox), [process(sandbox)]
    with steady.Client(sandbox) as client, steady.Asking(sandbox) as asking:
        for name, act in acts.items():
            assert change(sandbox, act) == "", name
            processes.append(process(sandbox))
    assert client.failed == []
    # A login a second may miss the moment in which nobody listens; this cannot.
    assert asking.failed == []
    assert asking.answers > 100
    assert client.logins >= len(acts)
    assert signing_keys(sandbox) == keys
    # Nothing would be shown by a Dex that was never started again.
    assert len({tuple(found) for found in processes}) >= 7


@pytest.mark.parametrize(
    "what", [("kill", "dex-auth/0", "dex"), ("delete-pod", "dex-auth/0")], ids=lambda what: what[0]
)
def test_a_login_outlives_dex_and_its_pod(sandbox: live.Live, what: tuple[str, ...]):
    keys, before = signing_keys(sandbox), process(sandbox)
    halfway = steady.Halfway(sandbox)
    sandbox.cli(*what)
    live.wait(lambda: process(sandbox) not in ([], before), hint="another Dex")
    live.wait(sandbox.active)
    assert halfway.finish() == ""
    assert signing_keys(sandbox) == keys


def test_a_code_is_exchanged_with_a_dex_that_is_only_just_back(sandbox: live.Live):
    halfway = steady.Halfway(sandbox)
    url = halfway.type_password()
    sandbox.cli("stop", "dex-auth/0", "dex")
    # Nobody listens yet when the code arrives.
    with concurrent.futures.ThreadPoolExecutor() as pool:
        started = pool.submit(sandbox.cli, "start", "dex-auth/0", "dex")
        assert halfway.come_back(url) == ""
        started.result()
    live.wait(sandbox.active)


def test_a_broken_volume_is_named_in_the_words_of_dex(sandbox: live.Live):
    file = sandbox.file("dex-auth/0", "dex", "/var/lib/dex/private/dex.db")
    good = file.read_bytes()
    file.write_bytes(b"x" * 4096)
    sandbox.config("dex-auth", "title=Other")
    live.wait(lambda: "file is not a database" in sandbox.message("dex-auth/0"), hint="Dex's own words")
    assert sandbox.message("dex-auth/0").startswith("blocked: Dex refuses its configuration: ")
    file.write_bytes(good)
    live.wait(sandbox.can_log_in, hint="Pebble started it again")
    sandbox.config("dex-auth", "--reset", "title")
    live.wait(sandbox.active)
