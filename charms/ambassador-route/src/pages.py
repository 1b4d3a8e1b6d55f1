# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What the gateway says when it answers by itself: a page for people, JSON for programs, in Envoy's format strings."""

import dataclasses
import html
import json
import pathlib
import string

_PAGE = pathlib.Path(__file__).parent / "templates" / "page.html"
_CODE = "%RESPONSE_CODE%"
_REQUEST = "%REQ(X-REQUEST-ID)%"
_UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
# The words of the route that refuses, see routes.json.j2; Envoy's own words stand nowhere.
_REFUSAL = "%LOCAL_REPLY_BODY%"

SILENT = "The gatekeeper did not answer, so nobody can be let in now."
DOWN = "The application did not answer."
_UNAVAILABLE = "Not available"
HEADERS = (
    ("cache-control", "no-store"),
    ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    ("x-content-type-options", "nosniff"),
)
# https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/observability/access_log/usage, RESPONSE_FLAGS
_AUTHORIZER_FLAGS = ("UAEX",)
_UPSTREAM_FLAGS = ("UF", "UH", "UC", "UR", "UT", "URX", "UO", "UPE", "LR", "NC", "SI", "DF")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Page:
    """One answer and when it is given; the first that fits is taken.

    Attributes:
        status: the status that it is for.
        comparison: how the status is compared: EQ or GE.
        flags: Envoy's response flags, one of which must be set; empty for any.
        html: the page, for a client that accepts HTML; empty in the answer for all others.
        json: the members of the JSON answer; empty where the answer stays as it is.
        request: a pattern that the request id must match; empty for any.
    """

    status: int
    comparison: str = "EQ"
    flags: tuple[str, ...] = ()
    html: str = ""
    json: dict[str, str] = dataclasses.field(default_factory=dict[str, str])
    request: str = ""


def pages() -> tuple[Page, ...]:
    """Return every answer, in the order in which Envoy shall try them."""
    unavailable, refused = _UNAVAILABLE, "The gateway cannot pass this request on."
    return (
        *_both(_AUTHORIZER_FLAGS, unavailable, SILENT, status=503),
        # What the authorizer said itself when it refused goes to the client as it is.
        Page(status=100, comparison="GE", flags=_AUTHORIZER_FLAGS, html=_REFUSAL),
        Page(status=100, comparison="GE", flags=_AUTHORIZER_FLAGS),
        *_both((), "Too many requests", "Wait a minute, and try again.", status=429),
        *_both(_UPSTREAM_FLAGS, unavailable, DOWN, status=500, comparison="GE"),
        *_both((), "Not found", "No application is reached at this address.", status=404),
        *_both((), unavailable, _REFUSAL, status=503),
        # A request can be refused before it gets an id of ours; the client's own must not stand in a page.
        *_both((), "Refused", refused, status=400, comparison="GE", request=_UUID),
        *_both((), "Refused", refused, status=400, comparison="GE", shown="unknown"),
    )


def plain(text: str) -> dict[str, str]:
    """Return the answer 503 for an engine that fills nothing in: as html for people, as json for programs."""
    words = {"status": "503", "error": _UNAVAILABLE, "message": text}
    values = {"title": _UNAVAILABLE, "text": html.escape(text), "code": "503", "request": "unknown"}
    return {"html": string.Template(_PAGE.read_text()).substitute(values), "json": json.dumps(words)}


def _both(
    flags: tuple[str, ...],
    title: str,
    text: str,
    *,
    status: int,
    comparison: str = "EQ",
    request: str = "",
    shown: str = _REQUEST,
) -> tuple[Page, Page]:
    words = {"status": _CODE, "error": title, "message": text, "request_id": shown}
    programs = Page(status=status, comparison=comparison, flags=flags, json=words, request=request)
    return (dataclasses.replace(programs, html=_html(title, text, shown)), programs)


def _html(title: str, text: str, request: str) -> str:
    # A percent sign of the page itself must not begin one of Envoy's commands.
    template = _PAGE.read_text().replace("%", "%%")
    values = {"title": html.escape(title), "text": html.escape(text), "code": _CODE, "request": request}
    return string.Template(template).substitute(values)
