# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What a request says about itself: who asks, under which id, from where, and with which body."""

import re
import urllib.parse
import uuid

import starlette.requests

from reception import desk, settings

_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")
_LONGEST_BODY = 10_000


def visitor(request: starlette.requests.Request, options: settings.Settings) -> desk.Visitor:
    """Return who asks, as the gateway says it; without a user id where nobody or more than one said so."""
    userids = request.headers.getlist(options.userid_header)
    groups = ",".join(request.headers.getlist(options.groups_header)).split(",")
    # Two values mean that somebody other than the gateway has added one.
    return desk.Visitor(
        userid=userids[0] if len(userids) == 1 else "", groups=frozenset(name.strip() for name in groups if name)
    )


def request_id(request: starlette.requests.Request) -> str:
    """Return the gateway's name for this request if it is a harmless one, else a new name, the same each time."""
    if not hasattr(request.state, "request_id"):
        given = request.headers.get("x-request-id", "")
        request.state.request_id = given if _REQUEST_ID.fullmatch(given) else str(uuid.uuid4())
    return request.state.request_id


def same_origin(request: starlette.requests.Request) -> bool:
    """Return whether a form was sent from a page of this origin, as browsers tell it."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is None or urllib.parse.urlsplit(origin).netloc == request.headers.get("host", "")


async def body(request: starlette.requests.Request) -> bytes:
    """Return the body of a request, nothing where it is too long."""
    found = b""
    async for piece in request.stream():
        found += piece
        if len(found) > _LONGEST_BODY:
            return b""
    return found
