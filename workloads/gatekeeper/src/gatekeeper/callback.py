# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The end of a login: the provider sends the browser back, and it gets a session or a page that says why not."""

import collections.abc
import logging
import time
import typing
import urllib.parse

from gatekeeper import (
    answer,
    backchannel,
    check,
    cookies,
    head,
    identity,
    idtoken,
    login,
    metrics,
    pages,
    policy,
    provider,
    renewal,
    session,
    settings,
    tokens,
)

logger = logging.getLogger(__name__)

ROUNDS_COOKIE = "authservice_rounds"
_MOST_ROUNDS = 3
_ROUNDS_SECONDS = 600
_MOST_FIELDS = 50
_LONGEST_CONNECTOR = 100
# RFC 6749, section 4.1.2.1, and OpenID Connect Core, section 3.1.2.6.
_ERRORS = frozenset({
    "access_denied", "account_selection_required", "consent_required", "interaction_required", "invalid_request",
    "invalid_scope", "login_required", "server_error", "temporarily_unavailable", "unauthorized_client",
    "unsupported_response_type",
})  # fmt: skip


class _StoppedError(Exception):
    """The login ends with a page; `detail` is for the log only."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


class Callback:
    """Ends logins."""

    def __init__(
        self,
        options: settings.Settings,
        *,
        gate: check.Gate,
        logins: login.Logins,
        renewals: renewal.Renewals,
        id_tokens: idtoken.IdTokens,
        source: provider.Provider,
        rules: policy.Policy,
        renderer: pages.Pages,
        counts: metrics.Metrics,
        clock: collections.abc.Callable[[], float] = time.time,
    ) -> None:
        self._options = options
        self._gate = gate
        self._logins = logins
        self._renewals = renewals
        self._id_tokens = id_tokens
        self._provider = source
        self._policy = rules
        self._pages = renderer
        self._metrics = counts
        self._clock = clock

    async def finish(self, request: head.Head) -> answer.Answer:
        """Return the session and the way back to the page first asked for, or a page that says why not."""
        query = _query(request.path)
        state = self._logins.read_state(query.get("state", ""))
        if "error" in query:
            return self._refused(request, query, state)
        if not query.get("code") or query.get("iss", self._options.issuer) != self._options.issuer:
            return self._pages.error(request, "callback_incomplete", retry="/")
        attempt = self._logins.read_attempt(state, request.all(b"cookie"), self._clock()) if state else None
        if state is None or attempt is None:
            return await self._again(request, state)
        try:
            person, connector = await self._redeem(query["code"], attempt)
            keep = self._issue(person)
        except _StoppedError as stopped:
            if stopped.reason == "code_refused":
                return await self._again(request, state)
            return self._failed(request, stopped, state)
        self._metrics.login("success", connector)
        fields = {"event": "login", "outcome": "success", "userid": person.userid, "request_id": request.request_id}
        logger.info("logged in", extra={"fields": fields})
        return self._done(request, state, keep)

    def _done(self, request: head.Head, state: login.State, keep: tuple[str, ...]) -> answer.Answer:
        if cookies.values(request.all(b"cookie"), ROUNDS_COOKIE.encode()):
            keep += (cookies.delete(ROUNDS_COOKIE, secure=self._options.secure),)
        return answer.redirect(302, self._destination(state.path), *keep, *self._used(request, state))

    def _destination(self, path: str) -> str:
        """Return where a browser goes after a login: to the reception, where there is one, and on from there."""
        reception = self._options.reception
        if not reception or path.partition("?")[0].rstrip("/") == reception:
            return path
        return f"{reception}?next={urllib.parse.quote(path, safe='')}"

    def _used(self, request: head.Head, state: login.State | None) -> tuple[str, ...]:
        """Return what deletes the cookie of an attempt that is over, if the browser has it."""
        if state is None or not cookies.values(request.all(b"cookie"), state.attempt.encode()):
            return ()
        return (cookies.delete(state.attempt, secure=self._options.secure),)

    async def _redeem(self, code: str, attempt: login.Attempt) -> tuple[identity.Identity, str]:
        if await self._provider.discovered() is None:
            raise _StoppedError(self._provider.trouble or "provider_unreachable")
        try:
            raw = await self._provider.exchange(code, attempt.verifier)
            claims = self._id_tokens.redeem(raw, attempt.nonce, self._clock())
            if claims is None:
                await self._provider.learn()
                claims = self._id_tokens.redeem(raw, attempt.nonce, self._clock())
        except backchannel.ProviderError as error:
            raise _StoppedError(error.reason, error.detail) from None
        except tokens.RefusedError as refused:
            raise _StoppedError("id_token_refused", refused.reason) from None
        if claims is None:
            raise _StoppedError("id_token_refused", "token_unknown_key")
        try:
            return self._policy.identify(claims), _connector(claims)
        except identity.IdentityError as error:
            raise _StoppedError(error.reason, f"claim {self._options.userid_claim!r}") from None

    def _issue(self, person: identity.Identity) -> tuple[str, ...]:
        now = self._clock()
        try:
            return self._renewals.issue(person, session.begin(now), now)
        except session.SessionTooLargeError:
            raise _StoppedError("session_too_large", f"{len(person.groups)} groups") from None

    async def _again(self, request: head.Head, state: login.State | None) -> answer.Answer:
        """Begin anew for a browser that did not begin this login, unless that has not helped before.

        The count travels in the state as well as in a cookie: the state gets through where cookies are blocked, the
        cookie where no replica can read the state.
        """
        path = state.path if state else "/"
        if self._gate.session(request, self._clock()) is not None:
            return answer.redirect(302, path, *self._used(request, state))
        rounds = 1 + max(state.rounds if state else 0, _rounds(request))
        secure = self._options.secure
        if rounds >= _MOST_ROUNDS:
            self._metrics.login("login_loop")
            over = cookies.delete(ROUNDS_COOKIE, secure=secure)
            return self._pages.error(request, "login_loop", retry=path, cookies=(over, *self._used(request, state)))
        endpoint = await self._provider.discovered()
        if endpoint is None:
            return self._pages.error(request, self._provider.trouble or "provider_unreachable", retry=path)
        begun = self._logins.begin(endpoint, path, request.all(b"cookie"), self._clock(), rounds=rounds)
        count = cookies.write(ROUNDS_COOKIE, str(rounds), max_age=_ROUNDS_SECONDS, secure=secure)
        logger.info("login begins again", extra={"fields": {"rounds": rounds, "request_id": request.request_id}})
        return answer.redirect(302, begun.url, *begun.cookies, count, *self._used(request, state))

    def _refused(self, request: head.Head, query: dict[str, str], state: login.State | None) -> answer.Answer:
        # The words can be anybody's who sent the browser here: they are for the log, never for the page.
        error = query["error"] if query["error"] in _ERRORS else "other"
        words = {"error": query["error"][:100], "error_description": query.get("error_description", "")[:300]}
        fields = {"event": "login", "outcome": "refused", "ours": state is not None, "request_id": request.request_id}
        logger.warning("the provider refused a login", extra={"fields": fields | words})
        self._metrics.login(f"provider_{error}")
        return self._pages.error(
            request,
            f"provider_{error}",
            retry=state.path if state else "/",
            cookies=self._used(request, state),
        )

    def _failed(self, request: head.Head, stopped: _StoppedError, state: login.State) -> answer.Answer:
        self._metrics.login(stopped.reason)
        fields = {"reason": stopped.reason, "detail": stopped.detail, "request_id": request.request_id}
        logger.warning("login failed", extra={"fields": {"event": "login", "outcome": "failed", **fields}})
        return self._pages.error(request, stopped.reason, retry=state.path, cookies=self._used(request, state))


def _query(path: bytes) -> dict[str, str]:
    """Return the query's fields; of a repeated one the first."""
    text = path.partition(b"?")[2].decode("ascii", "replace")
    try:
        fields = urllib.parse.parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        return {}
    return dict(reversed(fields))


def _connector(claims: tokens.Claims) -> str:
    """Return the id of Dex's connector through which somebody came, if the scope federated:id asked for it."""
    federated = claims.get("federated_claims")
    told = typing.cast("dict[str, object]", federated).get("connector_id") if isinstance(federated, dict) else None
    return told[:_LONGEST_CONNECTOR] if isinstance(told, str) else ""


def _rounds(request: head.Head) -> int:
    for value in cookies.values(request.all(b"cookie"), ROUNDS_COOKIE.encode()):
        if len(value) == 1 and value.isdigit():
            return int(value)
    return 0
