# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Finds out who holds a TCP port, and which block of loopback addresses is free."""

import collections.abc
import contextlib
import ipaddress
import pathlib
import socket
import struct

_LISTEN = "0A"
_BLOCKS = 200


def taken(port: int, address: str = "127.0.0.1") -> str | None:
    """Return who keeps one from listening on a port, as one would name them, or None when it is free."""
    with socket.socket() as probe:
        # As servers do it: connections of a server that has ended keep nobody out.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            probe.listen()
            return None
        except PermissionError:
            return "the system, which keeps ports below 1024 for root"
        except OSError:
            return _holder(port, address)


def _holder(port: int, address: str) -> str:
    sockets = {f"socket:[{inode}]" for inode in _inodes(port, address)}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        if sockets & _open_files(entry):
            with contextlib.suppress(OSError):
                return f"{(entry / 'comm').read_text().strip()} (pid {entry.name})"
    return "a process of another user, which only that user and root can see"


def _open_files(process: pathlib.Path) -> set[str]:
    """Return what a process has open, as far as one may know."""
    found: set[str] = set()
    # Files are closed while we look, and other users' processes do not show theirs.
    with contextlib.suppress(OSError):
        for link in (process / "fd").iterdir():
            with contextlib.suppress(OSError):
                found.add(str(link.readlink()))
    return found


def _inodes(port: int, address: str) -> collections.abc.Iterator[str]:
    """Yield the sockets that listen on a port of an address, or of all addresses."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        path = pathlib.Path(table)
        for line in path.read_text().splitlines()[1:] if path.exists() else ():
            fields = line.split()
            local, _, number = fields[1].partition(":")
            if fields[3] == _LISTEN and int(number, 16) == port and _covers(local, address):
                yield fields[9]


def _covers(local: str, address: str) -> bool:
    """Return whether a socket on an address, in the kernel's hexadecimal words, keeps others from another one."""
    words = [int(local[start : start + 8], 16) for start in range(0, len(local), 8)]
    found = ipaddress.ip_address(struct.pack(f"={len(words)}I", *words))
    if isinstance(found, ipaddress.IPv6Address):
        found = found.ipv4_mapped or found
    return found.is_unspecified or found == ipaddress.ip_address(address)


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
