# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""`sandbox up` as a process of its own, with a charm that needs nothing."""

import collections.abc
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest

from sandbox import home, processes

PROBE = pathlib.Path(__file__).parent / "charms" / "probe"
BUNDLE = """
applications:
  one: {charm: ./probe, scale: 1}
  two: {charm: ./probe, scale: 1}
relations:
  - [one:serve, two:use]
"""


class Sandbox:
    """A sandbox of two applications, and its command line."""

    def __init__(self, path: pathlib.Path) -> None:
        self.home = path / "home"
        self.bundle = path / "bundle.yaml"
        self.bundle.write_text(BUNDLE)
        shutil.copytree(PROBE, path / "probe")
        # What it raises tells too much, as charms do.
        source = path / "probe" / "src" / "charm.py"
        source.write_text(
            source.read_text().replace('"as it was told to"', 'f"as it was told to: {dict(self.config)}"')
        )
        self.up = ("up", "--bundle", str(self.bundle))

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "sandbox", *words]

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "SANDBOX_HOME": str(self.home)}

    def cli(self, *words: str, code: int = 0) -> str:
        """Run a command, and return what it printed on both streams."""
        done = subprocess.run(
            self.command(*words), env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=90,
        )  # fmt: skip
        assert done.returncode == code, done.stdout
        return done.stdout

    @contextlib.contextmanager
    def foreground(self, *words: str) -> collections.abc.Iterator[subprocess.Popen[str]]:
        with subprocess.Popen(
            self.command(*self.up, *words), env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        ) as process:  # fmt: skip
            try:
                yield process
            except BaseException:
                # Else the end of this block would wait for it.
                process.kill()
                raise

    def units(self) -> dict[str, str]:
        """Return the workload status and the agent's of every unit."""
        data = json.loads(self.cli("status", "--format", "json"))
        return {
            name: f"{unit['workload-status']['current']} {unit['juju-status']['current']}"
            for app in data["applications"].values()
            for name, unit in app["units"].items()
        }

    def pebbles(self) -> list[int]:
        return [pid for pid in self.left() if "pebble" in pathlib.Path(f"/proc/{pid}/exe").readlink().name]

    def left(self) -> list[int]:
        return processes.marked(self.home)


def read_until(process: subprocess.Popen[str], text: str) -> str:
    assert process.stdout
    printed = ""
    while text not in printed:
        line = process.stdout.readline()
        assert line, f"ended before {text!r}: {printed}"
        printed += line
    return printed


def wait(what: collections.abc.Callable[[], object], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture
def own(tmp_path: pathlib.Path) -> collections.abc.Iterator[Sandbox]:
    made = Sandbox(tmp_path)
    yield made
    found = home.running(made.home)
    if found:
        os.kill(found.pid, signal.SIGKILL)
    processes.end_marked(made.home)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> collections.abc.Iterator[Sandbox]:
    made = Sandbox(tmp_path_factory.mktemp("sandbox"))
    made.cli(*made.up, "--detach")
    yield made
    made.cli("down")
    assert made.left() == []


@contextlib.contextmanager
def hanging_up(handler: signal.Handlers) -> collections.abc.Iterator[None]:
    """Start programs that take the end of a terminal so, in whatever way the tests were started."""
    before = signal.signal(signal.SIGHUP, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda end: end.name)
def test_a_signal_ends_everything_within_two_seconds(own: Sandbox, end: signal.Signals):
    with hanging_up(signal.SIG_DFL), own.foreground() as process:
        printed = read_until(process, "Ctrl-C")
        assert re.search(r"^ready in \d+\.\d s$", printed, re.MULTILINE)
        assert "one/0: active" in read_until(process, "two/0: active")
        assert len(own.left()) == 4
        began = time.monotonic()
        process.send_signal(end)
        rest, _ = process.communicate(timeout=10)
        assert time.monotonic() - began < 2
    assert process.returncode == 0
    assert rest.splitlines()[-1] == "stopped"
    assert "Traceback" not in rest
    assert own.left() == []
    assert home.running(own.home) is None


def test_nohup_outlives_the_terminal(own: Sandbox):
    with hanging_up(signal.SIG_IGN), own.foreground() as process:
        read_until(process, "two/0: active")
        process.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        assert process.poll() is None
        assert own.units() == {"one/0": "active idle", "two/0": "active idle"}
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)
    assert process.returncode == 0
    assert own.left() == []


def test_sigkill_leaves_nothing_and_the_next_one_works(own: Sandbox):
    with own.foreground() as process:
        read_until(process, "Ctrl-C")
        process.kill()
    wait(lambda: own.left() == [])
    assert "ready in" in own.cli(*own.up, "--detach")
    assert own.units() == {"one/0": "active idle", "two/0": "active idle"}
    own.cli("down")
    assert own.left() == []


