# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Finds out who holds a TCP port, and which block of loopback addresses is free."""

import contextlib
import pathlib
import socket

_LISTEN = "0A"
_BLOCKS = 200


def taken(port: int) -> str | None:
    """Return who listens on a port of 127.0.0.1, as one would name them, or None when it is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            return None
        except PermissionError:
            return "the system: ports below 1024 need privileges"
        except OSError:
            return _holder(port)


def _holder(port: int) -> str:
    inodes = _inodes(port)
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        if _open_files(entry) & {f"socket:[{inode}]" for inode in inodes}:
            return f"{(entry / 'comm').read_text().strip()} (pid {entry.name})"
    return "another user's process"


def _open_files(process: pathlib.Path) -> set[str]:
    """Return what a process has open, as far as one may know."""
    found: set[str] = set()
    # Files are closed while we look, and other users' processes do not show theirs.
    with contextlib.suppress(OSError):
        for link in (process / "fd").iterdir():
            with contextlib.suppress(OSError):
                found.add(str(link.readlink()))
    return found


def _inodes(port: int) -> set[str]:
    found: set[str] = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        path = pathlib.Path(table)
        if not path.exists():
            continue
        for line in path.read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTEN and int(fields[1].rsplit(":", 1)[1], 16) == port:
                found.add(fields[9])
    return found


def claim_block() -> tuple[int, socket.socket]:
    """Return the number N of a free block 127.N.0.0/16, and the lock that keeps it until it is closed.

    Raises:
        OSError: all of them are taken.
    """
    for number in range(1, _BLOCKS):
        lock = socket.socket(socket.AF_UNIX)
        try:
            # An abstract name: the kernel frees it however the process ends.
            lock.bind(f"\0kubeflow-auth-sandbox-127.{number}")
            return number, lock
        except OSError:
            lock.close()
    raise OSError("every block of loopback addresses is taken by a sandbox")
