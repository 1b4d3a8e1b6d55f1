# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Cookies, read from what browsers send and written for them."""

import collections.abc
import functools
import re

_NAME = re.compile(r"[A-Za-z0-9_-]+")
_VALUE = re.compile(r"[A-Za-z0-9._~-]*")


def pairs(lines: collections.abc.Iterable[bytes]) -> collections.abc.Iterator[tuple[bytes, bytes]]:
    """Yield name and value of every cookie in these Cookie headers, in order, repeated names included."""
    for line in lines:
        for part in line.split(b";"):
            name, equals, value = part.strip(b" \t").partition(b"=")
            if equals and name:
                yield name, value


def values(lines: collections.abc.Iterable[bytes], name: bytes) -> list[bytes]:
    """Return every value under one name."""
    found = _named(name)
    return [value.rstrip(b" \t") for line in lines for value in found(line)]


@functools.lru_cache(maxsize=16)
def _named(name: bytes) -> collections.abc.Callable[[bytes], list[bytes]]:
    return re.compile(rb"(?:^|;)[ \t]*" + re.escape(name) + rb"=([^;]*)").findall


def write(name: str, value: str, *, max_age: int, secure: bool) -> str:
    """Return the Set-Cookie header of a cookie for the whole site that no script can read."""
    if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
        raise ValueError(f"cookie {name!r} cannot be sent")
    return f"{name}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Lax" + ("; Secure" if secure else "")


def delete(name: str, *, secure: bool) -> str:
    """Return the Set-Cookie header that makes a browser forget a cookie."""
    return write(name, "", max_age=0, secure=secure)
