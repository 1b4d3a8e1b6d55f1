# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The decision on a check: from the head of a request to the answer, without waiting."""

import collections.abc
import dataclasses
import typing

from gatekeeper import answer, cookies, guard, head, login, metrics, reasons, renewal, settings, skip

HOST_COOKIE = "authservice_host"
# A browser that was sent to the public host is back at once; if it then still shows another, a proxy changes the name.
_HOST_SECONDS = 10
_BEARER = b"bearer"
_OF_PROGRAMS = frozenset({b"authorization", b"x-auth-token"})
# What a token is told by a guard that is not the one for its kind.
_NOT_MINE = frozenset({"token_issuer", "token_unknown_key", "token_header", "token_malformed", "token_too_long"})


class Denied(typing.NamedTuple):
    """Nobody is let in.

    Attributes:
        reason: a code that says why.
        bearer: whether a token was given by a program, so that a login page is no help.
    """

    reason: str
    bearer: bool

    @property
    def authenticator(self) -> str:
        """Return what should have proved somebody, for counts."""
        if self.bearer:
            return "bearer"
        return "none" if self.reason == "no_session" else "session"


class Gate:
    """Decides on checks.

    Attributes:
        endpoint: returns where browsers go to log in, or None before that is known.
    """

    def __init__(
        self,
        options: settings.Settings,
        *,
        sessions: guard.Guard,
        bearers: collections.abc.Sequence[guard.Guard],
        logins: login.Logins,
        renewals: renewal.Renewals,
        endpoint: collections.abc.Callable[[], str | None],
        checks: metrics.Counter,
    ) -> None:
        self._options = options
        self._sessions = sessions
        self._bearers = tuple(bearers)
        self._logins = logins
        self._renewals = renewals
        self._endpoint = endpoint
        self._checks = checks
        self._skips = skip.Skips(options.skip_auth)
        # Empty headers, not none: what a client sent in them must not arrive where nobody was asked who they are.
        names = filter(None, (options.userid_header, options.groups_header, options.identity_header))
        self._open = answer.Answer(status=200, headers=tuple((name, "") for name in names))
        self._cookie = options.session_cookie.encode()
        self._own = options.prefix.encode() + b"/"

    def is_own(self, path: bytes) -> bool:
        """Return whether a path is one of the service itself, and so no check."""
        return path.startswith(self._own)

    def decide(self, request: head.Head, now: float) -> answer.Answer | None:
        """Return the answer to a check, or None for own paths and while the answer is not known without waiting."""
        if request.path.startswith(self._own):
            return None
        outcome = self.identify(request, now)
        if isinstance(outcome, guard.Pass) and outcome.fresh > now:
            outcome.tally.count += 1
            return outcome.answer
        if outcome is None:
            return self._let_by() if self._skips.covers(request.path) else None
        return self.conclude(request, outcome, now)

    def known(self, path: bytes, line: bytes, now: float) -> answer.Answer | None:
        """Return the answer to a check with this Cookie header and no other credential; None leaves it to `decide`."""
        if not path.startswith(b"/") or path.startswith(self._own):
            return None
        raw = next(iter(cookies.values((line,), self._cookie)), b"")
        outcome = self._sessions.ask(raw, now) if raw else None
        if not isinstance(outcome, guard.Pass) or outcome.fresh <= now:
            return None
        outcome.tally.count += 1
        return outcome.answer

    def conclude(self, request: head.Head, outcome: "guard.Pass | Denied", now: float) -> answer.Answer | None:
        """Return the answer to a check whose credentials are known, or None if a page load must wait for a login."""
        if isinstance(outcome, guard.Pass):
            outcome.tally.count += 1
            if outcome.fresh > now or self._has_fresh(request, now):
                return outcome.answer
            return self._renewals.renew(request, now) or outcome.answer
        if (renewed := self._renewals.renew(request, now)) is not None:
            return renewed
        if self._skips.covers(request.path):
            return self._let_by()
        denied = self.deny(request, outcome, now)
        if denied is not None:
            self._checks.add("denied", outcome.authenticator, outcome.reason)
        return denied

    def _let_by(self) -> answer.Answer:
        self._checks.add("skipped", "none", "")
        return self._open

    def identify(self, request: head.Head, now: float) -> guard.Pass | Denied | None:
        """Return the first credential that proves somebody, in order: bearer, X-Auth-Token, session cookie."""
        bearers, lines = _credentials(request)
        reason = ""
        for raw in bearers:
            for ward in self._bearers:
                outcome = ward.ask(raw, now)
                if not isinstance(outcome, str):
                    if outcome is None or outcome.proof.scope is None or outcome.proof.scope.allows(request):
                        return outcome
                    outcome = "token_scope"
                reason = outcome if not reason or outcome not in _NOT_MINE else reason
        for raw in cookies.values(lines, self._cookie) if lines else ():
            outcome = self._sessions.ask(raw, now)
            if not isinstance(outcome, str):
                return outcome
            reason = reason or outcome
        return Denied(reason or "no_session", bearer=bool(bearers))

    def session(self, request: head.Head, now: float) -> guard.Pass | None:
        """Return the live session that a browser's cookies hold or can renew, if any."""
        return next(self._live(request, now), None) or self._renewals.known(request, now)

    def _has_fresh(self, request: head.Head, now: float) -> bool:
        """Return whether another cookie holds a newer session: browsers send those of other paths first."""
        return any(known.fresh > now for known in self._live(request, now))

    def _live(self, request: head.Head, now: float) -> collections.abc.Iterator[guard.Pass]:
        for raw in cookies.values(request.all(b"cookie"), self._cookie):
            outcome = self._sessions.ask(raw, now)
            if isinstance(outcome, guard.Pass):
                yield outcome

    def deny(self, request: head.Head, denied: Denied, now: float) -> answer.Answer | None:
        """Return the answer to whom nobody knows, or None if a page load must wait for the provider."""
        if denied.bearer or not request.is_page_load:
            return unauthorized(request, denied)
        return self._to_public_host(request) or self.to_login(request, denied, now)

    def _to_public_host(self, request: head.Head) -> answer.Answer | None:
        host = settings.canonical_host(request.get(b"host").decode("latin-1"), secure=self._options.secure)
        if not host or host == self._options.host:
            return None
        if cookies.values(request.all(b"cookie"), HOST_COOKIE.encode()):
            return None
        mark = cookies.write(HOST_COOKIE, "1", max_age=_HOST_SECONDS, secure=self._options.secure)
        path = login.return_path(request.path, self._options.prefix)
        moved = answer.redirect(302, f"{self._options.public_url}{path}", mark)
        return _explained(moved, "other_host", request.request_id)

    def to_login(self, request: head.Head, denied: Denied, now: float, *, path: str = "") -> answer.Answer | None:
        """Return the redirect to a login and back to a path, or None while the provider is not known."""
        endpoint = self._endpoint()
        if endpoint is None:
            return None
        path = path or login.return_path(request.path, self._options.prefix)
        begun = self._logins.begin(endpoint, path, request.all(b"cookie"), now)
        status = self._options.login_redirect_code
        if status == 307 and request.method == b"POST":
            # A 307 would carry the form to the provider.
            status = 303
        return _explained(answer.redirect(status, begun.url, *begun.cookies), denied.reason, request.request_id)


