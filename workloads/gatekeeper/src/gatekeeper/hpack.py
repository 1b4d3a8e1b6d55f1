# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Header blocks of HTTP/2 (RFC 7541): of requests that are received, and of answers."""

import collections.abc
import re
import typing

from jh2 import _hazmat  # pyright: ignore[reportMissingTypeStubs]

from gatekeeper import frames, head

LONGEST = 65_536
# RFC 7541, appendix A: those of its statuses that have a number of their own, and the name for all others.
_STATUSES = {200: b"\x88", 204: b"\x89", 206: b"\x8a", 304: b"\x8b", 400: b"\x8c", 404: b"\x8d", 500: b"\x8e"}
_STATUS = b"\x08"
# Who passes them on shall not remember them: most hold an identity or a cookie.
_NEVER_INDEXED = b"\x10"
_NAME = re.compile(rb"[a-z0-9!#$%&'*+.^_`|~-]+")
_METHOD = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,40}")
# What no value may hold (RFC 9113, section 8.2.1).
_BAD = b"\0\r\n"
_LENGTH = re.compile(rb"[0-9]{1,18}")
_PSEUDO = frozenset({b":method", b":scheme", b":authority", b":path"})
# They are about a connection of HTTP/1.1 (RFC 9113, section 8.2.2).
_OF_CONNECTIONS = frozenset({b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"})
# What a gateway says, beside a Cookie header, of a request of which nothing else decides who asks.
QUIET = _PSEUDO | frozenset(
    b"accept accept-encoding accept-language content-length content-type cookie origin referer"
    b" sec-fetch-dest sec-fetch-mode sec-fetch-site sec-fetch-user traceparent tracestate user-agent"
    b" x-authorization-check x-envoy-expected-rq-timeout-ms x-envoy-internal x-forwarded-for x-forwarded-host"
    b" x-forwarded-proto x-request-id x-requested-with".split()
)


Lines = list[tuple[bytes, bytes, bool]]


class Decoder:
    """Reads the header blocks of a connection, each of which can depend on those before."""

    def __init__(self) -> None:
        self._decoder = _hazmat.Decoder(LONGEST)

    def decode(self, block: bytes) -> Lines:
        """Return names and values.

        Raises:
            frames.ConnectionFault: it cannot be read, and so nothing that follows.
        """
        try:
            # Bytes, as long as nobody asks for texts.
            return typing.cast("Lines", self._decoder.decode(block))
        except _hazmat.OversizedHeaderListError:
            raise frames.ConnectionFault(frames.Code.ENHANCE_YOUR_CALM) from None
        except BaseException:
            # Of a block that ends in the middle the decoder says so with a panic, which is no Exception.
            raise frames.ConnectionFault(frames.Code.COMPRESSION_ERROR) from None


def request(lines: Lines) -> tuple[head.Head, int | None]:
    """Return a request, as it would stand in HTTP/1.1, and the length of its body if it tells one.

    Raises:
        frames.StreamFault: it is malformed (RFC 9113, section 8.1.1).
    """
    pseudo: dict[bytes, bytes] = {}
    for name, value, _ in lines:
        if name not in _PSEUDO:
            break
        pseudo[name] = value
    # One that stands there twice is counted once, and then found among those that follow.
    headers = [(name, value) for name, value, _ in lines[len(pseudo) :]]
    for name, value in headers:
        if not _NAME.fullmatch(name) or name in _OF_CONNECTIONS or (name == b"te" and value != b"trailers"):
            raise _malformed()
    authority = pseudo.get(b":authority")
    if authority is not None:
        headers.append((b"host", authority))
    method, target = pseudo.get(b":method", b""), pseudo.get(b":path", b"")
    if not _METHOD.fullmatch(method) or (method != b"CONNECT" and not (target and pseudo.get(b":scheme"))):
        raise _malformed()
    if b" " in target or any(
        value.translate(None, _BAD) != value for value in (target, *(line[1] for line in headers))
    ):
        raise _malformed()
    # Of these a message has one (RFC 9110, section 5.3), and nobody shall guess which.
    hosts, lengths = ({value for key, value in headers if key == name} for name in (b"host", b"content-length"))
    if len(hosts) > 1 or len(lengths) > 1 or not all(map(_LENGTH.fullmatch, lengths)):
        raise _malformed()
    kept = [line for line in headers if line[0] != b"host"] + [(b"host", host) for host in hosts]
    return head.Head(method, target, kept), int(lengths.pop()) if lengths else None


def answer(status: int, headers: collections.abc.Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the header block of an answer; it depends on none before it, and none after depends on it."""
    known = _STATUSES.get(status) or _STATUS + _text(b"%d" % status)
    return known + b"".join(_NEVER_INDEXED + _text(name) + _text(value) for name, value in headers)


def _text(text: bytes) -> bytes:
    """Return a text without Huffman coding, after its length in a prefix of seven bits (RFC 7541, section 5)."""
    rest = len(text) - 127
    if rest < 0:
        return bytes([len(text)]) + text
    length = bytearray(b"\x7f")
    while rest >= 128:
        length.append(rest % 128 + 128)
        rest //= 128
    return bytes([*length, rest]) + text


def _malformed() -> frames.StreamFault:
    return frames.StreamFault(frames.Code.PROTOCOL_ERROR)
