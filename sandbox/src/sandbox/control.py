# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The Unix socket over which the command line talks to the running sandbox: one JSON request, JSON lines back."""

import collections.abc
import contextlib
import json
import os
import pathlib
import socket
import threading
import typing

Json = typing.Any
Handler = collections.abc.Callable[[str, dict[str, Json]], collections.abc.Iterable[Json]]


class ControlError(Exception):
    """A request was refused; the text is one line for the operator."""


class Server:
    """Answers requests, each in a thread of its own."""

    def __init__(self, path: pathlib.Path, handler: Handler) -> None:
        """Listen on a socket that only its owner can open."""
        self._handler = handler
        self._socket = socket.socket(socket.AF_UNIX)
        mask = os.umask(0o177)
        try:
            self._socket.bind(str(path))
        finally:
            os.umask(mask)
        self._socket.listen()
        threading.Thread(target=self._accept, name="control", daemon=True).start()

    def close(self) -> None:
        """Take no more requests."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        # Whoever asked may be gone before the answer is: nobody is left to tell then.
        with connection, connection.makefile("rw") as stream, contextlib.suppress(OSError):
            try:
                request = json.loads(stream.readline())
                for result in self._handler(request["command"], request["arguments"]):
                    print(json.dumps({"result": result}), file=stream, flush=True)
            except ControlError as error:
                print(json.dumps({"error": str(error)}), file=stream, flush=True)


def ask(path: pathlib.Path, command: str, **arguments: Json) -> collections.abc.Iterator[Json]:
    """Send a request, and yield its results as they come.

    Raises:
        ControlError: the request was refused.
        OSError: nobody listens.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        with connection.makefile("rw") as stream:
            print(json.dumps({"command": command, "arguments": arguments}), file=stream, flush=True)
            for line in stream:
                answer = json.loads(line)
                if "error" in answer:
                    raise ControlError(answer["error"])
                yield answer["result"]
