# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""A request over HTTP/2 that is not over at once, as the ASGI application sees it."""

import asyncio
import collections.abc
import dataclasses
import logging
import typing

import starlette.types

from gatekeeper import frames, head

logger = logging.getLogger(__name__)

_ERROR = 500


@dataclasses.dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a connection is part of.

    Attributes:
        application: answers what is not answered at once.
        connections: of the server, which tells each of them when it ends.
        tasks: for which the server waits before it ends.
        base: of each request's scope.
    """

    application: starlette.types.ASGIApp
    connections: set[typing.Any]
    tasks: set[asyncio.Task[None]]
    base: collections.abc.Mapping[str, object]

    def scope(self, request: head.Head) -> starlette.types.Scope:
        """Return the scope of a request."""
        path, _, query = request.path.partition(b"?")
        return {
            **self.base,
            "http_version": "2",
            "method": request.method.decode("ascii"),
            "path": path.decode("latin-1"),
            "raw_path": path,
            "query_string": query,
            "headers": request.headers,
        }


class Exchange:
    """A request whose body has not come, or whose answer has not left.

    Attributes:
        window: how much of the answer's body the other side has room for.
        unsent: what is left of it.
        ended: whether the request is there, whole.
    """

    def __init__(self, window: int, *, ended: bool, length: int | None = None) -> None:
        self.window = window
        self.unsent = b""
        self.ended = ended
        self._length = length
        self._had = 0
        self._room = frames.WINDOW
        self._body = b""
        self._left = False
        self._news = asyncio.Event()

    def take(self, size: int, body: bytes) -> None:
        """Take a part of the body, and the size of its frame.

        Raises:
            frames.StreamFault: the body has ended already, or there is no room for it.
        """
        self._room -= size
        self._had += len(body)
        if self.ended:
            raise frames.StreamFault(frames.Code.STREAM_CLOSED)
        if self._room < 0:
            raise frames.StreamFault(frames.Code.FLOW_CONTROL_ERROR)
        self._body += body
        self._news.set()

    def end(self) -> bool:
        """Take the end of the request; return whether its body is as long as was said."""
        self.ended = True
        self._news.set()
        return self._length in (None, self._had)

    def leave(self) -> None:
        """Take note that nobody waits for the answer any more."""
        self._left = True
        self._news.set()

    async def receive(self) -> starlette.types.Message:
        """Return the next part of the body (ASGI)."""
        while not (self._body or self.ended or self._left):
            self._news.clear()
            await self._news.wait()
        if self._left:
            return {"type": "http.disconnect"}
        body, self._body = self._body, b""
        self._room += len(body)
        return {"type": "http.request", "body": body, "more_body": not self.ended}

    async def run(
        self, application: starlette.types.ASGIApp, scope: starlette.types.Scope, receive: starlette.types.Receive
    ) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        """Return status, headers and body of the application's answer."""
        start: starlette.types.Message = {"status": _ERROR, "headers": []}
        body: list[bytes] = []

        async def send(message: starlette.types.Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
            else:
                body.append(message.get("body", b""))

        try:
            await application(scope, receive, send)
        except Exception:
            # What it has said before is no answer.
            logger.exception("cannot answer")
            return _ERROR, [], b""
        return start["status"], list(start["headers"]), b"".join(body)
