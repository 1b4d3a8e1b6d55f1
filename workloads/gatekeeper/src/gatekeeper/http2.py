# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 on a connection (RFC 9113): a gateway asks about many requests at once, and gets the answers in one piece.

Whoever speaks it must know that it is understood here: nothing is negotiated (section 3.3).
"""

import asyncio
import logging
import time
import typing

from gatekeeper import answer, exchange, frames, head, hpack, http2head, log, streams
from gatekeeper.frames import Code, ConnectionFault, StreamFault

logger = logging.getLogger(__name__)

# Seconds in which what was begun, a frame or a header block, must be there, whole.
_SECONDS = 10.0
# How long requests may still come after the other side was asked to send no more.
_LAST_SECONDS = 0.3
# How many frames that belong to no request a connection may send in a minute: each costs a little, and few are needed.
_MOST_NOISE = 10_000
_MINUTE = 60.0
_FRAME = frames.HEAD.size
# A request without a body, whole.
_PLAIN = frames.END_STREAM | frames.END_HEADERS


class Gate(typing.Protocol):
    """Decides on checks."""

    def decide(self, request: head.Head, now: float) -> answer.Answer | None:
        """Return the answer to a check, or None if the application has it."""
        ...

    def known(self, path: bytes, line: bytes, now: float) -> answer.Answer | None:
        """Return the answer to a check with this Cookie header, or None if it must be looked at more closely."""
        ...


class _Block(typing.NamedTuple):
    """A header block that has not come whole."""

    stream: int
    flags: int
    pieces: list[bytes]


class Connection(asyncio.Protocol):
    """One connection.

    A check whose answer the gate knows at once is answered while the frames are read; all answers to what came in one
    piece leave in one piece. Everything else goes to the ASGI application.
    """

    def __init__(self, gate: Gate, surroundings: exchange.Surroundings) -> None:
        self._gate = gate
        self._surroundings = surroundings
        self._loop = asyncio.get_running_loop()
        self._decoder = hpack.Decoder()
        self._out: list[bytes] = []
        self._streams = streams.Streams(self._out, surroundings, self._flush)
        # What has come: a part of a frame, the preface, the first settings; whether a header block may begin.
        self._rest = b""
        self._begun = self._settled = self._ready = False
        self._block: _Block | None = None
        self._late: asyncio.TimerHandle | None = None
        self._noise, self._since, self._resets = 0, 0.0, 0
        self._leaving = self._over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say what is offered."""
        self._transport = typing.cast("asyncio.Transport", transport)
        self._surroundings.connections.add(self)
        self._out.append(frames.settings({frames.MAX_STREAMS: streams.MOST, frames.MAX_HEADERS: hpack.LONGEST}))

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._over = True
        self._surroundings.connections.discard(self)
        if self._late is not None:
            self._late.cancel()
        self._streams.abandon()

    def pause_writing(self) -> None:
        """Read no more from a client that does not read its answers."""
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on with a client that reads its answers again."""
        self._transport.resume_reading()

    def shutdown(self) -> None:
        """Ask for no more requests, and close in a moment; the server calls it before it ends.

        Those that are on their way are still answered: whoever sent them cannot send them again elsewhere.
        """
        if not self._over:
            self._out.append(frames.goaway(frames.STREAM, Code.NO_ERROR))
            self._flush()
            self._loop.call_later(_LAST_SECONDS, self._leave)

    def _leave(self) -> None:
        self._leaving = True
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Read what has come."""
        if self._over:
            return
        if self._rest:
            data = self._rest + data
        at, end, now = 0, len(data), time.time()
        try:
            if not self._begun:
                if not data.startswith(frames.PREFACE[:end]):
                    raise ConnectionFault(Code.PROTOCOL_ERROR)
                if end >= len(frames.PREFACE):
                    self._begun, at = True, len(frames.PREFACE)
            while self._begun and end - at >= _FRAME:
                word, flags, stream = frames.HEAD.unpack_from(data, at)
                start, stop = at + _FRAME, at + _FRAME + (word >> 8)
                if word >> 8 > frames.LONGEST:
                    raise ConnectionFault(Code.FRAME_SIZE_ERROR)
                if stop > end:
                    break
                stream &= frames.STREAM
                if word & 0xFF == frames.HEADERS and flags == _PLAIN and self._ready and stream:
                    self._head(stream, flags, data[start:stop], now)
                else:
                    self._take(word & 0xFF, flags, stream, data[start:stop], now)
                    self._ready = self._settled and self._block is None
                at = stop
            self._rest = data[at:]
        except ConnectionFault as fault:
            self._end(fault.code)
        self._wait_for_rest(progress=at > 0 and self._block is None)
        self._flush()

    def _wait_for_rest(self, *, progress: bool) -> None:
        """Give up on what does not come; what is read in pieces, however many, comes."""
        if self._late is not None and (progress or self._over):
            self._late.cancel()
            self._late = None
        if self._late is None and (self._rest or self._block is not None):
            self._late = self._loop.call_later(_SECONDS, self._end, Code.ENHANCE_YOUR_CALM)

    def _flush(self) -> None:
        if self._out and not self._transport.is_closing():
            self._transport.write(b"".join(self._out))
        self._out.clear()
        if self._over or (self._leaving and not self._streams.open):
            self._transport.close()

    def _end(self, code: Code) -> None:
        if not self._over:
            self._over = True
            self._out.append(frames.goaway(self._streams.last, code))
            self._rest, self._block = b"", None
            self._flush()

    def _take(self, kind: int, flags: int, stream: int, payload: bytes, now: float) -> None:
        """Read one frame."""
        frames.check(kind, flags, stream, payload)
        if not self._settled and (kind != frames.SETTINGS or flags & frames.ACK):
            raise ConnectionFault(Code.PROTOCOL_ERROR)
        if (kind == frames.CONTINUATION) is (self._block is None):
            raise ConnectionFault(Code.PROTOCOL_ERROR)
        self._count(kind, payload)
        match kind:
            case frames.HEADERS:
                self._block = _Block(stream, flags, [])
                self._continue(flags, stream, frames.content(kind, flags, stream, payload), now)
            case frames.CONTINUATION:
                self._continue(flags, stream, payload, now)
            case frames.DATA:
                self._streams.data(flags, stream, payload)
            case frames.SETTINGS:
                if not flags & frames.ACK:
                    self._settled = True
                    self._out.append(frames.frame(frames.SETTINGS, frames.ACK, 0))
                    self._streams.settle(frames.read_settings(payload))
            case frames.PING:
                if not flags & frames.ACK:
                    self._out.append(frames.frame(frames.PING, frames.ACK, 0, payload))
            case frames.WINDOW_UPDATE:
                self._streams.widen(stream, frames.read_window_update(payload))
            case frames.RST_STREAM:
                self._streams.reset(stream)
            case frames.PRIORITY:
                frames.check_priority(stream, payload)
            case frames.PUSH_PROMISE:
                raise ConnectionFault(Code.PROTOCOL_ERROR)
            case _:
                # GOAWAY says that no new streams come; of frames that are unknown nothing is known.
                pass

    def _count(self, kind: int, payload: bytes) -> None:
        """Count what belongs to no request; that each is taken back once is the doing of a gateway's own clients."""
        if kind == frames.HEADERS or (kind == frames.DATA and payload):
            return
        if kind == frames.RST_STREAM:
            self._resets += 1
            if 2 * self._resets <= self._streams.last + 1:
                return
        self._noise += 1
        if self._noise > _MOST_NOISE:
            now = time.monotonic()
            if now - self._since < _MINUTE:
                raise ConnectionFault(Code.ENHANCE_YOUR_CALM)
            self._noise, self._since = 0, now

    def _continue(self, flags: int, stream: int, payload: bytes, now: float) -> None:
        block = self._block
        if block is None or stream != block.stream:
            raise ConnectionFault(Code.PROTOCOL_ERROR)
        block.pieces.append(payload)
        if sum(map(len, block.pieces)) > hpack.LONGEST:
            raise ConnectionFault(Code.ENHANCE_YOUR_CALM)
        if flags & frames.END_HEADERS:
            self._block = None
            self._head(stream, block.flags, b"".join(block.pieces), now)

    def _head(self, stream: int, flags: int, block: bytes, now: float) -> None:
        """Read a request's head, and answer if the answer is known."""
        # Whatever it is, those that follow are read with what it says.
        lines = self._decoder.decode(block)
        ended = bool(flags & frames.END_STREAM)
        if not stream & 1 or stream <= self._streams.last:
            try:
                plain = not any(name.startswith(b":") for name, _, _ in lines)
                return self._streams.trailers(stream, last=ended and plain)
            except StreamFault as fault:
                return self._streams.cut_off(stream, fault.code)
        fields = {name: value for name, value, _ in lines}
        # Whoever has a session is let in. Who asks has read the request, and gets nothing back but who that is.
        if ended and len(fields) == len(lines) and http2head.QUIET.issuperset(fields):
            try:
                given = self._gate.known(fields.get(b":path", b""), fields.get(b"cookie", b""), now)
            except Exception:
                # One request must not end all others of its connection; the closer look says what is wrong.
                given = None
            if given is not None:
                self._streams.last = stream
                self._out.append(frames.headers(stream, self._streams.prefix + given.block, end=True))
                self._streams.prefix = b""
                return
        self._request(stream, lines, now, ended=ended)

    def _request(self, stream: int, lines: hpack.Lines, now: float, *, ended: bool) -> None:
        """Look at a request as a whole."""
        try:
            self._streams.begin(stream)
            request, length = http2head.request(lines)
            if ended and length:
                raise StreamFault(Code.PROTOCOL_ERROR)
        except StreamFault as fault:
            return self._streams.cut_off(stream, fault.code)
        try:
            given = answer.NO_TUNNELS if request.method == b"CONNECT" else self._gate.decide(request, now)
        except Exception:
            logger.exception("cannot answer")
            given = answer.BROKEN
        if given is None:
            return self._streams.hand_over(stream, request, ended=ended, length=length)
        if given.reason:
            log.refused(given, request)
        self._streams.reply(stream, given, request, ended=ended)
