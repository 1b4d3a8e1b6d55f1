# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Pages for people: what went wrong, and whether to log out. Every value is escaped, nothing is loaded from elsewhere."""

import base64
import hashlib
import pathlib

import jinja2

from gatekeeper import answers

_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(pathlib.Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
)
_STYLE = (pathlib.Path(__file__).parent / "templates" / "style.css").read_text()
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
SECURITY = (
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    (
        "content-security-policy",
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; frame-ancestors 'self'; base-uri 'none'",
    ),
)
_LONGEST_REASON = 300


def error(status: int, title: str, reason: str, request_id: str, *, retry: int | None = None) -> answers.Answer:
    """Return a page that says what is wrong, and by which request id it can be found in the log.

    Args:
        status: of the response.
        title: the one sentence for who only reads one.
        reason: what is known, in words for a person.
        request_id: as in the log.
        retry: seconds after which it is worth trying again.
    """
    extra = (("retry-after", str(retry)),) if retry else ()
    reason = reason[:_LONGEST_REASON]
    return _page("error.html", status, extra, title=title, reason=reason, request_id=request_id, status=status)


def confirm_logout(action: str) -> answers.Answer:
    """Return a page that asks whether to log out, because another site sent the browser here."""
    return _page("logout.html", 200, (), title="Log out?", action=action)


def _page(name: str, code: int, extra: tuple[tuple[str, str], ...], **values: object) -> answers.Answer:
    text = _ENVIRONMENT.get_template(name).render(style=_STYLE, **values)
    headers = (("content-type", "text/html; charset=utf-8"), *SECURITY, *extra)
    return answers.Answer(status=code, headers=headers, body=text.encode())