@pytest.mark.parametrize("moment", [0.05, 0.5, 1.0])
def test_ctrl_c_at_any_moment_of_the_start(own: Sandbox, moment: float, monkeypatch: pytest.MonkeyPatch):
    # The measurement of coverage takes a Ctrl-C for its own while it starts.
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
    with own.foreground() as process:
        time.sleep(moment)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=10)
        assert time.monotonic() - began < 2
    assert "Traceback" not in printed
    wait(lambda: own.left() == [], seconds=2)
    assert home.running(own.home) is None


def test_ctrl_c_of_a_detached_start_ends_it(own: Sandbox):
    with own.foreground("--detach") as process:
        wait(lambda: own.left() != [])
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "Traceback" not in printed
    assert own.left() == []


def test_down_ends_one_that_is_still_starting(own: Sandbox):
    with own.foreground() as process:
        wait(lambda: home.running(own.home) is not None)
        own.cli("down")
        process.communicate(timeout=5)
    assert own.left() == []


def test_processes_of_an_earlier_run_are_ended_first(own: Sandbox):
    stale = subprocess.Popen(["sleep", "1000"], env={"PATH": os.environ["PATH"], processes.MARK: str(own.home)})
    foreign = subprocess.Popen(["sleep", "1000"], env={"PATH": os.environ["PATH"], processes.MARK: f"{own.home}2"})
    assert "ended 1 process of an earlier run" in own.cli(*own.up, "--detach")
    assert stale.wait(timeout=1) == -signal.SIGTERM
    assert foreign.poll() is None
    foreign.kill()
    foreign.wait()
    own.cli("down")


def test_a_second_one_names_the_first_and_leaves_it_alone(running: Sandbox):
    found = home.running(running.home)
    assert found
    processes_before = running.left()
    for words in (running.up, (*running.up, "--detach")):
        printed = running.cli(*words, code=1)
        assert printed == f"sandbox: a sandbox is already running here (pid {found.pid}): stop it with 'sandbox down'\n"
    assert running.left() == processes_before


def test_another_home_has_other_addresses(running: Sandbox, own: Sandbox):
    own.cli(*own.up, "--detach")
    addresses = [
        unit["address"]
        for each in (running, own)
        for app in json.loads(each.cli("status", "--format", "json"))["applications"].values()
        for unit in app["units"].values()
    ]
    assert len(set(addresses)) == 4
    own.cli("down")
    assert len(running.left()) == 4


def test_a_taken_port_is_named_with_its_holder(tmp_path: pathlib.Path, own: Sandbox):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        printed = own.cli("up", "--port", str(port), code=1)
    who = pathlib.Path("/proc/self/comm").read_text().strip()
    assert printed == (f"sandbox: port {port} is taken by {who} (pid {os.getpid()}): choose another with --port N\n")
    assert own.left() == []
    assert home.running(own.home) is None


@pytest.mark.parametrize(
    ("files", "words", "says"),
    [
        ({}, ("--bundle", "none.yaml"), "none.yaml: No such file"),
        ({"bad.yaml": "a: ["}, ("--bundle", "bad.yaml"), "bad.yaml"),
        ({"bad.yaml": "sandbox: {port: many}"}, ("--overlay", "bad.yaml"), "sandbox.port in the overlay"),
        ({"bad.yaml": "sandbox: {port: 80}"}, ("--overlay", "bad.yaml"), "1024 to 65535, not 80"),
        ({"bad.yaml": "relations: [[one:serve, two:nothing]]"}, ("--overlay", "bad.yaml"), "endpoints are"),
        ({"bad.yaml": "applications: {one: {options: {number: x}}}"}, ("--overlay", "bad.yaml"), "a whole number"),
    ],
)  # fmt: skip
def test_what_is_in_the_way_is_one_sentence(
    own: Sandbox, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], words: tuple[str, ...], says: str
):
    monkeypatch.chdir(own.bundle.parent)
    for name, text in files.items():
        pathlib.Path(name).write_text(text)
    (line,) = [line for line in own.cli(*own.up, *words, "--detach", code=1).splitlines() if line != "starting"]
    assert line.startswith("sandbox: ")
    assert says in line
    assert own.left() == []


def test_no_directory_of_another_use_is_taken(own: Sandbox):
    own.home.mkdir()
    (own.home / "thesis.tex").touch()
    assert "holds other files" in own.cli(*own.up, code=1)
    assert (own.home / "thesis.tex").exists()


def test_without_go_it_says_what_to_install(own: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path):
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "setpriv").symlink_to(shutil.which("setpriv") or "")
    monkeypatch.setenv("PATH", str(tools))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    assert re.search(r"^sandbox: Go [\d.]+ or newer is needed .*: install Go", own.cli(*own.up, code=1), re.MULTILINE)


