# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""An HTTP answer as a value, and its bytes on the wire."""

import collections.abc
import dataclasses
import functools
import http
import json
import re

from gatekeeper import hpack

# Whatever could end a header early. Answers are built from checked values; this is the last door.
_BAD_VALUE = re.compile(r"[^\x20-\x7e\xa0-\xff]")
_BAD_NAME = re.compile(r"[^a-z0-9-]")

Headers = collections.abc.Mapping[str, str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """What to send.

    Attributes:
        headers: names in lower case; a name may stand there several times.
        reason: why something was refused, as a code for the log; empty when nothing was.
        request_id: what ties the answer to its line in the log; empty when nothing is logged.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    reason: str = ""
    request_id: str = ""

    def __post_init__(self) -> None:
        """Refuse what cannot stand in a header."""
        for name, value in self.headers:
            if _BAD_NAME.search(name) or _BAD_VALUE.search(value):
                raise ValueError(f"header {name!r} cannot be sent")

    @functools.cached_property
    def raw_headers(self) -> list[tuple[bytes, bytes]]:
        """Return the headers as bytes, with the body's length."""
        lines = [(name.encode("ascii"), value.encode("latin-1")) for name, value in self.headers]
        if self.status != http.HTTPStatus.NO_CONTENT:
            lines.append((b"content-length", b"%d" % len(self.body)))
        return lines

    @functools.cached_property
    def wire(self) -> bytes:
        """Return the answer's bytes on a connection that stays open."""
        return self.head + b"\r\n" + self.body

    @functools.cached_property
    def head(self) -> bytes:
        """Return status line and headers, without the line that ends them."""
        status = b"HTTP/1.1 %d %s\r\n" % (self.status, http.HTTPStatus(self.status).phrase.encode("ascii"))
        return status + b"".join(b"%s: %s\r\n" % line for line in self.raw_headers)

    @functools.cached_property
    def block(self) -> bytes:
        """Return status and headers as HTTP/2 writes them."""
        return hpack.answer(self.status, self.raw_headers)

    def header(self, name: str) -> list[str]:
        """Return the values of a header."""
        return [value for key, value in self.headers if key == name]


def as_json(status: int, content: collections.abc.Mapping[str, object], **fields: str) -> Answer:
    """Return an answer for programs; `fields` are further headers, with underscores for dashes."""
    headers = {"content-type": "application/json", "cache-control": "no-store", "x-content-type-options": "nosniff"}
    headers |= {name.replace("_", "-"): value for name, value in fields.items()}
    return Answer(status=status, headers=tuple(headers.items()), body=json.dumps(content).encode())


def redirect(status: int, location: str, *cookies: str) -> Answer:
    """Return a redirect that nobody may remember."""
    headers = (("location", location), ("cache-control", "no-store"), *(("set-cookie", cookie) for cookie in cookies))
    return Answer(status=status, headers=headers)


BROKEN = as_json(500, {"error": "server_error", "error_description": "an unexpected error"})
NO_TUNNELS = as_json(405, {"error": "invalid_request", "error_description": "CONNECT is not offered"})
