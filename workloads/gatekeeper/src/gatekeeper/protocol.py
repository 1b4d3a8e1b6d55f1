# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""HTTP on a connection: checks are answered right here, everything else goes to the ASGI application."""

import asyncio
import logging
import socket
import time

import httptools
import starlette.types
import uvicorn.protocols.http.httptools_impl as uvicorn_httptools

from gatekeeper import answer, check, exchange, frames, head, http2, log

logger = logging.getLogger(__name__)

_LONGEST_HEAD = 65_536
# Seconds in which a request's head must be there, whole.
_HEAD_SECONDS = 10.0
_KEEP_ALIVE_IDLE = 60
# Without one of these, a connection that HTTP/1.1 keeps open stays so. Clients of HTTP/1.0 must ask for it.
_SPECIAL = frozenset({b"connection", b"expect"})
_TOO_LARGE = answer.as_json(431, {"error": "invalid_request", "error_description": "the request's head is too long"})
_TOO_SLOW = answer.as_json(408, {"error": "invalid_request", "error_description": "the request's head did not come"})


class Protocol(uvicorn_httptools.HttpToolsProtocol):
    """Uvicorn's protocol with a short cut.

    A request that nothing before it on the connection still waits for, and whose answer the gate knows at once, is
    answered as soon as its head is complete; its body is read and dropped. No scope, no task, no timer is made for it.
    """

    gate: "check.Gate | Closed"
    application: starlette.types.ASGIApp
    management: int = 0

    # Whether a head is being read, and how much of it has come at least and at most (a piece may hold other requests
    # and bodies too); whether the message under way is answered already; whether nothing more is read from this
    # connection.
    _in_head = False
    _head_size = 0
    _head_bound = 0
    _piece = 0
    _answered = False
    _over = False
    _late: asyncio.TimerHandle | None = None
    # How the connection began, until that has told what is spoken on it.
    _opening: bytes | None = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Have the kernel find out when the other side is gone: idle connections of a gateway may live for ever."""
        super().connection_made(transport)
        connection = transport.get_extra_info("socket")
        if connection.family == socket.AF_UNIX:
            return
        if self.management and transport.get_extra_info("sockname")[1] == self.management:
            self.gate = Closed()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEP_ALIVE_IDLE)

    def data_received(self, data: bytes) -> None:
        """Read what has come."""
        if self.timeout_keep_alive_task is not None:
            self._unset_keepalive_if_required()
        if self._over:
            return
        self._piece = len(data)
        if self._opening is not None:
            self._opening += data
        if self._in_head:
            self._head_size += len(data)
            self._head_bound += len(data)
        parser = self.parser
        assert parser is not None
        try:
            parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # No other protocol is offered, and a request that asks for one ends its connection: the parser does not
            # look for its body, and would take it for the next request.
            self._over = True
        except httptools.HttpParserCallbackError as error:
            logger.error("cannot answer", exc_info=error)
            self._end(answer.BROKEN)
        except httptools.HttpParserError:
            # The parser knows the preface, and says so at its last byte.
            if self._opening is not None and self._opening.startswith(frames.PREFACE):
                return self._speak_http2(self._opening)
            if not self._over:
                self._over = True
                self.send_400_response("Invalid HTTP request received.")
        if self._opening is not None and len(self._opening) >= len(frames.PREFACE):
            self._opening = None
        if self._in_head:
            self._wait_for_head()
        elif self._late is not None:
            self._late.cancel()
            self._late = None

    def _speak_http2(self, data: bytes) -> None:
        """Leave the connection, and all that came on it, to who knows HTTP/2."""
        if self._late is not None:
            self._late.cancel()
        self.connections.discard(self)
        base = {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "root_path": self.root_path,
            "state": self.app_state.copy(),
        }
        surroundings = exchange.Surroundings(
            application=self.application,
            connections=self.connections,
            tasks=self.tasks,
            base=base,
        )
        connection = http2.Connection(self.gate, surroundings)
        self.transport.set_protocol(connection)
        connection.connection_made(self.transport)
        connection.data_received(data)

    def _wait_for_head(self) -> None:
        if self._head_size > _LONGEST_HEAD and not self._over:
            self._end(_TOO_LARGE)
        elif self._late is None:
            self._late = self.loop.call_later(_HEAD_SECONDS, self._give_up)

    def _give_up(self) -> None:
        if not self._over and not self.transport.is_closing():
            self._end(_TOO_SLOW)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        if self._late is not None:
            self._late.cancel()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Begin to read a request."""
        self.url = b""
        self.headers = []
        self._in_head = True
        self._head_size = 0
        self._head_bound = self._piece
        self._answered = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Read a header; what follows a chunked body is none."""
        if self._in_head:
            self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Answer if the answer is known, else hand the request to the application."""
        self._in_head = False
        if self._over:
            return
        if self._head_bound > _LONGEST_HEAD and self._length() > _LONGEST_HEAD:
            return self._end(_TOO_LARGE)
        parser, cycle = self.parser, self.cycle
        assert parser is not None
        request = head.Head(parser.get_method(), self.url, self.headers)
        if not self.pipeline and (not cycle or cycle.response_complete):
            if request.method == b"CONNECT":
                return self._end(answer.NO_TUNNELS)
            given = self.gate.decide(request, time.time())
            if given is not None:
                return self._answer(given, request, parser)
        self._hand_over(request, parser)

    def on_body(self, body: bytes) -> None:
        """Read a part of a body; drop it if nobody needs it."""
        if not self._answered and not self._over:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        if not self._answered and not self._over:
            super().on_message_complete()

    def pause_writing(self) -> None:
        """Read no more from a client that does not read its answers."""
        super().pause_writing()
        self.flow.pause_reading()

    def resume_writing(self) -> None:
        """Go on with a client that reads its answers again."""
        super().resume_writing()
        if not self.pipeline:
            self.flow.resume_reading()

    def _answer(self, given: answer.Answer, request: head.Head, parser: httptools.HttpRequestParser) -> None:
        self._answered = True
        if given.reason:
            log.refused(given, request)
        body = b"" if request.method == b"HEAD" else given.body
        if parser.should_keep_alive() and (_SPECIAL.isdisjoint(request.last) or self._stays(request, parser)):
            self.transport.write(given.head + b"\r\n" + body if given.body else given.wire)
        else:
            self._over = True
            self.transport.write(given.head + b"connection: close\r\n\r\n" + body)
            self.transport.close()

    def _stays(self, request: head.Head, parser: httptools.HttpRequestParser) -> bool:
        # A client of HTTP/1.0 would have to be told that the connection stays open; few are, and they can come again.
        return not (parser.get_http_version() == "1.0" or parser.should_upgrade() or b"expect" in request.last)

    def _hand_over(self, request: head.Head, parser: httptools.HttpRequestParser) -> None:
        # The scope that uvicorn makes when a message begins is made only now, with what has been read since.
        super().on_message_begin()
        self.url = request.path
        self.headers.extend(request.headers)
        self.expect_100_continue = b"expect" in request.last
        super().on_headers_complete()
        if parser.should_upgrade() or parser.get_http_version() == "1.0":
            self.cycle.keep_alive = False

    def _length(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def _end(self, given: answer.Answer) -> None:
        self._over = self._answered = True
        self.transport.write(given.head + b"connection: close\r\n\r\n" + given.body)
        self.transport.close()


class Closed:
    """In place of the gate on connections to the management port: there are no checks."""

    def decide(self, request: head.Head, now: float) -> None:
        """Leave everything to the application."""

    def known(self, path: bytes, line: bytes, now: float) -> None:
        """Know nobody."""


def bound_to(gate: check.Gate, application: starlette.types.ASGIApp, *, management: int) -> type[Protocol]:
    """Return the protocol of a service's connections; those to the management port hold no checks."""
    parts = {"gate": gate, "application": application, "management": management}
    return type("BoundProtocol", (Protocol,), parts)
