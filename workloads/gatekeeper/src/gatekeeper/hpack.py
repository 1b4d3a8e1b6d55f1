# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Header blocks of HTTP/2 (RFC 7541): those that are received, and those of answers."""

import collections.abc
import typing

from jh2 import _hazmat  # pyright: ignore[reportMissingTypeStubs]

from gatekeeper import frames

LONGEST = 65_536
# RFC 7541, appendix A: those of its statuses that have a number of their own, and the name for all others.
_STATUSES = {200: b"\x88", 204: b"\x89", 206: b"\x8a", 304: b"\x8b", 400: b"\x8c", 404: b"\x8d", 500: b"\x8e"}
_STATUS = b"\x08"
# Who passes them on shall not remember them: most hold an identity or a cookie.
_NEVER_INDEXED = b"\x10"

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
