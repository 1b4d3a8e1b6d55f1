# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Logging out: by a link, by a form, or by a program, and never because another site wants it."""

import logging

from gatekeeper import answer, check, cookies, guard, head, pages, session, settings

logger = logging.getLogger(__name__)


class Logout:
    """Ends sessions."""

    def __init__(
        self,
        options: settings.Settings,
        *,
        gate: check.Gate,
        sessions: session.Sessions,
        ward: guard.Guard,
        renderer: pages.Pages,
    ) -> None:
        self._options = options
        self._gate = gate
        self._sessions = sessions
        self._ward = ward
        self._pages = renderer

    def log_out(self, request: head.Head, now: float) -> answer.Answer:
        """Return the answer to a request to log out, by GET or POST."""
        if request.method == b"GET":
            return self._follow_link(request, now)
        if request.method != b"POST":
            return self._pages.error(request, "method_not_allowed")
        bearer = request.get(b"authorization")
        if bearer[:7].lower() == b"bearer ":
            outcome = self._ward.ask(bearer[7:].strip(), now)
            if not isinstance(outcome, guard.Pass):
                return check.unauthorized(request, check.Denied(outcome or "no_session", bearer=True))
            self._end(outcome, now)
        elif not _is_same_origin(request, self._options.public_url.encode()):
            return self._pages.error(request, "logout_cross_site", retry="/")
        else:
            self._end_cookies(request, now)
        if request.is_page_load:
            return answer.redirect(302, self._options.after_logout_url, self._forget())
        return answer.as_json(201, {"afterLogoutURL": self._options.after_logout_url}, set_cookie=self._forget())

    def _follow_link(self, request: head.Head, now: float) -> answer.Answer:
        mode = request.get(b"sec-fetch-mode")
        if (
            request.get(b"sec-fetch-site") == b"cross-site"
            or (mode and mode != b"navigate")
            or b"prefetch" in request.get(b"sec-purpose")
            or b"prefetch" in request.get(b"purpose")
        ):
            return self._pages.confirm_logout(request)
        self._end_cookies(request, now)
        return answer.redirect(302, self._options.after_logout_url, self._forget())

    def _end_cookies(self, request: head.Head, now: float) -> None:
        """End every session that the browser holds; it may hold several, of several paths."""
        for raw in cookies.values(request.all(b"cookie"), self._options.session_cookie.encode()):
            outcome = self._ward.ask(raw, now)
            if isinstance(outcome, guard.Pass):
                self._end(outcome, now)

    def _end(self, known: guard.Pass, now: float) -> None:
        self._sessions.revoke(known.proof, now)
        self._ward.forget(known.proof.session)
        logger.info("logged out", extra={"fields": {"event": "logout"}})

    def _forget(self) -> str:
        return cookies.delete(self._options.session_cookie, secure=self._options.secure)


def _is_same_origin(request: head.Head, public: bytes) -> bool:
    """Return whether a form or script of this site sent the request; old browsers and programs say nothing."""
    site, origin = request.get(b"sec-fetch-site"), request.get(b"origin")
    if site:
        return site in (b"same-origin", b"none")
    return not origin or origin == public or origin.partition(b"://")[2] == request.get(b"host")
