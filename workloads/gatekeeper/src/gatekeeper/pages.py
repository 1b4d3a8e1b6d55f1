# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Pages for people: what went wrong and what to do, or a question; never anything that an attacker may want to know."""

import base64
import collections.abc
import functools
import hashlib
import pathlib
import time
import typing

from gatekeeper import answer, head, reasons, revocation, settings

if typing.TYPE_CHECKING:
    import jinja2

_TEMPLATES = pathlib.Path(__file__).parent / "templates"
_RETRY_SECONDS = 5

_COMMON = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Not no-referrer: browsers would then hide the origin of the form that confirms a logout.
    "referrer-policy": "same-origin",
}


class Pages:
    """Renders pages; programs get the same as JSON."""

    def __init__(self, options: settings.Settings) -> None:
        self._options = options
        self._style = (_TEMPLATES / "style.css").read_text()
        digest = base64.b64encode(hashlib.sha256(self._style.encode()).digest()).decode()
        self._policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; frame-ancestors 'none'"

    def error(
        self,
        request: head.Head,
        code: str,
        *,
        retry: str = "",
        cookies: tuple[str, ...] = (),
        reload: bool = False,
    ) -> answer.Answer:
        """Return a page about a reason, for a program JSON.

        Args:
            request: what is answered.
            code: the reason.
            retry: the path of a link to try again, if that may help.
            cookies: Set-Cookie headers.
            reload: whether the page tries again by itself.
        """
        why, name = reasons.reason(code), request.request_id
        if request.is_page_load:
            refresh = _RETRY_SECONDS if reload else 0
            text = self._render("error.html", why=why, code=code, retry=retry, request_id=name, refresh=refresh)
            kind, body = "text/html; charset=utf-8", text.encode("utf-8", "replace")
        else:
            content = {"error": why.error, "error_description": why.text, "request_id": name}
            plain = answer.as_json(why.status, content)
            kind, body = "application/json", plain.body
        headers = [*self._headers("; form-action 'none'"), ("content-type", kind), ("x-request-id", name)]
        headers += [("set-cookie", cookie) for cookie in cookies]
        if reasons.is_temporary(code):
            headers.append(("retry-after", str(_RETRY_SECONDS)))
        return answer.Answer(status=why.status, headers=tuple(headers), body=body, reason=code, request_id=name)

    def confirm_logout(self, request: head.Head) -> answer.Answer:
        """Return a page that asks whether the person wants to log out.

        It is a refusal by its status: whatever asked for it has not logged anybody out.
        """
        text = self._render("logout.html", action=f"{self._options.prefix}/logout", request_id=request.request_id)
        # Without form-action: it would also hold for wherever the logout leads to in the end, which may be anywhere.
        headers = (*self._headers(""), ("content-type", "text/html; charset=utf-8"))
        return answer.Answer(status=403, headers=headers, body=text.encode())

    def tokens(
        self,
        request: head.Head,
        records: collections.abc.Sequence[revocation.Record],
        *,
        token: str = "",
        complaint: str = "",
        device: str = "",
    ) -> answer.Answer:
        """Return the page about somebody's API tokens.

        Args:
            request: what is answered.
            records: the tokens.
            token: one that was just made, and is never shown again.
            complaint: why none was made.
            device: what to type on a machine without a browser, empty if that is not offered.
        """
        text = self._render(
            "tokens.html",
            records=records,
            token=token,
            complaint=complaint,
            device=device,
            url=self._options.public_url,
            action=f"{self._options.prefix}/tokens",
            request_id=request.request_id,
        )
        headers = (*self._headers("; form-action 'self'"), ("content-type", "text/html; charset=utf-8"))
        status = 400 if complaint else 200
        return answer.Answer(status=status, headers=headers, body=text.encode("utf-8", "replace"))

    def _render(self, name: str, **values: object) -> str:
        return self._environment.get_template(name).render(values, style=self._style)

    @functools.cached_property
    def _environment(self) -> "jinja2.Environment":
        # Not before a page is asked for: most processes never show one, and would be slower to start and larger.
        import jinja2

        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_TEMPLATES),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters["date"] = _date
        return environment

    def _headers(self, policy: str) -> list[tuple[str, str]]:
        return [*_COMMON.items(), ("content-security-policy", self._policy + policy)]


def _date(seconds: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))


def hardened(what: answer.Answer) -> list[tuple[bytes, bytes]]:
    """Return an answer's headers together with those that every answer of an own path has."""
    names = {name for name, _ in what.headers}
    missing = [(name.encode(), value.encode()) for name, value in _COMMON.items() if name not in names]
    if "content-security-policy" not in names:
        missing.append((b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"))
    return what.raw_headers + missing