def allowing(
    options: settings.Settings, attest: collections.abc.Callable[[guard.Proof, float], str]
) -> collections.abc.Callable[[guard.Proof, float], answer.Answer]:
    """Return what makes the answer that lets somebody through.

    It never has a content type: a gateway may copy an answer's headers into the request to the application.
    """

    def allow(proof: guard.Proof, now: float) -> answer.Answer:
        person = proof.identity
        names = [(options.userid_header, person.userid), (options.groups_header, person.group_list)]
        if options.identity_header:
            names.append((options.identity_header, attest(proof, now)))
        return answer.Answer(status=200, headers=tuple(names))

    return allow


def unauthorized(request: head.Head, denied: Denied) -> answer.Answer:
    """Return the answer to a program that is not let in."""
    why = reasons.reason(denied.reason)
    name = request.request_id
    if not denied.bearer and why.status == 401:
        why = reasons.reason("no_session") if denied.reason not in ("token_expired", "session_revoked") else why
        return _json(why.status, "login_required", why.text, denied.reason, name, challenge="Bearer")
    if reasons.is_temporary(denied.reason):
        return _json(why.status, why.error, why.text, denied.reason, name)
    if why.status == 403:
        return _json(403, why.error, why.text, denied.reason, name)
    return _json(401, "invalid_token", why.text, denied.reason, name, challenge='Bearer error="invalid_token"')


def _json(status: int, error: str, text: str, reason: str, name: str, *, challenge: str = "") -> answer.Answer:
    headers = {"www_authenticate": challenge} if challenge else {"retry_after": "5"} if status == 503 else {}
    content = {"error": error, "error_description": text, "request_id": name}
    return _explained(answer.as_json(status, content, **headers), reason, name)


def _explained(what: answer.Answer, reason: str, name: str) -> answer.Answer:
    return dataclasses.replace(what, reason=reason, request_id=name)


def bearers(request: head.Head) -> list[bytes]:
    """Return the tokens that a program gives."""
    return _credentials(request)[0]


def _credentials(request: head.Head) -> tuple[list[bytes], list[bytes]]:
    """Return the tokens that programs give, in order of precedence, and the Cookie headers."""
    if not request.repeats and _OF_PROGRAMS.isdisjoint(request.last):
        line = request.last.get(b"cookie")
        return [], [] if line is None else [line]
    bearers: list[bytes] = []
    others: list[bytes] = []
    lines: list[bytes] = []
    for name, value in request.headers:
        if name == b"cookie":
            lines.append(value)
        elif name == b"authorization":
            scheme, _, token = value.partition(b" ")
            if scheme.lower() == _BEARER:
                bearers.append(token.strip())
        elif name == b"x-auth-token" and value:
            others.append(value)
    return bearers + others, lines
