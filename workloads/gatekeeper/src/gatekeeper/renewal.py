# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Sessions renewed in silence: while the refresh cookie is good, nobody notices that a session ended."""

import dataclasses
import logging

from gatekeeper import answer, cookies, guard, head, identity, login, metrics, refresh, session, settings

logger = logging.getLogger(__name__)

# A gateway that sends it tells its checks from the requests that it routes here. With this value it hands the cookies
# of an answer that allows a request to the browser; with any other it cannot.
CHECK_HEADER = b"x-authorization-check"
_CARRIES = b"1"
# A browser that was just given cookies and comes back without the session does not keep it: no redirect helps.
_JUST_NOW = 10


class Renewals:
    """Gives out sessions, at a login and whenever one is about to end."""

    def __init__(
        self,
        options: settings.Settings,
        *,
        sessions: session.Sessions,
        refreshes: refresh.Refreshes,
        ward: guard.Guard,
        counts: metrics.Counter,
    ) -> None:
        self._options = options
        self._sessions = sessions
        self._refreshes = refreshes
        self._ward = ward
        self._counts = counts
        self._cookie = options.refresh_cookie.encode()

    def issue(self, person: identity.Identity, began: session.Began, now: float) -> tuple[str, ...]:
        """Return the Set-Cookie headers of a session and its refresh token.

        Raises:
            session.SessionTooLargeError: the identity does not fit.
        """
        options = self._options
        short = self._sessions.mint(person, now, began=began)
        long = self._refreshes.issue(person, began, now)
        left = max(1, int(min(options.refresh_idle_lifetime, began.at + options.refresh_lifetime - now)))
        return (
            cookies.write(options.session_cookie, short, max_age=options.session_lifetime, secure=options.secure),
            cookies.write(options.refresh_cookie, long, max_age=left, secure=options.secure),
        )

    def known(self, request: head.Head, now: float) -> guard.Pass | None:
        """Return what the browser's refresh cookies prove, if anything."""
        for raw in cookies.values(request.all(b"cookie"), self._cookie):
            outcome = self._ward.ask(raw, now)
            if isinstance(outcome, guard.Pass):
                return outcome
        return None

    def renew(self, request: head.Head, now: float) -> answer.Answer | None:
        """Return an answer that lets a request through with a new session, or None if nothing renews it.

        A gateway that cannot hand cookies on with a yes gets a redirect to the same page for page loads; what is none
        passes on the strength of the refresh cookie alone.
        """
        found = self.known(request, now)
        if found is None:
            return None
        if not self._carries(request):
            return self._redirected(request, found, now)
        fresh = self._fresh(found, now)
        return dataclasses.replace(found.answer, headers=(*found.answer.headers, *fresh)) if fresh else found.answer

    def forget(self) -> tuple[str, ...]:
        """Return the Set-Cookie headers that end a session in the browser."""
        names = (self._options.session_cookie, self._options.refresh_cookie)
        return tuple(cookies.delete(name, secure=self._options.secure) for name in names)

    def _redirected(self, request: head.Head, found: guard.Pass, now: float) -> answer.Answer | None:
        path = login.return_path(request.path, self._options.prefix)
        if not _navigates(request) or path.encode() != request.path:
            return found.answer
        if now < found.proof.issued + _JUST_NOW:
            return None
        fresh = self._fresh(found, now)
        return answer.redirect(302, path, *(line for _, line in fresh)) if fresh else found.answer

    def _fresh(self, found: guard.Pass, now: float) -> tuple[tuple[str, str], ...]:
        began = session.Began(session=found.proof.session, at=found.proof.began)
        try:
            fresh = tuple(("set-cookie", line) for line in self.issue(found.proof.identity, began, now))
        except session.SessionTooLargeError:
            # It fitted when it began; since then an option gave the identity another form.
            logger.error("a session cannot be renewed", extra={"fields": {"reason": "session_too_large"}})
            self._counts.add("session_too_large")
            return ()
        self._counts.add("success")
        return fresh

    def _carries(self, request: head.Head) -> bool:
        mode = self._options.session_renewal
        return mode == "header" or (mode == "auto" and request.get(CHECK_HEADER) == _CARRIES)


def _navigates(request: head.Head) -> bool:
    """Return whether a browser loads a page, and says so: programs that follow redirects keep no cookies."""
    return request.method == b"GET" and request.is_page_load and b"text/html" in request.get(b"accept").lower()
