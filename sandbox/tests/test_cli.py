# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import collections.abc
import os
import pathlib
import re
import subprocess
import sys

import pytest

from sandbox import arguments, control, home

COMMANDS = (
    "up", "down", "status", "url", "config", "run", "integrate", "remove-relation", "scale", "add-secret",
    "grant-secret", "debug-log", "stop", "start", "kill",
)  # fmt: skip
TABLE = {
    "connectors": {"type": "string", "default": "", "value": "", "source": "default", "description": "Lists."},
    "enable": {"type": "boolean", "default": False, "value": True, "source": "user", "description": "Enables."},
}


class Running:
    """A control socket in a home, which keeps what it is asked and answers from a table."""

    def __init__(self, path: pathlib.Path) -> None:
        self.asked: list[tuple[str, dict]] = []
        self.answers = {"config": TABLE, "url": "http://127.0.0.1:1", "add-secret": "secret:abc", "run": {}}
        self.home = home.Home(path)
        self.home.clear()
        self._server = control.Server(self.home.runtime / "control", self._handle)

    def _handle(self, command: str, words: dict) -> collections.abc.Iterator:
        self.asked.append((command, words))
        if words.get("app") == "nobody":
            raise control.ControlError("no application 'nobody': applications are dex-auth")
        yield self.answers.get(command)

    def close(self) -> None:
        self._server.close()
        self.home.close()


@pytest.fixture
def running(tmp_path: pathlib.Path) -> collections.abc.Iterator[Running]:
    made = Running(tmp_path / "home")
    yield made
    made.close()


@pytest.fixture
def run(tmp_path: pathlib.Path) -> collections.abc.Callable[..., subprocess.CompletedProcess[str]]:
    def call(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "sandbox", *words],
            env={**os.environ, "SANDBOX_HOME": str(tmp_path / "home"), **environment},
            cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
        )  # fmt: skip

    return call


def complaint(done: subprocess.CompletedProcess[str], code: int) -> str:
    """Return the one line that a refused command printed."""
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as caught:
        arguments.parse([command, "--help"])
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    assert f"\n  sandbox {command}" in shown or f'"$(sandbox {command})' in shown


def test_help_names_every_command_and_no_word_shows_it_too(run):
    shown = run("help").stdout
    assert [command for command in COMMANDS if not re.search(rf"^ +{command}\s", shown, re.MULTILINE)] == []
    assert run().stdout == shown
    assert run("help", "scale").stdout == run("scale", "--help").stdout


