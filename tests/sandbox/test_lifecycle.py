# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The sandbox as a program: starts, faults, and that nothing is ever left behind."""

import collections.abc
import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import time

import httpx
import live
import pytest


@pytest.fixture
def own(tmp_path: pathlib.Path) -> live.Live:
    return live.Live(tmp_path)


@contextlib.contextmanager
def foreground(sandbox: live.Live) -> collections.abc.Iterator[subprocess.Popen[str]]:
    """Start `sandbox up` as a person would, in the foreground."""
    with subprocess.Popen(
        [live.SANDBOX, "up", "--port", str(sandbox.port)],
        env={**os.environ, "SANDBOX_HOME": str(sandbox.home)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        except BaseException:
            # Else the end of this block would wait for it.
            process.kill()
            raise


def until(process: subprocess.Popen[str], text: str) -> str:
    """Read what a process prints until a text appears."""
    assert process.stdout
    printed = ""
    while text not in printed:
        line = process.stdout.readline()
        assert line, f"ended before {text!r}: {printed}"
        printed += line
    return printed


def nothing_left(sandbox: live.Live) -> bool:
    return live.marked(str(sandbox.home)) == []


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda end: end.name)
def test_nothing_is_left_after(own: live.Live, end: signal.Signals):
    with foreground(own) as process:
        printed = until(process, "Ctrl-C")
        assert own.url in printed
        assert "user@example.com" in printed
        process.send_signal(end)
        rest, _ = process.communicate(timeout=10)
        assert "Traceback" not in rest
    live.wait(lambda: nothing_left(own), seconds=8, hint="every process ended")
    # The next run works.
    own.up()
    assert own.can_log_in()
    own.down()
    live.wait(lambda: nothing_left(own), seconds=8, hint="every process ended")


@pytest.mark.parametrize("moment", [0.1, 0.4, 1.0, 2.0, 3.5])
def test_ctrl_c_in_the_middle_of_set_up(own: live.Live, moment: float, monkeypatch: pytest.MonkeyPatch):
    # The measurement of coverage takes a Ctrl-C for its own while it starts.
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
    with foreground(own) as process:
        time.sleep(moment)
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=10)
    assert "Traceback" not in printed
    live.wait(lambda: nothing_left(own), seconds=5, hint="every process ended")


def test_a_second_up_names_the_first(running: live.Live):
    printed = running.cli("up", "--detach", code=1)
    assert running.url in printed
    assert len(printed.strip().splitlines()) == 1


def test_a_taken_port_is_named_with_its_holder(own: live.Live):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", own.port))
        holder.listen()
        printed = own.cli("up", "--detach", "--port", str(own.port), code=1)
    assert f"port {own.port}" in printed
    assert str(os.getpid()) in printed
    assert "--port" in printed
    assert nothing_left(own)


def test_commands_without_a_sandbox_say_how_to_start_one(own: live.Live):
    assert "sandbox up" in own.cli("status", code=1)


