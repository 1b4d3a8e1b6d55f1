# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What stands between the sandbox and its operator: ports, programs outside, the control socket, the command line."""

import http.client
import http.server
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import threading

import pytest

from sandbox import cli, control, echo, outside, ports, supervisor


def test_a_free_port_has_no_holder():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert ports.taken(port) is None


def test_a_taken_port_names_its_holder():
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        assert (
            ports.taken(holder.getsockname()[1])
            == f"{pathlib.Path('/proc/self/comm').read_text().strip()} (pid {os.getpid()})"
        )


def test_two_sandboxes_get_two_blocks():
    one, first = ports.claim_block()
    two, second = ports.claim_block()
    with first, second:
        assert one != two
    again, third = ports.claim_block()
    third.close()
    assert again == one


@pytest.mark.parametrize(
    ("text", "prefix", "rewrite", "host", "port"),
    [
        ("/mine=http://127.0.0.1:3000", "/mine", "/mine", "127.0.0.1", 3000),
        ("/mine=http://10.0.0.1/base/", "/mine", "/base", "10.0.0.1", 80),
        ("/=http://127.0.0.1:1", "/", "/", "127.0.0.1", 1),
    ],
)
def test_program(text: str, prefix: str, rewrite: str, host: str, port: int):
    found = outside.parse(text, public=False)
    assert (found.prefix, found.rewrite, found.host, found.port) == (prefix, rewrite, host, port)
    assert found.endpoint == "ingress"


@pytest.mark.parametrize(
    "text", ["", "/mine", "mine=http://x", "/mine=x", "/mine=https://x", "/m//n=http://x", "/m=http://x:y"]
)
def test_a_wrong_program_is_told_what_is_right(text: str):
    with pytest.raises(ValueError, match="/mine=http://localhost:3000"):
        outside.parse(text, public=False)


def test_an_own_program_takes_the_place_of_the_demonstrations():
    own = outside.parse("/=http://127.0.0.1:3000", public=True)
    assert outside.merge({"echo": {"prefix": "/", "program": "echo"}}, [own]) == (own,)
    assert len(outside.merge({"echo": {"prefix": "/", "program": "echo"}}, [])) == 1


def test_control_socket(tmp_path: pathlib.Path):
    def handle(command: str, arguments: dict) -> list:
        if command == "fail":
            raise control.ControlError("no, like this")
        return [command, arguments]

    server = control.Server(tmp_path / "c", handle)
    assert (tmp_path / "c").stat().st_mode & 0o777 == 0o600
    assert list(control.ask(tmp_path / "c", "echo", a=1)) == ["echo", {"a": 1}]
    with pytest.raises(control.ControlError, match="no, like this"):
        list(control.ask(tmp_path / "c", "fail"))
    server.close()
    with pytest.raises(OSError):
        list(control.ask(tmp_path / "c", "echo"))


def test_a_full_disk_is_named(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch):
    supervisor.check_space(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(2**30, 2**30, 5 * 2**20))
    with pytest.raises(supervisor.SandboxError) as error:
        supervisor.check_space(tmp_path)
    assert str(error.value) == f"the disk of {tmp_path} is full: 5 MiB are free, 50 are needed"


def run(*words: str, home: pathlib.Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sandbox", *words],
        env={**os.environ, "SANDBOX_HOME": str(home)},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("statu",), "no command 'statu': did you mean 'status'?"),
        (("zzz",), "no command 'zzz': commands are add-secret, config,"),
        (("up", "--port", "many"), "--port must be a number from 1 to 65535, not 'many'"),
        (("up", "--app", "x"), "'x' is not PREFIX=URL, such as /mine=http://localhost:3000"),
        (("scale", "a", "-1"), "N must be a number from 0 to 100, not '-1'"),
        (("config",), "sandbox config --help"),
        (("config", "a", "x=@/nowhere"), "cannot read /nowhere: No such file or directory"),
        (("run", "a/0", "b", "c"), "'c' is not KEY=VALUE"),
        (("status",), "no sandbox is running here: start one with 'sandbox up'"),
    ],
)
def test_a_wrong_word_gets_one_line(tmp_path: pathlib.Path, words: tuple[str, ...], text: str):
    done = run(*words, home=tmp_path)
    assert done.returncode in (1, 2)
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    assert text in done.stderr


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        cli.parser().parse_args(["--help"])
    shown = capsys.readouterr().out
    for command in (
        "up",
        "down",
        "status",
        "config",
        "run",
        "integrate",
        "remove-relation",
        "scale",
        "debug-log",
        "url",
    ):
        assert command in shown
        with pytest.raises(SystemExit):
            cli.parser().parse_args([command, "--help"])
        assert "usage: sandbox" in capsys.readouterr().out


def test_the_demonstration_shows_who_asks_and_hides_credentials():
    page = echo.page(
        "/<x>", {"kubeflow-userid": "<b>me</b>", "cookie": "a=secret; b=secret", "authorization": "Bearer 123456789"}
    )
    assert "&lt;b&gt;me&lt;/b&gt;" in page
    assert "&lt;x&gt;" in page
    assert "secret" not in page
    assert "123456789" not in page


def test_the_demonstration_answers_programs_with_json():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), echo.Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port)
    connection.request("POST", "/p?q=1", body="x", headers={"Kubeflow-Userid": "me"})
    found = json.loads(connection.getresponse().read())
    connection.close()
    server.shutdown()
    thread.join()
    server.server_close()
    assert (found["method"], found["path"], found["query"]) == ("POST", "/p", "q=1")
    assert found["headers"]["kubeflow-userid"] == "me"