def test_a_killed_pebble_is_started_again_and_its_services_do_not_stay(running: Sandbox):
    before = running.pebbles()
    environment = dict(
        entry.split("=", 1) for entry in pathlib.Path(f"/proc/{before[0]}/environ").read_text().split("\0") if entry
    )
    with subprocess.Popen(["sleep", "20"], env=environment) as service:
        os.kill(before[0], signal.SIGKILL)
        assert service.wait(timeout=5) == -signal.SIGTERM
    wait(lambda: len(running.pebbles()) == 2 and running.pebbles() != before)
    assert "Pebble of container box ended, starting it again" in running.cli("debug-log")
    wait(lambda: set(running.units().values()) == {"active idle"})


def test_a_killed_worker_is_replaced(running: Sandbox):
    workers = set(running.left()) - set(running.pebbles())
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    printed = running.cli("run", "one/0", "greet", "name=bob", "times=2", "--format", "json")
    assert json.loads(printed) == {"text": "hello bob hello bob"}


def test_scale_starts_and_ends_the_processes_of_units(running: Sandbox):
    units = {"one/0": "active idle", "two/0": "active idle"}
    running.cli("scale", "one", "3")
    wait(lambda: running.units() == {**units, "one/1": "active idle", "one/2": "active idle"})
    assert len(running.left()) == 8
    running.cli("scale", "one", "1")
    wait(lambda: running.units() == units and len(running.left()) == 4)
    wait(lambda: not (running.home / "units" / "one-2").exists())
    assert (running.home / "units" / "one-0").exists()


def test_a_hook_that_raises_shows_and_is_run_again(running: Sandbox):
    running.cli("config", "one", "raise=true")
    wait(lambda: running.units()["one/0"] == "error error")
    assert "RuntimeError: as it was told to" in running.cli("debug-log")
    running.cli("config", "one", "--reset", "raise")
    wait(lambda: running.units()["one/0"] == "active idle")


def test_the_log_tells_no_secret(running: Sandbox):
    uri = running.cli("add-secret", "pass", "key=hunter2hunter2").strip()
    assert uri.startswith("secret:")
    running.cli("grant-secret", "pass", "one")
    running.cli("config", "one", "text=hunter2hunter2", "raise=true")
    wait(lambda: running.units()["one/0"] == "error error")
    running.cli("config", "one", "--reset", "text,raise")
    wait(lambda: running.units()["one/0"] == "active idle")
    log = running.cli("debug-log")
    assert "'text': '******'" in log
    assert "hunter2hunter2" not in log


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("config", "on"), "no application 'on': did you mean 'one'?"),
        (("config", "one", "txt=x"), "did you mean 'text'?"),
        (("config", "one", "number=x"), "a whole number"),
        (("run", "one/7", "greet"), "there are one/0, one/leader"),
        (("run", "one/0", "gret"), "did you mean 'greet'?"),
        (("run", "one/0", "greet"), "name="),
        (("run", "one/0", "refuse"), "not today"),
        (("integrate", "one", "two"), "one:serve two:use"),
        (("integrate", "one:nothing", "two"), "endpoints are"),
        (("remove-relation", "one:use", "two:serve"), "one:serve two:use"),
        (("scale", "three", "1"), "applications are one, two"),
        (("add-secret", "x", "A=1"), "secret key 'A' is not valid"),
        (("grant-secret", "none", "one"), "no secret 'none'"),
        (("stop", "one", "x"), "there are one/0, one/leader"),
        (("kill", "one/0", "x"), "one/0 has no service 'x': there are none"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_wrong_word_gets_one_line_that_says_what_is_right(running: Sandbox, words: tuple[str, ...], says: str):
    (line,) = running.cli(*words, code=1).splitlines()
    assert line.startswith("sandbox: ")
    assert says in line


def test_files_and_sockets_are_the_owner_s_alone(running: Sandbox):
    found = home.running(running.home)
    assert found
    assert running.home.stat().st_mode & 0o777 == 0o700
    assert pathlib.Path(found.runtime).stat().st_mode & 0o777 == 0o700
    assert found.control.stat().st_mode & 0o777 == 0o600
    assert (running.home / "debug.log").stat().st_mode & 0o777 == 0o600


def test_the_log_is_followed_until_the_end(own: Sandbox):
    own.cli(*own.up, "--detach")
    with subprocess.Popen(
        own.command("debug-log", "--follow"), env=own.environment, stdout=subprocess.PIPE, text=True
    ) as log:
        own.cli("config", "one", "raise=true")
        read_until(log, "as it was told to")
        own.cli("down")
        log.communicate(timeout=5)
    assert log.returncode == 0