@pytest.mark.parametrize(
    ("words", "right"),
    [
        (("config", "dex"), "dex-auth"),
        (("config", "dex-auth", "conectors=x"), "connectors"),
        (("config", "dex-auth", "port=many"), "port"),
        (("run", "dex-auth/leader", "get-credential"), "get-credentials"),
        (("run", "dex-auth/7", "get-credentials"), "dex-auth/0"),
        (("integrate", "dex-auth", "nobody"), "gatekeeper"),
        (("scale", "dex-auth", "many"), "number"),
        (("stop", "dex-auth/0", "dexx"), "dex"),
        (("config", "dex-auth", "connectors=@/nowhere/x.yaml"), "/nowhere/x.yaml"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_wrong_word_gets_one_line_that_says_what_is_right(running: live.Live, words: tuple[str, ...], right: str):
    done = subprocess.run(
        [live.SANDBOX, *words],
        env={**os.environ, "SANDBOX_HOME": str(running.home)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode != 0
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert right in done.stderr


def test_a_service_that_dies_comes_back_and_the_charms_hear_of_it(sandbox: live.Live):
    sandbox.cli("kill", "gatekeeper/0", "gatekeeper")
    live.wait(sandbox.can_log_in, seconds=15)
    live.wait(sandbox.active)


def test_a_stopped_service_shows_in_the_status(sandbox: live.Live):
    sandbox.cli("stop", "gatekeeper/0", "gatekeeper")
    live.wait(lambda: not sandbox.active(), seconds=15, hint="the status tells of the stopped service")
    sandbox.cli("start", "gatekeeper/0", "gatekeeper")
    live.wait(sandbox.active, seconds=15)


def test_url_prints_the_url_and_nothing_else(running: live.Live):
    assert running.cli("url") == running.url + "\n"


def _everywhere(sandbox: live.Live, cookie: str, status: int) -> bool:
    """Return whether every gatekeeper answers a session with this status."""
    units = sandbox.status()["applications"]["gatekeeper"]["units"].values()
    headers = {"cookie": cookie, "accept": "application/json"}
    found = [httpx.get(f"http://{unit['address']}:8080/x", headers=headers).status_code for unit in units]
    return len(found) == 3 and set(found) == {status}


def test_three_gatekeepers_share_sessions(sandbox: live.Live):
    client, _ = sandbox.login()
    sandbox.cli("scale", "gatekeeper", "3")
    try:
        live.wait(sandbox.active, seconds=30)
        with contextlib.closing(client):
            assert client.get("/recorded/x").status_code == 200
            cookie = f"{live.SESSION}={client.cookies[live.SESSION]}"
            _everywhere(sandbox, cookie, 200)
            assert client.post("/authservice/logout").status_code == 201
            live.wait(lambda: _everywhere(sandbox, cookie, 401), seconds=2)
        client, _ = sandbox.login()
        with contextlib.closing(client):
            cookie = f"{live.SESSION}={client.cookies[live.SESSION]}"
            sandbox.run("gatekeeper/leader", "revoke-sessions", f"user={sandbox.credentials()[0]}")
            live.wait(lambda: _everywhere(sandbox, cookie, 401), seconds=2)
        time.sleep(1)
        live.wait(sandbox.can_log_in)
        client, _ = sandbox.login()
    finally:
        sandbox.cli("scale", "gatekeeper", "1")
    live.wait(sandbox.active)
    with contextlib.closing(client):
        assert client.get("/recorded/x").status_code == 200
    live.wait(sandbox.can_log_in)


def test_client_secret_rotation_is_followed(sandbox: live.Live):
    client, _ = sandbox.login()
    sandbox.run("gatekeeper/leader", "rotate-client-secret")
    live.wait(sandbox.active)
    live.wait(sandbox.can_log_in)
    with contextlib.closing(client):
        assert client.get("/recorded/x").status_code == 200


def test_no_secret_in_logs_statuses_plans_arguments_or_databags(sandbox: live.Live):
    """Everything that can be read beside the 0600 files, searched for every secret."""
    import json

    _, password = sandbox.credentials()
    path = sandbox.file("gatekeeper/0", "gatekeeper", "/etc/gatekeeper/config.json")
    config = json.loads(path.read_text())
    known = [password, config["client_secret"], *config["state_keys"], config["signing_keys"][0]["pem"].split("\n")[1]]
    sandbox.login()[0].close()
    texts = [sandbox.cli("status", "--format", "json"), sandbox.cli("debug-log")]
    arguments = [pathlib.Path(f"/proc/{pid}/cmdline") for pid in live.marked(str(sandbox.home))]
    environments = [pathlib.Path(f"/proc/{pid}/environ") for pid in live.marked(str(sandbox.home))]
    texts += [path.read_text(errors="replace") for path in arguments + environments]
    wide = [path for path in sandbox.home.rglob("*") if path.is_file() and path.stat().st_mode & 0o077]
    texts += [path.read_text(errors="replace") for path in wide]
    for secret in known:
        for text in texts:
            assert secret not in text


def test_removed_and_integrated_again(sandbox: live.Live):
    """Relations of the login go and come back; the login ends and works again."""
    sandbox.cli("remove-relation", "dex-auth:oidc-client", "gatekeeper:oidc-client")
    live.wait(sandbox.settled)
    assert "juju integrate" in sandbox.message("dex-auth/0") + sandbox.message("gatekeeper/0")
    with sandbox.client() as client:
        assert client.get("/").status_code >= 400
    sandbox.cli("integrate", "dex-auth:oidc-client", "gatekeeper:oidc-client")
    live.wait(sandbox.active)
    live.wait(sandbox.can_log_in)
