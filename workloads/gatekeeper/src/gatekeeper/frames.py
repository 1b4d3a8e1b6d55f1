# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Frames of HTTP/2 (RFC 9113, sections 4 to 7): their numbers, and how those that are sent look. Pure."""

import collections.abc
import enum
import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
# Length and type in one word, flags, stream.
HEAD = struct.Struct(">IBI")
# What may be received and what is sent, in bytes: the least that everybody must accept, and enough.
LONGEST = 16_384
WINDOW = 65_535
LARGEST_WINDOW = 2**31 - 1
# The bit before a stream's number means nothing.
STREAM = 0x7FFFFFFF

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
ACK = END_STREAM = 0x01
END_HEADERS = 0x04
_PADDED = 0x08
_WITH_PRIORITY = 0x20

HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_STREAMS, INITIAL_WINDOW, MAX_FRAME, MAX_HEADERS = range(1, 7)
_LARGEST_FRAME = 2**24 - 1
_SETTING = struct.Struct(">HI")
_WORD = struct.Struct(">I")
_EIGHT = 8


class Code(enum.IntEnum):
    """Why a stream or a connection ends (RFC 9113, section 7)."""

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    COMPRESSION_ERROR = 9
    ENHANCE_YOUR_CALM = 11


class ConnectionFault(Exception):  # noqa: N818 - an error of the other side's
    """The other side breaks the rules in a way that ends the connection."""

    def __init__(self, code: Code) -> None:
        super().__init__(code.name)
        self.code = code


class StreamFault(Exception):  # noqa: N818
    """The other side breaks the rules in a way that ends one stream."""

    def __init__(self, code: Code) -> None:
        super().__init__(code.name)
        self.code = code


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Return a frame."""
    return HEAD.pack(len(payload) << 8 | kind, flags, stream) + payload


def headers(stream: int, block: bytes, *, end: bool) -> bytes:
    """Return a header block in as many frames as it takes."""
    ended = END_STREAM if end else 0
    if len(block) <= LONGEST:
        return frame(HEADERS, END_HEADERS | ended, stream, block)
    pieces = [block[at : at + LONGEST] for at in range(0, len(block), LONGEST)]
    first, *others, last = pieces
    found = [frame(HEADERS, ended, stream, first), *(frame(CONTINUATION, 0, stream, piece) for piece in others)]
    return b"".join((*found, frame(CONTINUATION, END_HEADERS, stream, last)))


def settings(values: collections.abc.Mapping[int, int]) -> bytes:
    """Return a SETTINGS frame."""
    return frame(SETTINGS, 0, 0, b"".join(_SETTING.pack(*item) for item in values.items()))


def reset(stream: int, code: Code) -> bytes:
    """Return a RST_STREAM frame."""
    return frame(RST_STREAM, 0, stream, _WORD.pack(code))


def goaway(last: int, code: Code) -> bytes:
    """Return a GOAWAY frame that names the last stream that was looked at."""
    return frame(GOAWAY, 0, 0, _WORD.pack(last) + _WORD.pack(code))


def window_update(stream: int, size: int) -> bytes:
    """Return a WINDOW_UPDATE frame; stream 0 means the connection."""
    return frame(WINDOW_UPDATE, 0, stream, _WORD.pack(size))


def read_settings(payload: bytes) -> dict[int, int]:
    """Return the settings of the other side.

    Raises:
        ConnectionFault: one of them is out of range (RFC 9113, section 6.5.2).
    """
    if len(payload) % _SETTING.size:
        raise ConnectionFault(Code.FRAME_SIZE_ERROR)
    found = dict(_SETTING.iter_unpack(payload))
    if found.get(ENABLE_PUSH, 0) > 1 or not LONGEST <= found.get(MAX_FRAME, LONGEST) <= _LARGEST_FRAME:
        raise ConnectionFault(Code.PROTOCOL_ERROR)
    if found.get(INITIAL_WINDOW, 0) > LARGEST_WINDOW:
        raise ConnectionFault(Code.FLOW_CONTROL_ERROR)
    return found


def read_window_update(payload: bytes) -> int:
    """Return by how much a window grows; 0 is an error for its stream.

    Raises:
        ConnectionFault: it has another size.
    """
    return _word(payload)


def check(kind: int, flags: int, stream: int, payload: bytes) -> None:
    """Look at what can be said of a frame by itself.

    Raises:
        ConnectionFault: its size is wrong, or it belongs to a stream or to none.
    """
    if kind in (DATA, HEADERS, PRIORITY, RST_STREAM, CONTINUATION) and not stream:
        raise ConnectionFault(Code.PROTOCOL_ERROR)
    if kind in (SETTINGS, PING, GOAWAY) and stream:
        raise ConnectionFault(Code.PROTOCOL_ERROR)
    if kind == RST_STREAM:
        _word(payload)
    wrong = (
        (kind == PING and len(payload) != _EIGHT)
        or (kind == GOAWAY and len(payload) < _EIGHT)
        or (kind == SETTINGS and flags & ACK and payload)
    )
    if wrong:
        raise ConnectionFault(Code.FRAME_SIZE_ERROR)


def content(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """Return what a DATA or HEADERS frame carries, without padding and priority.

    Raises:
        ConnectionFault: there is more padding than frame, or a stream depends on itself.
    """
    start, padding = 0, 0
    if flags & _PADDED:
        if not payload:
            raise ConnectionFault(Code.FRAME_SIZE_ERROR)
        start, padding = 1, payload[0]
    if kind == HEADERS and flags & _WITH_PRIORITY:
        check_priority(stream, payload[start : start + 5])
        start += 5
    if start + padding > len(payload):
        raise ConnectionFault(Code.PROTOCOL_ERROR)
    return payload[start : len(payload) - padding]


def check_priority(stream: int, payload: bytes) -> None:
    """Look at a priority, which nobody follows any more.

    Raises:
        ConnectionFault: it has another size, or the stream depends on itself.
    """
    if len(payload) != 5:
        raise ConnectionFault(Code.FRAME_SIZE_ERROR)
    if _WORD.unpack(payload[:4])[0] & STREAM == stream:
        raise ConnectionFault(Code.PROTOCOL_ERROR)


def _word(payload: bytes) -> int:
    if len(payload) != _WORD.size:
        raise ConnectionFault(Code.FRAME_SIZE_ERROR)
    return int(_WORD.unpack(payload)[0]) & STREAM
