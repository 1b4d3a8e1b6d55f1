# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import errno
import os
import pathlib
import stat

import pytest

from sandbox import home


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "home"


def test_nobody_runs_where_nothing_is(path: pathlib.Path):
    assert home.running(path) is None
    assert not path.exists()


def test_who_runs_can_be_read_until_the_end(path: pathlib.Path):
    held = home.Home(path)
    assert home.running(path) == home.Running(pid=os.getpid())
    held.clear()
    held.tell(home.Running(pid=7, url="http://127.0.0.1:1", runtime=str(held.runtime)))
    assert home.running(path) == home.Running(pid=7, url="http://127.0.0.1:1", runtime=str(held.runtime))
    held.close()
    assert home.running(path) is None
    assert not held.runtime.exists()


def test_a_second_one_is_told_of_the_first(path: pathlib.Path):
    held = home.Home(path)
    held.tell(home.Running(pid=7, url="http://127.0.0.1:1"))
    with pytest.raises(home.HomeError, match=r"already running here \(pid 7, http://127\.0\.0\.1:1\).*sandbox down"):
        home.Home(path)
    held.close()
    home.Home(path).close()


def test_only_its_owner_may_look_inside(path: pathlib.Path):
    path.mkdir(mode=0o755)
    held = home.Home(path)
    held.clear()
    with held.open("debug.log") as log:
        log.write("x")
    for name, mode in (("", 0o700), ("lock", 0o600), ("debug.log", 0o600)):
        assert stat.S_IMODE((path / name).stat().st_mode) == mode
    assert stat.S_IMODE(held.runtime.stat().st_mode) == 0o700
    held.close()


def test_what_an_earlier_run_left_is_removed_and_nothing_else(path: pathlib.Path):
    held = home.Home(path)
    held.clear()
    (path / "units" / "a").mkdir(parents=True)
    (path / "debug.log").touch()
    (path / "notes").touch()
    left = held.runtime
    # As after SIGKILL: nothing was closed.
    held._lock.close()
    again = home.Home(path)
    again.clear()
    again.close()
    assert not left.exists()
    assert not (path / "units").exists()
    assert not (path / "debug.log").exists()
    assert (path / "notes").exists()


def test_a_damaged_lock_file_does_no_harm(path: pathlib.Path, tmp_path: pathlib.Path):
    """It must not lead to a directory of the operator's."""
    precious = tmp_path / "precious"
    precious.mkdir()
    path.mkdir()
    for text in ("", "{", "[]", f'{{"pid": 1, "runtime": "{precious}"}}', '{"pid": 1, "more": 2}'):
        (path / "lock").write_text(text)
        held = home.Home(path)
        held.clear()
        held.close()
    assert precious.exists()


def test_a_directory_with_other_files_is_left_alone(path: pathlib.Path):
    path.mkdir()
    (path / "units").mkdir()
    with pytest.raises(home.HomeError, match="holds other files"):
        home.Home(path)
    assert (path / "units").exists()


def test_a_path_that_a_command_line_would_break_is_refused(tmp_path: pathlib.Path):
    with pytest.raises(home.HomeError, match="SANDBOX_HOME"):
        home.Home(tmp_path / "a b")
    assert not (tmp_path / "a b").exists()


def test_a_path_that_cannot_be_made_is_named(tmp_path: pathlib.Path):
    (tmp_path / "file").touch()
    with pytest.raises(home.HomeError, match=r"file/home: Not a directory: set SANDBOX_HOME"):
        home.Home(tmp_path / "file" / "home")


def test_sockets_have_a_short_path_whatever_the_environment_says(
    path: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
):
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))
    held = home.Home(path)
    held.clear()
    assert len(str(held.runtime)) < 60
    held.close()


def test_a_full_disk_is_said_in_words():
    text = home.sentence(OSError(errno.ENOSPC, "No space left on device", "/x/units"), pathlib.Path("/x"))
    assert text == "the disk that holds /x/units is full: free some space and run it again"
    assert (
        home.sentence(OSError(errno.EACCES, "Permission denied", "/x"), pathlib.Path("/x")) == "/x: Permission denied"
    )
