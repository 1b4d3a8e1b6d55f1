# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import collections.abc
import contextlib
import dataclasses
import pathlib
import typing

import ops
import pytest
from charmkit import desired, pebble
from ops import testing

META = {"name": "runner", "containers": {"box": {}}}
FILE = desired.File(path="/etc/box/config.json", text="{}\n")
LAYER = {
    "services": {"main": desired.service("/bin/main", environment={"CONFIG_DIGEST": "1"})},
    "checks": {"ready": desired.http_check("http://localhost:1/ready")},
}
STATE = desired.Desired(files=(FILE,), layer=LAYER)


@contextlib.contextmanager
def container(tmp_path: pathlib.Path, *execs: testing.Exec) -> collections.abc.Iterator[ops.Container]:
    """Give a container whose /etc/box is a directory of the test."""
    mounts = {"etc": testing.Mount(location="/etc/box", source=tmp_path)}
    box = testing.Container("box", can_connect=True, mounts=mounts, execs=set(execs))
    with (
        testing.Context(ops.CharmBase, meta=META) as ctx,
        ctx(ctx.on.update_status(), testing.State(containers={box})) as manager,
    ):
        yield manager.charm.unit.get_container("box")


def test_missing_file_is_none(tmp_path: pathlib.Path) -> None:
    with container(tmp_path) as box:
        assert pebble.read(box, "/etc/box/none") is None


def test_file_is_read_and_closed(tmp_path: pathlib.Path) -> None:
    (tmp_path / "x").write_text("text\n")
    with container(tmp_path) as box:
        assert pebble.read(box, "/etc/box/x") == "text\n"


def test_other_trouble_than_a_missing_file_is_raised(tmp_path: pathlib.Path) -> None:
    class Denied:
        def pull(self, _: str) -> None:
            raise ops.pebble.PathError("permission-denied", "no")

    with pytest.raises(ops.pebble.PathError):
        pebble.read(Denied(), "/etc/box/x")  # type: ignore[arg-type]


def test_only_files_that_differ_are_written(tmp_path: pathlib.Path) -> None:
    other = desired.File(path="/etc/box/deep/other", text="x")
    with container(tmp_path) as box:
        assert pebble.write(box, (FILE, other)) == ("/etc/box/config.json", "/etc/box/deep/other")
        assert pebble.write(box, (FILE, other)) == ()
        assert pebble.write(box, (FILE, dataclasses.replace(other, text="y"))) == ("/etc/box/deep/other",)
    assert (tmp_path / "deep" / "other").read_text() == "y"


def test_files_are_private_unless_they_say_otherwise(tmp_path: pathlib.Path) -> None:
    with container(tmp_path) as box:
        pebble.write(box, (FILE, desired.File(path="/etc/box/public", text="x", mode=0o644)))
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {"config.json": 0o600, "public": 0o644}


def test_apply_brings_files_services_and_checks(tmp_path: pathlib.Path) -> None:
    with container(tmp_path) as box:
        assert not pebble.running(box, "main")
        assert not pebble.check_is_up(box, "ready")
        assert pebble.apply(box, STATE) == ("/etc/box/config.json",)
        assert pebble.running(box, "main")
        assert pebble.check_is_up(box, "ready")
        plan = box.get_plan().to_dict()
        assert pebble.apply(box, STATE) == ()
        assert box.get_plan().to_dict() == plan


def test_layers_replace_each_other(tmp_path: pathlib.Path) -> None:
    with container(tmp_path) as box:
        pebble.apply(box, STATE)
        service = desired.service("/bin/other", environment={})
        pebble.apply(box, dataclasses.replace(STATE, layer={"services": {"main": service}}))
        assert box.get_plan().services["main"].command == "/bin/other"
        assert box.get_plan().services["main"].environment == {}


def test_rehearsal_that_ends_well_is_no_refusal(tmp_path: pathlib.Path) -> None:
    with container(tmp_path, testing.Exec(["check"], stdout="OK\n")) as box:
        assert pebble.rehearse(box, ("check", "candidate"), timeout=1) is None


@pytest.mark.parametrize(("said", "expected"), [("bad port\n", "bad port"), ("", "exit code 3")])
def test_rehearsal_that_fails_gives_the_programs_words(tmp_path: pathlib.Path, said: str, expected: str) -> None:
    with container(tmp_path, testing.Exec(["check"], return_code=3, stdout=said)) as box:
        assert pebble.rehearse(box, ("check", "candidate"), timeout=1) == expected


@pytest.mark.parametrize(
    "error",
    [
        ops.pebble.TimeoutError("timed out"),
        ops.pebble.ChangeError("timed out", change=None),  # type: ignore[arg-type]
    ],
)
def test_rehearsal_that_still_runs_has_accepted_unless_a_word_is_missing(error: Exception) -> None:
    assert pebble.rehearse(Program(error), ("serve",), timeout=0.1) is None  # type: ignore[arg-type]
    silent = pebble.rehearse(Program(error), ("serve",), timeout=0.1, serving="ready")  # type: ignore[arg-type]
    assert silent == pebble.SILENT


class Program:
    """A program that says something, and ends as it is told."""

    def __init__(self, error: Exception, *said: str, late: str = "") -> None:
        self.signals: list[str] = []
        self._error = error
        self._said = said
        self._late = late

    def exec(self, *_: object, stdout: typing.TextIO, **__: object) -> "Program":
        for text in self._said:
            stdout.write(text)
        self._stdout = stdout
        return self

    def send_signal(self, name: str) -> None:
        self.signals.append(name)

    def wait(self) -> None:
        self._stdout.write(self._late)
        raise self._error


KILLED: ops.pebble.ExecError[str] = ops.pebble.ExecError(["serve"], 137, None, None)


@pytest.mark.parametrize("program", [Program(KILLED, "begin\nre", "ady\n"), Program(KILLED, late="ready")])
def test_rehearsal_is_ended_at_the_word_that_proves_that_it_serves(program: Program) -> None:
    assert pebble.rehearse(program, ("serve",), timeout=9, serving="ready") is None  # type: ignore[arg-type]
    assert program.signals == ["SIGKILL"]


def test_rehearsal_that_never_says_the_word_is_refused_with_what_it_said() -> None:
    program = Program(KILLED, "no such host")
    assert pebble.rehearse(program, ("serve",), timeout=9, serving="ready") == "no such host"  # type: ignore[arg-type]
    assert program.signals == []


def test_digest_follows_what_a_service_reads_at_its_start() -> None:
    watched = desired.File(path="/w", text="1", watched=True)
    assert desired.digest((FILE, watched)) == desired.digest((FILE, dataclasses.replace(watched, text="2")))
    assert desired.digest((FILE,)) != desired.digest((dataclasses.replace(FILE, text="{ }"),))
    assert desired.digest((FILE,)) != desired.digest((dataclasses.replace(FILE, path="/x"),))


def test_state_has_one_name_for_everything() -> None:
    other = dataclasses.replace(STATE, files=(dataclasses.replace(FILE, mode=0o644),))
    assert STATE.digest == desired.Desired(files=(FILE,), layer=dict(reversed(LAYER.items()))).digest
    assert len({STATE.digest, other.digest, dataclasses.replace(STATE, layer={}).digest}) == 3
