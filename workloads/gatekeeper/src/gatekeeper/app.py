# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The service's own pages: callback, logout, keys, health; and the checks that had to wait for the provider."""

import collections.abc
import contextlib
import json
import logging
import time
import urllib.parse

import starlette.applications
import starlette.requests
import starlette.responses
import starlette.routing

from gatekeeper import answers, check, identity, login, pages, provider, session, settings

logger = logging.getLogger(__name__)

_ROUNDS_COOKIE = "authservice_rounds"
_MOST_ROUNDS = 3
Request = starlette.requests.Request
Response = starlette.responses.Response


class Service:
    """Everything that the pages share."""

    def __init__(self, config: settings.Settings) -> None:
        """Build the parts; nothing runs yet."""
        self.config = config
        self.sessions = session.Sessions(config)
        self.logins = login.Logins(config)
        self.provider = provider.Provider(config)
        self.checker = check.Checker(config, self.sessions, self.logins, self.provider)

    def application(self) -> starlette.applications.Starlette:
        """Return the ASGI application."""
        own = self.config.prefix
        routes = [
            starlette.routing.Route(self.config.callback_path, self._callback, methods=["GET"]),
            starlette.routing.Route(f"{own}/logout", self._logout, methods=["GET", "POST"]),
            starlette.routing.Route(f"{own}/keys", self._keys, methods=["GET"]),
            starlette.routing.Route(f"{own}/verify", self._verify, methods=["GET"]),
            starlette.routing.Route(f"{own}/healthz", self._healthz, methods=["GET"]),
            starlette.routing.Route("/{path:path}", self._other, methods=list(_METHODS)),
        ]
        return starlette.applications.Starlette(routes=routes, lifespan=self._lifespan)

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: starlette.applications.Starlette) -> collections.abc.AsyncGenerator[None]:
        import asyncio

        finding = asyncio.create_task(self.provider.run())
        yield
        finding.cancel()
        await self.provider.close()

    async def _callback(self, request: Request) -> Response:
        head = self._head(request)
        query = request.query_params
        if "error" in query:
            return self._failed(head, 403, "provider_error", "The login did not succeed", _provider_words(query))
        known = self.logins.read_state(query.get("state", ""))
        now = time.time()
        if known is None:
            return self._again(head, "/", "state_unknown", now)
        name, target = known
        value = dict(head.cookies).get(name)
        attempt = self.logins.read_attempt(name, value, now) if value else None
        if attempt is None:
            return self._again(head, target, "attempt_missing", now)
        try:
            claims = await self.provider.exchange(query.get("code", ""), attempt.verifier, attempt.nonce)
            who = identity.of(claims, userid_claim=self.config.userid_claim)
            token, made = self.sessions.mint(who, now)
        except provider.ProviderError as error:
            if self.checker.session(head.tokens, now):
                return self._again(head, target, "code_refused", now)
            return self._failed(head, 503, "exchange_failed", "The login could not be completed", str(error))
        except provider.TokenError as error:
            return self._failed(
                head, 403, "id_token_refused", "The login could not be completed", f"the ID token: {error}"
            )
        except (identity.IdentityError, session.SessionError) as error:
            return self._failed(head, 403, "identity_refused", "You are known, but cannot be let in", str(error))
        logger.info("logged in", extra={"user": who.user, "session": made.id[:8], "request_id": head.request_id})
        return self._to(
            attempt.target,
            login.cookie_header(self.config, self.config.session_cookie, token, self.config.session_lifetime),
            login.cookie_header(self.config, name, "", 0),
            *((login.cookie_header(self.config, _ROUNDS_COOKIE, "", 0),) if _rounds(head) else ()),
        )

    def _again(self, head: check.Head, target: str, reason: str, now: float) -> Response:
        """Answer a callback that cannot be completed: with a session it was late, without one a new attempt is made."""
        if self.checker.session(head.tokens, now):
            return self._to(target)
        rounds = _rounds(head) + 1
        if rounds >= _MOST_ROUNDS:
            text = (
                "Your browser did not bring back the cookie that the login began with. "
                "Allow cookies for this site, and open it by its own address."
            )
            return self._failed(head, 400, f"{reason}_repeatedly", "The login goes in circles", text)
        logger.warning("login restarted", extra={"reason": reason, "request_id": head.request_id})
        return self._to(target, login.cookie_header(self.config, _ROUNDS_COOKIE, str(rounds), 60))

    async def _logout(self, request: Request) -> Response:
        head = self._head(request)
        foreign = self._from_another_site(request)
        if request.method == "GET" and foreign:
            return _response(pages.confirm_logout(f"{self.config.prefix}/logout"))
        if foreign and head.bearer is None:
            text = "Another site asked to log you out."
            return self._failed(head, 403, "logout_cross_site", "You are still logged in", text)
        found = self.checker.session(head.tokens, time.time())
        if found:
            self.sessions.revoke(found)
            logger.info("logged out", extra={"user": found.identity.user, "request_id": head.request_id})
        elif head.bearer is not None:
            return _response(self.checker.refuse(head, time.time()))
        gone = login.cookie_header(self.config, self.config.session_cookie, "", 0)
        target = self.config.after_logout_url
        if request.method == "GET" or "text/html" in head.accept:
            return self._to(target, gone)
        headers = (("content-type", "application/json"), ("cache-control", "no-store"), ("set-cookie", gone))
        return _response(
            answers.Answer(status=201, headers=headers, body=json.dumps({"afterLogoutURL": target}).encode())
        )

    def _from_another_site(self, request: Request) -> bool:
        """Return whether another site made the browser send this (Fetch Metadata; Origin, RFC 6454)."""
        site = request.headers.get("sec-fetch-site")
        if site:
            return site not in ("same-origin", "same-site", "none")
        origin = request.headers.get("origin")
        return origin is not None and urllib.parse.urlsplit(origin).netloc not in (
            self.config.host,
            request.headers.get("host"),
        )

    async def _keys(self, _: Request) -> Response:
        return starlette.responses.JSONResponse(self.sessions.jwks(), headers={"cache-control": "max-age=300"})

    async def _verify(self, request: Request) -> Response:
        """Say whether there is a session, without ever redirecting."""
        head = self._head(request)
        found = self.checker.session(head.tokens, time.time())
        return starlette.responses.Response(status_code=204 if found else 401, headers={"cache-control": "no-store"})

    async def _healthz(self, _: Request) -> Response:
        return starlette.responses.PlainTextResponse("ok", headers={"cache-control": "no-store"})

    async def _other(self, request: Request) -> Response:
        head = self._head(request)
        if request.url.path.startswith(self.checker.own):
            return _response(pages.error(404, "There is nothing here", "This page does not exist.", head.request_id))
        return _response(await self.checker.decide_slowly(head, time.time()))

    def _head(self, request: Request) -> check.Head:
        target = request.scope["raw_path"].decode("latin-1")
        if request.scope["query_string"]:
            target += "?" + request.scope["query_string"].decode("latin-1")
        return check.read(request.method, target, request.headers.raw, self.config.session_cookie)

    def _failed(self, head: check.Head, status: int, reason: str, title: str, text: str) -> Response:
        logger.warning("login failed", extra={"reason": reason, "detail": text[:200], "request_id": head.request_id})
        return _response(pages.error(status, title, text, head.request_id))

    def _to(self, target: str, *cookies: str) -> Response:
        headers = (("location", target), ("cache-control", "no-store"), *(("set-cookie", cookie) for cookie in cookies))
        return _response(answers.Answer(status=302, headers=headers))


_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def _rounds(head: check.Head) -> int:
    value = dict(head.cookies).get(_ROUNDS_COOKIE, "0")
    return int(value) if value.isdecimal() and len(value) < 3 else 0


def _provider_words(query: collections.abc.Mapping[str, str]) -> str:
    text = query.get("error_description") or query["error"]
    return f"The login service said: {text}"


def _response(answer: answers.Answer) -> Response:
    response = starlette.responses.Response(answer.body, status_code=answer.status)
    response.raw_headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    response.raw_headers.append((b"content-length", str(len(answer.body)).encode()))
    return response
