# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Logging out: by a link, by a form, or by a program, and never because another site wants it."""

import collections.abc
import dataclasses
import logging
import math
import urllib.parse

from gatekeeper import answer, check, cookies, guard, head, metrics, pages, renewal, revocation, settings, spread

logger = logging.getLogger(__name__)


class Logout:
    """Ends sessions."""

    def __init__(
        self,
        options: settings.Settings,
        *,
        spreader: spread.Spread,
        renewals: renewal.Renewals,
        ward: guard.Guard,
        renderer: pages.Pages,
        count: metrics.Counter,
        end_session: collections.abc.Callable[[], str | None],
    ) -> None:
        self._options = options
        self._spread = spreader
        self._renewals = renewals
        self._ward = ward
        self._pages = renderer
        self._count = count
        self._end_session = end_session

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
            self._end(outcome)
        elif not is_same_origin(request, self._options.public_url.encode()):
            return self._pages.error(request, "logout_cross_site", retry="/")
        else:
            self._end_cookies(request, now)
        if request.is_page_load:
            return answer.redirect(302, self._leads_to(), *self._renewals.forget())
        # 201, because gateways take 200 for leave to pass the request on.
        given = answer.as_json(201, {"afterLogoutURL": self._leads_to()})
        forget = tuple(("set-cookie", line) for line in self._renewals.forget())
        return dataclasses.replace(given, headers=given.headers + forget)

    def _follow_link(self, request: head.Head, now: float) -> answer.Answer:
        mode = request.get(b"sec-fetch-mode")
        if (
            not self._is_own_link(request)
            or (mode and mode != b"navigate")
            or b"prefetch" in request.get(b"sec-purpose")
            or b"prefetch" in request.get(b"purpose")
        ):
            return self._pages.confirm_logout(request)
        self._end_cookies(request, now)
        return answer.redirect(302, self._leads_to(), *self._renewals.forget())

    def _is_own_link(self, request: head.Head) -> bool:
        """Return whether a page of this site or the person in front of it opened the link.

        Browsers say so themselves only over https and on localhost; elsewhere it is the page that the link was on, and
        where they keep that to themselves it must be asked.
        """
        site = request.get(b"sec-fetch-site")
        if site:
            return site in (b"same-origin", b"none")
        return request.get(b"referer").startswith(self._options.public_url.encode() + b"/")

    def _leads_to(self) -> str:
        """Return where a browser goes that was logged out: by way of the provider, if that can end its session too."""
        after, endpoint = self._options.after_logout_url, self._end_session()
        if endpoint is None:
            return after
        whole = f"{self._options.public_url}{after}" if after.startswith("/") else after
        query = urllib.parse.urlencode({"client_id": self._options.client_id, "post_logout_redirect_uri": whole})
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{query}"

    def _end_cookies(self, request: head.Head, now: float) -> None:
        """End every session that the browser holds; it may hold several, of several paths."""
        for raw in cookies.values(request.all(b"cookie"), self._options.session_cookie.encode()):
            outcome = self._ward.ask(raw, now)
            if isinstance(outcome, guard.Pass):
                self._end(outcome)
        # The session may have ended by itself, and its refresh token not.
        if (found := self._renewals.known(request, now)) is not None:
            self._end(found)

    def _end(self, known: guard.Pass) -> None:
        # Nothing of a session outlives its refresh tokens, or the last token that one of them was good for.
        ends = known.proof.began + self._options.refresh_lifetime + self._options.session_lifetime
        record = revocation.Record(kind="session", id=known.proof.session, expires=math.ceil(ends))
        self._spread.publish([record])
        self._count.add()
        logger.info("logged out", extra={"fields": {"event": "logout", "userid": known.proof.identity.userid}})


def is_same_origin(request: head.Head, public: bytes, *, strict: bool = False) -> bool:
    """Return whether a form or script of this site sent the request.

    Old browsers and programs say nothing: that is enough to log out, and strictly not enough for anything else.
    """
    site, origin = request.get(b"sec-fetch-site"), request.get(b"origin")
    if site:
        return site in (b"same-origin", b"none")
    if not origin:
        return not strict
    return origin == public or origin.partition(b"://")[2] == request.get(b"host")
