# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The pages of the reception, which work without JavaScript, for screen readers and on small screens."""

import base64
import hashlib
import pathlib
import urllib.parse

import jinja2
import markupsafe
import starlette.responses

from reception import desk, profiles, reasons, settings

_TEMPLATES = pathlib.Path(__file__).parent / "templates"
_RETRY = 5
# Without JavaScript the browser asks again after this many seconds.
_REFRESH = 2


class Pages:
    """Renders pages."""

    def __init__(self, options: settings.Settings) -> None:
        self._options = options
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_TEMPLATES),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._style = (_TEMPLATES / "style.css").read_text()
        self._script = (_TEMPLATES / "waiting.js").read_text()
        # Both are files of this package; nothing from a request ever gets into them.
        style, script = markupsafe.Markup(self._style), markupsafe.Markup(self._script)  # noqa: S704
        self._shared: dict[str, object] = {"style": style, "script": script, "prefix": options.prefix}
        self._environment = environment

    def refused(self, step: desk.Step, request_id: str, *, retry: str) -> starlette.responses.Response:
        """Return a page that says why somebody is not received; retry is the path of a link to try again."""
        why = reasons.reason(step.reason, self._options.application)
        values: dict[str, object] = {"why": why, "code": step.reason, "name": step.name, "retry": retry}
        return self._page("refused.html", why.status, request_id, values)

    def ask(self, step: desk.Step, request_id: str, *, destination: str) -> starlette.responses.Response:
        """Return a page that asks whether a workspace is wanted."""
        values: dict[str, object] = {"name": step.name, "action": self.link(destination)}
        return self._page("ask.html", 200, request_id, values)

    def waiting(self, step: desk.Step, request_id: str, *, destination: str) -> starlette.responses.Response:
        """Return a page that says what is being made, and that goes on by itself."""
        long = step.seconds > self._options.patience
        values: dict[str, object] = {
            "name": step.name,
            "long": long,
            "refresh": _REFRESH,
            "again": self.link(destination),
            "status": self.link(destination, "/status"),
            "command": reasons.reason("profile_failed", self._options.application).command,
        }
        return self._page("waiting.html", 200, request_id, values)

    def listed(
        self, owned: list[profiles.Profile], request_id: str, *, complaint: reasons.Reason | None = None
    ) -> starlette.responses.Response:
        """Return the page about somebody's own workspaces."""
        values: dict[str, object] = {
            "owned": sorted(owned, key=lambda one: one.name),
            "more": len(owned) < self._options.most_profiles and self._options.create != "never",
            "complaint": complaint,
        }
        return self._page("profiles.html", complaint.status if complaint else 200, request_id, values)

    def link(self, destination: str, below: str = "") -> str:
        """Return the path of the reception that leads to a destination."""
        query = f"?next={urllib.parse.quote(destination, safe='')}" if destination else ""
        return f"{self._options.prefix}{below}{query}"

    def _page(self, name: str, status: int, request_id: str, values: dict[str, object]) -> starlette.responses.Response:
        text = self._environment.get_template(name).render(**self._shared, **values, request_id=request_id)
        headers = {**headers_of(request_id), "content-security-policy": self._policy()}
        if status == 503:
            headers["retry-after"] = str(_RETRY)
        body = text.encode("utf-8", "replace")
        return starlette.responses.Response(body, status, headers, media_type="text/html")

    def _policy(self) -> str:
        style, script = _digest(self._style), _digest(self._script)
        return (
            f"default-src 'none'; style-src {style}; script-src {script}; connect-src 'self'; form-action 'self'; "
            "base-uri 'none'; frame-ancestors 'none'"
        )


def headers_of(request_id: str) -> dict[str, str]:
    """Return what every answer carries."""
    return {
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "same-origin",
        "x-request-id": request_id,
    }


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