@pytest.mark.parametrize("words", [(command,) for command in ("down", "status", "url", "debug-log")] + [
    ("config", "dex-auth"), ("run", "dex-auth/0", "x"), ("integrate", "a", "b"), ("remove-relation", "a", "b"),
    ("scale", "a", "1"), ("add-secret", "a", "key=x"), ("grant-secret", "a", "b"), ("kill", "a/0", "b"),
])  # fmt: skip
def test_without_a_sandbox_every_command_says_how_to_start_one(run, words: tuple[str, ...]):
    assert complaint(run(*words), 1) == "sandbox: no sandbox is running here: start one with 'sandbox up'"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("stats",), "no command 'stats': did you mean 'status'?"),
        (("frobnicate",), "commands are up, down, status"),
        (("--verbose",), "'--verbose'"),
        (("status", "--frmat", "json"), "did you mean '--format'?"),
        (("status", "--format", "xml"), "'json'"),
        (("down", "--force"), "there are --help"),
        (("url", "x"), "'x' is one word too many"),
        (("scale", "gatekeeper"), "N"),
        (("scale", "gatekeeper", "many"), "N must be a number from 0 to 100, not 'many'"),
        (("scale", "gatekeeper", "101"), "0 to 100"),
        (("scale", "gatekeeper", "1", "2"), "'2' is one word too many"),
        (("run", "a/0", "x", "y"), "'y' is not KEY=VALUE"),
        (("run", "a/0", "x", "=y"), "'=y' is not KEY=VALUE"),
        (("add-secret", "x", "y"), "'y' is not KEY=VALUE"),
        (("add-secret", "x", "key#file=/nowhere"), "cannot read /nowhere: No such file"),
        (("config", "a", "k=@/nowhere"), "cannot read /nowhere: No such file"),
        (("config", "a", "k", "l=1"), "cannot show and set options at once"),
        (("up", "--port", "80"), "--port must be a number from 1024 to 65535, not '80'"),
        (("up", "--port", "x"), "not 'x'"),
        (("up", "--prt", "1"), "did you mean '--port'?"),
        (("up", "now"), "'now' is one word too many"),
        (("up", "--app", "mine=http://h:1"), "/mine=http://localhost:3000"),
        (("up", "--detach", "--app", "/dex=http://h:1"), "the login"),
        (("up", "--app", "/a=http://h:1", "--public-app", "/a=http://h:2"), "given twice"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_wrong_word_gets_one_line_that_says_what_is_right(run, words: tuple[str, ...], says: str):
    assert says in complaint(run(*words), 2)


def test_a_file_that_is_not_text_is_refused(run, running: Running, tmp_path: pathlib.Path):
    (tmp_path / "f").write_bytes(b"\xff\xfe")
    assert "not UTF-8" in complaint(run("config", "dex-auth", "connectors=@f"), 2)
    assert running.asked == []


def test_config_sends_values_files_and_resets_in_any_order(run, running: Running, tmp_path: pathlib.Path):
    (tmp_path / "c.yaml").write_text("- type: ldap\n")
    done = run("config", "dex-auth", "a=1", "--reset", "x, y", "connectors=@c.yaml", "b=k=v", "empty=")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    values = {"a": "1", "connectors": "- type: ldap\n", "b": "k=v", "empty": ""}
    assert running.asked == [("config", {"app": "dex-auth", "values": values, "reset": ["x", "y"]})]


def test_config_shows_as_juju_does(run, running: Running):
    assert run("config", "dex-auth", "enable").stdout == "true\n"
    assert run("config", "dex-auth", "connectors").stdout == "\n"
    shown = run("config", "dex-auth").stdout
    assert shown.startswith("application: dex-auth\nsettings:\n  connectors:\n    type: string\n")
    assert "    value: true\n    source: user\n" in shown
    says = complaint(run("config", "dex-auth", "conectors"), 2)
    assert says == "sandbox: dex-auth has no option 'conectors': did you mean 'connectors'?"


def test_a_refusal_of_the_sandbox_is_one_line(run, running: Running):
    assert complaint(run("config", "nobody"), 1) == "sandbox: no application 'nobody': applications are dex-auth"


def test_run_prints_results_as_yaml_or_json(run, running: Running):
    running.answers["run"] = {"username": "user@example.com", "password": "123456", "pem": "a\nb\n"}
    shown = run("run", "dex-auth/leader", "get-credentials", "--format", "json", "k=v=w").stdout
    assert shown == '{"username": "user@example.com", "password": "123456", "pem": "a\\nb\\n"}\n'
    assert running.asked[-1] == (
        "run",
        {"unit": "dex-auth/leader", "action": "get-credentials", "params": {"k": "v=w"}},
    )
    shown = run("run", "dex-auth/leader", "get-credentials").stdout
    assert shown == "password: '123456'\npem: |\n  a\n  b\nusername: user@example.com\n"


def test_the_other_commands_send_what_they_were_given(run, running: Running, tmp_path: pathlib.Path):
    (tmp_path / "pw").write_text("s3cret\n")
    assert run("url").stdout == "http://127.0.0.1:1\n"
    assert run("add-secret", "ldap", "bind-password#file=pw", "user=cn=admin").stdout == "secret:abc\n"
    for words in (
        ("integrate", "a:x", "b"), ("remove-relation", "a:x", "b"), ("scale", "a", "3"), ("grant-secret", "ldap", "a"),
        ("stop", "a/0", "s"), ("start", "a/0", "s"), ("kill", "a/0", "s"),
    ):  # fmt: skip
        assert run(*words).returncode == 0
    assert running.asked[1:] == [
        ("add-secret", {"name": "ldap", "content": {"bind-password": "s3cret\n", "user": "cn=admin"}}),
        ("integrate", {"one": "a:x", "two": "b"}),
        ("remove-relation", {"one": "a:x", "two": "b"}),
        ("scale", {"app": "a", "units": 3}),
        ("grant-secret", {"name": "ldap", "app": "a"}),
        *[("service", {"verb": verb, "unit": "a/0", "service": "s"}) for verb in ("stop", "start", "kill")],
    ]


def test_one_that_is_still_starting_is_told_apart(run, tmp_path: pathlib.Path):
    held = home.Home(tmp_path / "home")
    assert complaint(run("status"), 1) == f"sandbox: the sandbox (pid {os.getpid()}) is still starting, or ending"
    held.close()


def test_the_log_of_the_last_one_can_be_read_afterwards(run, running: Running):
    with running.home.open("debug.log") as log:
        log.write("unit-a-0: 12:00:00 INFO one\n")
    assert (run("debug-log").stdout, run("debug-log").stderr) == ("unit-a-0: 12:00:00 INFO one\n", "")
    running.close()
    done = run("debug-log", "--follow")
    assert (done.returncode, done.stdout) == (0, "unit-a-0: 12:00:00 INFO one\n")
    assert "no sandbox is running here" in done.stderr


def test_a_reader_that_has_enough_gets_no_traceback(running: Running, tmp_path: pathlib.Path):
    with running.home.open("debug.log") as log:
        log.writelines(f"unit-a-0: 12:00:00 INFO {number}\n" for number in range(50_000))
    done = subprocess.run(
        f"{sys.executable} -m sandbox debug-log | head -n 1", shell=True, capture_output=True, text=True,
        env={**os.environ, "SANDBOX_HOME": str(tmp_path / "home")}, timeout=30,
    )  # fmt: skip
    assert done.stdout == "unit-a-0: 12:00:00 INFO 0\n"
    assert done.stderr == ""
