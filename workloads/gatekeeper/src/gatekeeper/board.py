# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Memory that the processes of one service share: each writes what it has counted, and reads that of the others."""

import collections.abc
import json
import mmap
import struct
import zlib

# Length and checksum of what follows: a reader may come while a writer writes.
_HEAD = struct.Struct("<II")
_SIZE = 1 << 18


class Board:
    """Made before the processes part, with a place for each."""

    def __init__(self, places: int) -> None:
        self._places = [mmap.mmap(-1, _SIZE) for _ in range(places)]

    def write(self, place: int, counts: collections.abc.Mapping[str, float]) -> None:
        """Replace what stands at a place; what is too long for it is not written."""
        data = json.dumps(counts).encode()
        if len(data) <= _SIZE - _HEAD.size:
            self._places[place][: _HEAD.size + len(data)] = _HEAD.pack(len(data), zlib.crc32(data)) + data

    def read(self, *, besides: int) -> list[dict[str, float]]:
        """Return what stands at all places but one; half a text counts as none, and is whole the next time."""
        found = [self._read(place) for number, place in enumerate(self._places) if number != besides]
        return [counts for counts in found if counts is not None]

    def _read(self, place: mmap.mmap) -> dict[str, float] | None:
        length, checksum = _HEAD.unpack(place[: _HEAD.size])
        data = place[_HEAD.size : _HEAD.size + min(length, _SIZE)]
        return json.loads(data) if length and zlib.crc32(data) == checksum else None
