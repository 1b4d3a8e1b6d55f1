# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Starts processes that cannot outlive the sandbox, and ends those that an earlier one left behind."""

import collections.abc
import concurrent.futures
import os
import pathlib
import shutil
import signal
import subprocess
import time
import typing

# Every process below carries the sandbox's home in this variable: by it, and by nothing else, its remains are known.
MARK = "KUBEFLOW_AUTH_SANDBOX"

# The kernel sends the death signal when the thread that started a process ends, so one thread starts them all.
_starter = concurrent.futures.ThreadPoolExecutor(max_workers=1, thread_name_prefix="starter")


def environment(home: pathlib.Path, **variables: str) -> dict[str, str]:
    """Return an environment that holds nothing of the operator's own but what a program needs to run."""
    kept = {
        name: os.environ[name]
        for name in ("PATH", "HOME", "LANG", "TZ", "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")
        if name in os.environ
    }
    return {"PATH": os.defpath, **kept, MARK: str(home), **variables}


def mark_own(home: pathlib.Path) -> None:
    """Let whatever this process starts by other ways, a compiler for example, carry the mark too."""
    os.environ[MARK] = str(home)


def mortal(command: collections.abc.Sequence[str], on_death: signal.Signals) -> list[str]:
    """Return a command whose process gets a signal when the thread that started it ends."""
    # Part of util-linux, which every Debian and Ubuntu has.
    setpriv = shutil.which("setpriv") or "/usr/bin/setpriv"
    return [setpriv, "--pdeathsig", on_death.name.removeprefix("SIG"), "--", *command]


def start(
    command: collections.abc.Sequence[str],
    *,
    env: collections.abc.Mapping[str, str],
    on_death: signal.Signals = signal.SIGKILL,
    **options: typing.Any,
) -> "subprocess.Popen[bytes]":
    """Start a process that gets a signal when this one ends, however it ends, and no signal from the terminal.

    Args:
        command: the program and its arguments.
        env: its whole environment.
        on_death: what it gets when this process is gone.
        options: further options of subprocess.Popen.
    """
    options.setdefault("stdin", subprocess.DEVNULL)

    def spawn() -> "subprocess.Popen[bytes]":
        return subprocess.Popen[bytes](mortal(command, on_death), env=dict(env), start_new_session=True, **options)

    return _starter.submit(spawn).result()


def marked(home: pathlib.Path, **variables: str) -> list[int]:
    """Return the processes of a sandbox, found by its mark, and by further variables, in their environment."""
    wanted = {f"{name}={value}".encode() for name, value in {MARK: str(home), **variables}.items()}
    found: list[int] = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        try:
            if wanted <= set((entry / "environ").read_bytes().split(b"\0")):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def end_marked(home: pathlib.Path, *, grace: float = 1.0, **variables: str) -> int:
    """End every process of a sandbox, and return how many there were; grace in seconds until SIGKILL."""
    found = left = marked(home, **variables)
    for sent in (signal.SIGTERM, signal.SIGKILL):
        end = time.monotonic() + grace
        for pid in left:
            _send(pid, sent)
        while (left := marked(home, **variables)) and time.monotonic() < end:
            time.sleep(0.02)
    return len(found)


def _send(pid: int, sent: signal.Signals) -> None:
    try:
        os.kill(pid, sent)
    except (ProcessLookupError, PermissionError):
        return
