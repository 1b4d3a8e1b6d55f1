# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The sandbox's own directory: who runs in it, where its sockets are, and what an earlier run left behind."""

import dataclasses
import errno
import fcntl
import json
import os
import pathlib
import re
import shutil
import tempfile
import time
import typing

# A directory is ours when it holds this file, whose lock belongs to the sandbox that runs.
_LOCK = "lock"
_REMAINS = ("units", "debug.log", "sandbox.log", "workers.log", "outside.log")
_PREFIX = "auth-"
# Sockets have at most 107 bytes, of which the name of a container may need 50.
_SHORT = 40


class HomeError(Exception):
    """The directory cannot be used; the text is one sentence that says what to do."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Running:
    """The sandbox that runs in a home.

    Attributes:
        pid: its main process.
        url: the gateway's, empty until it is known.
        runtime: the directory of its sockets, empty until it is known.
    """

    pid: int
    url: str = ""
    runtime: str = ""

    @property
    def control(self) -> pathlib.Path:
        """Return the socket that takes commands."""
        return pathlib.Path(self.runtime) / "control"


class Home:
    """A home that this process holds."""

    def __init__(self, path: pathlib.Path) -> None:
        """Take the directory for this process, and remove what an earlier run left in it.

        Raises:
            HomeError: another sandbox runs here, or the directory is not for us.
        """
        self.path = path
        self.runtime = pathlib.Path()
        _make(path)
        self._lock = _hold(path)
        # Opened again and again by others, so its text is whole whenever it is read: one short write.
        old = _read(path)
        self.tell(Running(pid=os.getpid()))
        if old and old.runtime:
            _remove_runtime(pathlib.Path(old.runtime))

    def clear(self) -> None:
        """Remove the files of an earlier run, once its processes have ended, and make a new runtime directory."""
        for name in _REMAINS:
            path = self.path / name
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        self.runtime = pathlib.Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_runtime_base()))
        self.tell(Running(pid=os.getpid(), runtime=str(self.runtime)))

    def tell(self, running: Running) -> None:
        """Let others read who runs here."""
        os.pwrite(self._lock.fileno(), json.dumps(dataclasses.asdict(running)).ljust(1024).encode(), 0)

    def open(self, name: str) -> typing.TextIO:
        """Return a log file that only its owner can read."""
        descriptor = os.open(self.path / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return os.fdopen(descriptor, "a", buffering=1)

    def close(self) -> None:
        """Give the directory back."""
        _remove_runtime(self.runtime)
        self._lock.close()


def running(path: pathlib.Path) -> Running | None:
    """Return who runs in a home, or None."""
    try:
        with (path / _LOCK).open("rb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return _read(path)
    except OSError:
        return None
    return None


def sentence(error: OSError, path: pathlib.Path) -> str:
    """Say what the system refused, and what to do when that is known."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk that holds {error.filename or path} is full: free some space and run it again"
    place = f"{error.filename}: " if error.filename else ""
    return f"{place}{error.strerror or error}"


def _make(path: pathlib.Path) -> None:
    if re.search(r"[\s\"'\\$]", str(path)):
        raise HomeError(f"the path {str(path)!r} has a space or a quote: set SANDBOX_HOME to one without")
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        if path.stat().st_uid != os.getuid():
            raise HomeError(f"{path} belongs to another user: set SANDBOX_HOME to a directory of yours")
        if not (path / _LOCK).exists() and any(path.iterdir()):
            raise HomeError(f"{path} holds other files: set SANDBOX_HOME to a new or empty directory")
        path.chmod(0o700)
    except OSError as error:
        raise HomeError(f"{sentence(error, path)}: set SANDBOX_HOME to a directory of yours") from None


def _hold(path: pathlib.Path) -> typing.IO[bytes]:
    lock = os.fdopen(os.open(path / _LOCK, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
    # A command that looks who runs here holds the lock for an instant.
    for _ in range(10):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except BlockingIOError:
            time.sleep(0.02)
    lock.close()
    found = _read(path)
    who = ", ".join(word for word in (f"pid {found.pid}", found.url) if word) if found else "still starting"
    raise HomeError(f"a sandbox is already running here ({who}): stop it with 'sandbox down'")


def _read(path: pathlib.Path) -> Running | None:
    try:
        return Running(**json.loads((path / _LOCK).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _remove_runtime(path: pathlib.Path) -> None:
    if path.name.startswith(_PREFIX):
        shutil.rmtree(path, ignore_errors=True)


def _runtime_base() -> str:
    for base in (os.environ.get("XDG_RUNTIME_DIR", ""), tempfile.gettempdir(), "/tmp", "/dev/shm"):  # noqa: S108
        if base and len(base) <= _SHORT and os.path.isdir(base) and os.access(base, os.W_OK | os.X_OK):
            return base
    raise HomeError("no directory for sockets: set XDG_RUNTIME_DIR to one of yours with a short path")
