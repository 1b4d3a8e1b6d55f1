# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import collections.abc
import json
import pathlib
import socket
import stat
import threading

import pytest

from sandbox import control


def handle(command: str, arguments: dict) -> collections.abc.Iterable:
    if command == "count":
        yield from range(arguments["to"])
    elif command == "refuse":
        raise control.ControlError("no")
    elif command == "break":
        raise KeyError("a bug, with hunter2 in it")
    else:
        yield arguments


@pytest.fixture
def broken() -> list[str]:
    return []


@pytest.fixture
def path(tmp_path: pathlib.Path, broken: list[str]) -> collections.abc.Iterator[pathlib.Path]:
    server = control.Server(tmp_path / "control", handle, broken=broken.append)
    yield tmp_path / "control"
    server.close()


def raw(path: pathlib.Path, line: bytes) -> list[dict]:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(line)
        return [json.loads(answer) for answer in connection.makefile()]


def test_only_its_owner_can_open_the_socket(path: pathlib.Path):
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_results_come_one_by_one_and_end(path: pathlib.Path):
    assert list(control.ask(path, "count", to=3)) == [0, 1, 2]
    assert list(control.ask(path, "count", to=0)) == []


def test_arguments_arrive_as_they_were_sent(path: pathlib.Path):
    sent = {"values": {"text": "ä\n'\"", "none": None}}
    assert list(control.ask(path, "echo", **sent)) == [sent]


def test_a_refusal_is_raised_with_its_text(path: pathlib.Path):
    with pytest.raises(control.ControlError, match=r"^no$"):
        list(control.ask(path, "refuse"))


def test_a_bug_is_one_line_for_the_operator_and_a_traceback_for_the_log(path: pathlib.Path, broken: list[str]):
    with pytest.raises(control.ControlError, match=r"debug-log") as caught:
        list(control.ask(path, "break"))
    assert "hunter2" not in str(caught.value)
    assert "Traceback" in broken[0]
    # It goes on.
    assert list(control.ask(path, "count", to=1)) == [0]


@pytest.mark.parametrize("line", [b"\n", b"{\n", b"[]\n", b'{"command": "echo"}\n', b"\xff\n"])
def test_what_is_no_request_gets_an_answer(path: pathlib.Path, line: bytes):
    (answer,) = raw(path, line)
    assert "command" in answer["error"]


def test_requests_do_not_wait_for_each_other(path: pathlib.Path):
    first = control.ask(path, "count", to=2)
    assert next(first) == 0
    assert list(control.ask(path, "count", to=2)) == [0, 1]
    assert list(first) == [1]


def test_whoever_asks_may_go_away(path: pathlib.Path):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(json.dumps({"command": "count", "arguments": {"to": 10**5}}).encode() + b"\n")
    assert list(control.ask(path, "count", to=1)) == [0]


def test_nobody_listens_after_close(path: pathlib.Path, tmp_path: pathlib.Path):
    server = control.Server(tmp_path / "other", handle)
    server.close()
    with pytest.raises(OSError):
        list(control.ask(tmp_path / "other", "count", to=1))


def test_a_sandbox_that_ends_in_the_middle_of_its_answer_is_told(tmp_path: pathlib.Path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "control"))
        server.listen()

        def end():
            connection, _ = server.accept()
            connection.recv(100)
            connection.close()

        thread = threading.Thread(target=end)
        thread.start()
        with pytest.raises(control.ControlError, match="ended before"):
            list(control.ask(tmp_path / "control", "count", to=1))
        thread.join()
