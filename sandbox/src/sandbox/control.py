# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The Unix socket over which the command line talks to the running sandbox: one JSON request, JSON lines back."""

import collections.abc
import contextlib
import json
import pathlib
import socket
import threading
import traceback
import typing

Json = typing.Any
Handler = collections.abc.Callable[[str, dict[str, Json]], collections.abc.Iterable[Json]]
# A request carries files that an operator gave, which are small.
_LONGEST = 16 * 2**20


class ControlError(Exception):
    """A request was refused; the text is one line for the operator."""


class Server:
    """Answers requests, each in a thread of its own."""

    def __init__(
        self, path: pathlib.Path, handler: Handler, *, broken: collections.abc.Callable[[str], None] | None = None
    ) -> None:
        """Listen on a socket that only its owner can open.

        Args:
            path: of the socket, in a directory that only its owner can enter.
            handler: yields the results of a command.
            broken: takes the traceback of a handler that raised what it should not.
        """
        self._handler = handler
        self._broken = broken
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        path.chmod(0o600)
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
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        # Whoever asked may be gone before the answer is: nobody is left to tell then.
        with (
            contextlib.suppress(OSError),
            connection,
            connection.makefile("rw", encoding="utf-8", errors="replace") as stream,
        ):
            for answer in self._answers(stream.readline(_LONGEST)):
                print(json.dumps(answer), file=stream, flush=True)

    def _answers(self, line: str) -> collections.abc.Iterator[dict[str, Json]]:
        try:
            request = json.loads(line)
            command, arguments = request["command"], request["arguments"]
        except (ValueError, KeyError, TypeError):
            yield {"error": "a request is one line of JSON with the keys command and arguments"}
            return
        try:
            for result in self._handler(command, arguments):
                yield {"result": result}
            yield {"end": True}
        except ControlError as error:
            yield {"error": str(error)}
        except Exception as error:  # The sandbox goes on, and whoever asked hears of it.
            if self._broken:
                self._broken(traceback.format_exc())
            yield {"error": f"the sandbox could not answer ({type(error).__name__}): see 'sandbox debug-log'"}


def ask(path: pathlib.Path, command: str, **arguments: Json) -> collections.abc.Iterator[Json]:
    """Send a request, and yield its results as they come.

    Raises:
        ControlError: the request was refused, or the sandbox ended in the middle of its answer.
        OSError: nobody listens.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        with connection.makefile("rw", encoding="utf-8") as stream:
            yield from _results(stream, {"command": command, "arguments": arguments})


def _results(stream: typing.TextIO, request: Json) -> collections.abc.Iterator[Json]:
    with contextlib.suppress(ConnectionError):
        print(json.dumps(request), file=stream, flush=True)
        for line in stream:
            answer = json.loads(line)
            if "error" in answer:
                raise ControlError(answer["error"])
            if "end" in answer:
                return
            yield answer["result"]
    raise ControlError("the sandbox ended before it had answered")
