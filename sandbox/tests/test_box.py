# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import collections.abc
import os
import pathlib
import shutil
import signal
import tempfile
import threading
import time

import ops
import pytest

from sandbox import box, processes, programs, words

SERVICE = {
    "override": "replace", "startup": "enabled", "command": "/bin/sleepy 1000", "environment": {"D": "1"},
    "backoff-delay": "100ms",
}  # fmt: skip


@pytest.fixture(scope="session")
def pebble() -> pathlib.Path:
    return programs.built("pebble", print)


@pytest.fixture
def home(tmp_path: pathlib.Path) -> collections.abc.Iterator[pathlib.Path]:
    yield tmp_path
    processes.end_marked(tmp_path)
    assert processes.marked(tmp_path) == []


@pytest.fixture
def container(home: pathlib.Path, pebble: pathlib.Path) -> collections.abc.Iterator[box.Box]:
    sleep, false = shutil.which("sleep"), shutil.which("false")
    assert sleep
    assert false
    vocabulary = words.Words(
        hosts={"app": "127.1.9.1"}, model="m", address="127.1.9.2", root=str(home / "box" / "root"),
        tops=("/etc/app", "/tmp"), programs={"/bin/sleepy": sleep, "/bin/failing": false, "/bin/cat": "/bin/cat"},
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="t-") as short:
        made = box.Box(
            "app/0 box", home=home, directory=home / "box", socket=pathlib.Path(short) / "s", vocabulary=vocabulary,
            pebble=pebble,
        )  # fmt: skip
        made.start()
        yield made
        made.signal_stop()
        made.wait(5)


def layer(**service: object) -> dict:
    return {"services": {"sleepy": {**SERVICE, **service}}}


def replan(container: box.Box, content: dict) -> int | None:
    client = container.client()
    client.add_layer("charm", content, combine=True)
    client.replan_services()
    return container.service_pid("sleepy")


def test_a_service_restarts_exactly_when_its_entry_changed(container: box.Box):
    first = replan(container, layer())
    assert first
    assert replan(container, layer()) == first
    assert replan(container, layer(environment={"D": "2"})) != first


def test_files_come_back_as_they_were_written(container: box.Box):
    client = container.client()
    text = "at: 0.0.0.0:80\nto: http://app.m.svc:1\nfrom: /etc/app/x\n"
    client.push("/etc/app/config", text, permissions=0o600)
    with client.pull("/etc/app/config") as file:
        assert file.read() == text
    real = pathlib.Path(container.words.path("/etc/app/config"))
    root = container.words.root
    assert real.read_text() == f"at: 127.1.9.2:80\nto: http://127.1.9.1:1\nfrom: {root}/etc/app/x\n"
    assert real.stat().st_mode & 0o777 == 0o600
    assert words.seen(root, "/etc/app/config").stat().st_mode & 0o077 == 0


def test_a_missing_file_is_missing_in_the_charms_words(container: box.Box):
    with pytest.raises(ops.pebble.PathError) as error:
        container.client().pull("/etc/app/none")
    assert error.value.kind == "not-found"
    assert container.words.root not in str(error.value)


def test_the_plan_comes_back_as_it_was_given(container: box.Box):
    replan(container, layer())
    assert container.client().get_plan().services["sleepy"].command == "/bin/sleepy 1000"


def test_a_service_that_ends_at_once_is_a_change_error_in_the_charms_words(container: box.Box):
    with pytest.raises(ops.pebble.ChangeError) as error:
        replan(container, layer(command="/bin/failing"))
    assert str(container.directory) not in str(error.value)


def test_a_program_is_really_run(container: box.Box):
    client = container.client()
    client.push("/etc/app/text", "said\n")
    stdout, _ = client.exec(["/bin/cat", "/etc/app/text"]).wait_output()
    assert stdout == "said\n"
    with pytest.raises(ops.pebble.ExecError) as error:
        client.exec(["/bin/cat", "/etc/app/none"]).wait_output()
    assert error.value.stderr == "/bin/cat: /etc/app/none: No such file or directory\n"


def test_a_service_that_dies_comes_back(container: box.Box):
    first = replan(container, layer())
    assert first
    os.kill(first, signal.SIGKILL)
    end = time.monotonic() + 5
    while container.service_pid("sleepy") in (None, first):
        assert time.monotonic() < end
        time.sleep(0.05)


def test_checks_that_fail_and_recover_are_told(container: box.Box):
    path = pathlib.Path(container.words.path("/etc/app/alive"))
    check = {
        "override": "replace", "period": "100ms", "threshold": 2, "exec": {"command": "/bin/cat /etc/app/alive"},
    }  # fmt: skip
    ended = threading.Event()
    changes = container.watch(ended)
    path.write_text("")
    container.client().add_layer("charm", {"checks": {"alive": check}}, combine=True)
    container.client().replan_services()
    timer = threading.Timer(1, path.unlink)
    timer.start()
    assert next(changes) == box.CheckChange(check="alive", kind="failed")
    path.write_text("")
    assert next(changes) == box.CheckChange(check="alive", kind="recovered")
    timer.join()
    ended.set()


def test_after_a_restart_the_plan_is_empty_and_the_files_are_there(container: box.Box):
    replan(container, layer())
    container.client().push("/etc/app/text", "kept")
    processes.end_marked(container.directory.parent)
    container.restart()
    assert container.client().get_plan().services == {}
    with container.client().pull("/etc/app/text") as file:
        assert file.read() == "kept"


def test_a_stop_leaves_nothing(container: box.Box, home: pathlib.Path):
    replan(container, layer())
    container.signal_stop()
    container.wait(5)
    assert processes.marked(home) == []


def test_what_a_killed_pebble_left_is_found_by_its_mark_and_ended(container: box.Box, home: pathlib.Path):
    pid = replan(container, layer())
    assert container.alive
    for found in processes.marked(home):
        if found != pid:
            os.kill(found, signal.SIGKILL)
    assert pid in processes.marked(home)
    assert processes.end_marked(home) >= 1
    assert processes.marked(home) == []


def test_nothing_of_the_callers_environment_reaches_a_service(container: box.Box, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MY_PASSWORD", "hunter2")
    pid = replan(container, layer(environment={"D": "3"}))
    assert "hunter2" not in pathlib.Path(f"/proc/{pid}/environ").read_text()
