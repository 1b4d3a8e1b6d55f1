# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The head of a request: method, target and headers, and what they say about who asks and for what."""

import re
import uuid

_REQUEST_ID = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")
_DESTINATIONS = frozenset({b"document", b"iframe", b"frame", b"embed", b"object"})
# Where the path of a target in absolute form begins: an authority ends at a question mark too.
_AUTHORITY = re.compile(rb"[^/?#]*://[^/?#]*")
_HTML = (b"text/html", b"application/xhtml+xml", b"text/*")


class Head:
    """A request without its body.

    Attributes:
        method: in upper case.
        target: what stands between the method and the version.
        headers: name, in lower case, and value of each, in order.
        last: the last value of each name.
    """

    __slots__ = ("headers", "last", "method", "target")

    def __init__(self, method: bytes, target: bytes, headers: list[tuple[bytes, bytes]]) -> None:
        self.method = method
        self.target = target
        self.headers = headers
        self.last = dict(headers)

    @property
    def repeats(self) -> bool:
        """Return whether a name stands there more than once."""
        return len(self.last) != len(self.headers)

    def get(self, name: bytes) -> bytes:
        """Return the first value of a header, or nothing."""
        if not self.repeats:
            return self.last.get(name, b"")
        return next((value for key, value in self.headers if key == name), b"")

    def all(self, name: bytes) -> list[bytes]:
        """Return every value of a header."""
        return [value for key, value in self.headers if key == name]

    @property
    def path(self) -> bytes:
        """Return path and query of the target, whatever its form."""
        if self.target.startswith(b"/"):
            return self.target
        found = _AUTHORITY.match(self.target)
        rest = self.target[found.end() :] if found else b""
        return rest if rest.startswith(b"/") else b"/" + rest

    @property
    def request_id(self) -> str:
        """Return the gateway's name for this request if it is a harmless one, else a new name."""
        given = self.get(b"x-request-id")
        return given.decode("ascii") if _REQUEST_ID.fullmatch(given) else str(uuid.uuid4())

    @property
    def is_page_load(self) -> bool:
        """Return whether a person looks at the answer, so that a redirect to a login makes sense.

        What says nothing about itself (curl, scripts) counts as one: such programs follow the redirect to log in.
        """
        accept = self.get(b"accept").lower()
        if self.method not in (b"GET", b"HEAD"):
            navigates = self.get(b"sec-fetch-mode") == b"navigate" or b"text/html" in accept
            if self.method != b"POST" or not navigates:
                return False
        return not self._is_script and _accepts_pages(accept)

    @property
    def _is_script(self) -> bool:
        mode, destination = self.get(b"sec-fetch-mode").lower(), self.get(b"sec-fetch-dest").lower()
        return (
            self.get(b"x-requested-with").lower() == b"xmlhttprequest"
            or (mode != b"" and mode != b"navigate")
            or (destination != b"" and destination not in _DESTINATIONS)
            or self.get(b"upgrade").lower() == b"websocket"
        )


def _accepts_pages(accept: bytes) -> bool:
    """Return whether an Accept header has room for HTML.

    `application/json, text/plain, */*` is what the usual JavaScript libraries send; only where it names JSON and not
    HTML does the wildcard mean a program.
    """
    kinds = {kind.partition(b";")[0].strip() for kind in accept.split(b",")} - {b""}
    if not kinds or any(kind in kinds for kind in _HTML):
        return True
    return b"*/*" in kinds and b"application/json" not in kinds
