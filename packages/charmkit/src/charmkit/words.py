# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Reads the last words of a service out of Pebble's log buffer, for which ops has no method."""

import datetime
import http.client
import json
import socket
import typing
import urllib.parse

import ops

# Lines that are read, and seconds that it may take.
_LINES = 10
_PATIENCE = 5.0


class _Entry(typing.TypedDict):
    """One line of Pebble's answer at /v1/logs (https://documentation.ubuntu.com/pebble/reference/api)."""

    time: str
    service: str
    message: str


class _Connection(http.client.HTTPConnection):
    """HTTP over the Unix socket on which Pebble listens."""

    def __init__(self, path: str) -> None:
        super().__init__("pebble", timeout=_PATIENCE)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket in place of a host."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_PATIENCE)
        self.sock.connect(self._path)


def last(container: ops.Container, service: str, *, seconds: float = 60) -> str:
    """Return the last lines that a service wrote within some seconds, empty where Pebble does not tell."""
    # The client of ops.testing has no socket.
    connection = _Connection(getattr(container.pebble, "socket_path", ""))
    query = urllib.parse.urlencode({"services": service, "n": _LINES})
    try:
        connection.request("GET", f"/v1/logs?{query}")
        answer = connection.getresponse()
        lines = answer.read().decode(errors="replace").splitlines() if answer.status == http.client.OK else []
    except (OSError, http.client.HTTPException):
        return ""
    finally:
        connection.close()
    begin = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=seconds)
    entries = [_Entry(**json.loads(line)) for line in lines]
    return "\n".join(entry["message"] for entry in entries if datetime.datetime.fromisoformat(entry["time"]) >= begin)
