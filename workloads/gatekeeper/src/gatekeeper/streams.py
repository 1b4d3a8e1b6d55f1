# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The streams of an HTTP/2 connection that are not over at once: bodies, windows, and requests that wait."""

import asyncio
import collections.abc

import starlette.types

from gatekeeper import answer, exchange, frames, head, hpack
from gatekeeper.frames import Code, ConnectionFault, StreamFault

# Requests that wait for something, at a time; a gateway's worker that has more of them is told to come again.
MOST = 1000
# Streams whose body nobody reads: what still comes for them is no error.
_MOST_CUT = 1000
_TABLE = 4096


class Streams:
    """What is under way on a connection.

    Attributes:
        last: the number of the newest stream.
        open: those that are not over.
        prefix: what stands before the next header block that is sent.
    """

    def __init__(
        self,
        out: list[bytes],
        surroundings: exchange.Surroundings,
        flush: collections.abc.Callable[[], None],
    ) -> None:
        self._out = out
        self._surroundings = surroundings
        self._flush = flush
        self.last = 0
        self.open: dict[int, exchange.Exchange] = {}
        self.prefix = b""
        self._running = 0
        self._cut: dict[int, None] = {}
        # How much may be sent: on the connection, and on a new stream.
        self._window = self._initial = frames.WINDOW

    def begin(self, stream: int) -> None:
        """Take note of a new stream.

        Raises:
            StreamFault: there are too many already.
        """
        self.last = stream
        if max(self._running, len(self.open)) >= MOST:
            raise StreamFault(Code.REFUSED_STREAM)

    def reply(self, stream: int, given: answer.Answer, request: head.Head, *, ended: bool) -> None:
        """Answer a request, of which the body is dropped if it has not ended."""
        body = b"" if request.method == b"HEAD" else given.body
        self.open[stream] = exchange.Exchange(self._initial, ended=ended)
        self._send(stream, given.block, body)

    def hand_over(self, stream: int, request: head.Head, *, ended: bool, length: int | None) -> None:
        """Leave a request to the application."""
        waiting = exchange.Exchange(self._initial, ended=ended, length=length)
        self.open[stream] = waiting
        self._running += 1
        work = self._run(stream, waiting, self._surroundings.scope(request))
        task = asyncio.get_running_loop().create_task(work)
        self._surroundings.tasks.add(task)
        task.add_done_callback(self._surroundings.tasks.discard)

    async def _run(self, stream: int, waiting: exchange.Exchange, scope: starlette.types.Scope) -> None:
        async def receive() -> starlette.types.Message:
            message = await waiting.receive()
            if message.get("body") and stream in self.open:
                self._out.append(frames.window_update(stream, len(message["body"])))
                self._flush()
            return message

        status, headers, body = await waiting.run(self._surroundings.application, scope, receive)
        self._running -= 1
        if stream in self.open:
            self._send(stream, hpack.answer(status, headers), b"" if scope["method"] == "HEAD" else body)
            self._flush()

    def trailers(self, stream: int, *, last: bool) -> None:
        """Take trailers, of which nothing is needed but that they are some, and the last of their request.

        Raises:
            ConnectionFault: the stream is over, or never was.
            StreamFault: the request does not end with them, or is not as long as was said.
        """
        waiting = self.open.get(stream)
        if waiting is None and stream in self._cut:
            return
        if waiting is None or waiting.ended:
            raise ConnectionFault(Code.STREAM_CLOSED if stream == self.last else Code.PROTOCOL_ERROR)
        if not last or not waiting.end():
            raise StreamFault(Code.PROTOCOL_ERROR)

    def data(self, flags: int, stream: int, payload: bytes) -> None:
        """Take a part of a body; for the connection as a whole there is always room for more."""
        self._known(stream)
        if payload:
            self._out.append(frames.window_update(0, len(payload)))
        body = frames.content(frames.DATA, flags, stream, payload)
        waiting = self.open.get(stream)
        if waiting is None:
            if stream not in self._cut:
                self._out.append(frames.reset(stream, Code.STREAM_CLOSED))
            return
        try:
            waiting.take(len(payload), body)
            if flags & frames.END_STREAM and not waiting.end():
                raise StreamFault(Code.PROTOCOL_ERROR)
        except StreamFault as fault:
            self.cut_off(stream, fault.code)

    def settle(self, found: collections.abc.Mapping[int, int]) -> None:
        """Do as the settings of the other side say."""
        if found.get(frames.HEADER_TABLE_SIZE, _TABLE) < _TABLE:
            # No table is used; a smaller one must be agreed to all the same (RFC 7541, section 4.2).
            self.prefix = b"\x20"
        grown = found.get(frames.INITIAL_WINDOW, self._initial) - self._initial
        self._initial += grown
        for waiting in self.open.values():
            waiting.window += grown
            if waiting.window > frames.LARGEST_WINDOW:
                raise ConnectionFault(Code.FLOW_CONTROL_ERROR)
        self._send_bodies()

    def widen(self, stream: int, size: int) -> None:
        """Send more: the other side has room for it, on one stream or, if that is 0, on the connection."""
        if not stream:
            self._window += size
            if not size or self._window > frames.LARGEST_WINDOW:
                raise ConnectionFault(Code.FLOW_CONTROL_ERROR if size else Code.PROTOCOL_ERROR)
        else:
            self._known(stream)
            waiting = self.open.get(stream)
            if waiting is not None:
                waiting.window += size
            if not size or (waiting is not None and waiting.window > frames.LARGEST_WINDOW):
                return self.cut_off(stream, Code.FLOW_CONTROL_ERROR if size else Code.PROTOCOL_ERROR)
        self._send_bodies()

    def reset(self, stream: int) -> None:
        """Forget a stream that the other side gives up; whoever works for it is not disturbed."""
        self._known(stream)
        self._drop(stream)
        # Nothing more may come for it, answered or not.
        self._cut.pop(stream, None)

    def abandon(self) -> None:
        """Forget all streams: the connection is gone."""
        for stream in list(self.open):
            self._drop(stream)

    def cut_off(self, stream: int, code: Code) -> None:
        """End a stream before its end."""
        self._out.append(frames.reset(stream, code))
        self._drop(stream)
        self._cut[stream] = None
        if len(self._cut) > _MOST_CUT:
            del self._cut[next(iter(self._cut))]

    def _known(self, stream: int) -> None:
        """Refuse frames of streams that were never opened."""
        if stream > self.last or not stream & 1:
            raise ConnectionFault(Code.PROTOCOL_ERROR)

    def _drop(self, stream: int) -> None:
        waiting = self.open.pop(stream, None)
        if waiting is not None:
            waiting.leave()

    def _send(self, stream: int, block: bytes, body: bytes) -> None:
        self._out.append(frames.headers(stream, self.prefix + block, end=not body))
        self.prefix = b""
        self.open[stream].unsent = body
        if body:
            self._send_bodies()
        else:
            self._finish(stream)

    def _send_bodies(self) -> None:
        """Send of the answers' bodies as much as the other side has room for."""
        for stream, waiting in list(self.open.items()):
            while waiting.unsent and (room := min(self._window, waiting.window, frames.LONGEST)) > 0:
                piece, waiting.unsent = waiting.unsent[:room], waiting.unsent[room:]
                self._window -= len(piece)
                waiting.window -= len(piece)
                self._out.append(frames.frame(frames.DATA, 0 if waiting.unsent else frames.END_STREAM, stream, piece))
                if not waiting.unsent:
                    self._finish(stream)

    def _finish(self, stream: int) -> None:
        """End a stream whose answer was sent; what is left of its request nobody reads (RFC 9113, section 8.1)."""
        if self.open[stream].ended:
            del self.open[stream]
        else:
            self.cut_off(stream, Code.NO_ERROR)
