# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Paths that need no login: compared by whole segments, and only where every reader sees the same path."""

import collections.abc
import re
import urllib.parse

# A path that nobody reads differently, whether they decode it, merge its slashes or resolve its dots.
_PLAIN = re.compile(rb"(/[A-Za-z0-9._~!$&'()*+,=:@%-]+)+/?|/")
_DOTS = re.compile(r"\.+")


class Skips:
    """Knows the paths that need no login."""

    def __init__(self, paths: collections.abc.Iterable[str]) -> None:
        self._paths = frozenset(tuple(_segments(path)) for path in paths)
        self._longest = max((len(path) for path in self._paths), default=0)

    def covers(self, path: bytes) -> bool:
        """Return whether a request's path, query included, is one of them or below one of them."""
        if not self._paths:
            return False
        plain = path.partition(b"?")[0]
        if not _PLAIN.fullmatch(plain):
            return False
        segments = _segments(plain.decode("ascii"))
        if not all(_harmless(urllib.parse.unquote(segment, errors="surrogateescape")) for segment in segments):
            return False
        # As it came, not decoded: a gateway that does not decode sends /%70ublic to another application than /public.
        return any(tuple(segments[:size]) in self._paths for size in range(1, min(len(segments), self._longest) + 1))


def _segments(path: str) -> list[str]:
    return path.strip("/").split("/")


def _harmless(segment: str) -> bool:
    """Return whether a decoded segment stays one, however often it is decoded again."""
    return (
        segment.isascii()
        and segment.isprintable()
        and not _DOTS.fullmatch(segment)
        and not set(segment) & set("%/\\;?#")
    )
