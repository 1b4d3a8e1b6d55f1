# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The fast path: checks are answered in the HTTP protocol itself, before any ASGI scope or task exists.

A subclass of uvicorn's protocol on httptools. What it does not answer at once, and all of the service's own pages, go
to the ASGI application as always.
"""

import asyncio
import logging
import time
import typing

import uvicorn.protocols.http.httptools_impl as httptools_impl

from gatekeeper import answers, check

logger = logging.getLogger(__name__)

# Bytes of a request's target and headers; a gateway forwards a few kilobytes.
_MOST_BYTES = 64 * 1024
# Seconds after which a connection is closed on which no request was completed.
_IDLE = 75.0


class CheckProtocol(httptools_impl.HttpToolsProtocol):
    """Answers checks synchronously, in the order in which they came."""

    checker: typing.ClassVar[check.Checker]
    session_cookie: typing.ClassVar[str]

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] - as its base
        """Begin, and look from time to time whether the connection is used at all."""
        super().connection_made(transport)
        self._active = True
        self._answer: answers.Answer | None = None
        self._fast = False
        self._size = 0
        self._sweeper = self.loop.call_later(_IDLE, self._sweep)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._sweeper.cancel()
        super().connection_lost(exc)

    def _sweep(self) -> None:
        busy = self.cycle is not None and not self.cycle.response_complete
        if not self._active and not busy:
            self.transport.close()
            return
        self._active = False
        self._sweeper = self.loop.call_later(_IDLE, self._sweep)

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._fast = False
        self._size = 0

    def on_url(self, url: bytes) -> None:
        """Take a part of the target."""
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        super().on_header(name, value)
        self._count(len(name) + len(value))

    def _count(self, size: int) -> None:
        self._size += size
        if self._size > _MOST_BYTES and not self.transport.is_closing():
            self.transport.write(answers.serialise(answers.Answer(status=431), close=True))
            self.transport.close()

    def on_headers_complete(self) -> None:
        """Decide about a check, or hand the request on."""
        if self.transport.is_closing():
            self._fast = True
            return
        waiting = self.cycle is not None and not self.cycle.response_complete
        target = self.url.decode("latin-1")
        if waiting or target.startswith(self.checker.own) or not target.startswith("/"):
            super().on_headers_complete()
            return
        method = self.parser.get_method().decode("ascii")
        head = check.read(method, target, self.headers, self.session_cookie)
        answer = self.checker.decide(head, time.time())
        if answer is None:
            super().on_headers_complete()
            return
        self._fast = True
        self._answer = answer
        if self.expect_100_continue:
            # The answer does not depend on the body, so it must not be sent at all.
            self._reply(close=True)

    def on_body(self, body: bytes) -> None:
        """Drop the body of a check: it is the application's."""
        if not self._fast:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Send the answer to a check."""
        if not self._fast:
            super().on_message_complete()
            return
        if self._answer is not None:
            self._reply(close=not self.parser.should_keep_alive() or self.parser.should_upgrade())

    def _reply(self, *, close: bool) -> None:
        answer, self._answer = self._answer, None
        assert answer
        self._active = True
        self.server_state.total_requests += 1
        self.transport.write(answers.serialise(answer, close=close, head=self.parser.get_method() == b"HEAD"))
        if close:
            self.transport.close()

    def shutdown(self) -> None:
        """Close when no response is under way."""
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()
        else:
            super().shutdown()


def make(checker: check.Checker, session_cookie: str) -> type[CheckProtocol]:
    """Return a protocol class for one service."""
    return type("Protocol", (CheckProtocol,), {"checker": checker, "session_cookie": session_cookie})
