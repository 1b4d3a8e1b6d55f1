# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The ordinary part of the service, as an ASGI application: own paths, and checks that had to wait."""

import asyncio
import collections.abc
import contextlib
import logging
import signal

import starlette.applications
import starlette.requests
import starlette.responses
import starlette.routing
import starlette.types

from gatekeeper import answer, check, forwarded, guard, head, log, pages, renewal, service, tokenpage

logger = logging.getLogger(__name__)

# Seconds in which a form must be there, whole.
_FORM_SECONDS = 5.0

_Handler = collections.abc.Callable[[head.Head], collections.abc.Awaitable[answer.Answer]]
_Endpoint = collections.abc.Callable[
    [starlette.requests.Request], collections.abc.Awaitable[starlette.responses.Response]
]


class Application:
    """Answers whatever the protocol did not answer by itself."""

    def __init__(self, parts: service.Service) -> None:
        self._parts = parts
        self._management_port = parts.options.management_port or -1
        prefix = parts.options.prefix
        self._forward = f"{prefix}/forward".encode()
        names = (parts.options.userid_header, parts.options.groups_header, parts.options.identity_header)
        self._nobody = [(name.encode(), b"") for name in names if name]
        self._own = starlette.applications.Starlette(
            routes=[
                self._route(f"{prefix}/oidc/callback", ["GET"], self._callback),
                self._route(f"{prefix}/logout", ["GET", "POST"], self._logout),
                self._route(f"{prefix}/keys", ["GET"], self._keys),
                starlette.routing.Route(f"{prefix}/tokens", self._tokens, methods=["GET", "POST"]),
                self._route(f"{prefix}/peers", ["GET"], self._peers),
                self._route(f"{prefix}/verify", ["GET", "POST"], self._verify),
                self._route(f"{prefix}/verify/{{path:path}}", ["GET", "POST"], self._verify),
            ],
            exception_handlers={404: self._error("not_found"), 405: self._error("method_not_allowed"),
                                Exception: self._error("internal")},
            lifespan=self._lifespan,
        )  # fmt: skip
        self._own.router.redirect_slashes = False

    async def __call__(
        self, scope: starlette.types.Scope, receive: starlette.types.Receive, send: starlette.types.Send
    ) -> None:
        """Answer one request, or run for as long as the service does."""
        if scope["type"] == "lifespan":
            return await self._own(scope, receive, send)
        if scope["server"][1] == self._management_port:
            return await _response(given := self._manage(scope["raw_path"]), given.raw_headers)(scope, receive, send)
        # Paths are compared as they came: what would have to be decoded first is none of ours.
        raw: bytes = scope["raw_path"]
        if raw == self._forward:
            scope = forwarded.request(scope) or scope
            raw = scope["raw_path"]
        if self._parts.gate.is_own(raw):
            return await self._own({**scope, "path": raw.decode("ascii")}, receive, send)
        request = _head(scope)
        given = await self._check(request)
        if given.reason:
            log.refused(given, request)
        await _response(given, given.raw_headers)(scope, receive, send)

    def _manage(self, path: bytes) -> answer.Answer:
        """Answer on the management port, which no gateway routes to."""
        match path:
            case b"/live":
                status, text = 200, "ok"
            case b"/ready":
                trouble = self._parts.readiness.trouble
                status, text = (503, trouble) if trouble else (200, "ok")
            case b"/redis":
                status, text = (503, "Redis does not answer") if self._parts.spread.trouble else (200, "ok")
            case b"/kubernetes":
                away = self._parts.reviews is not None and self._parts.reviews.trouble
                status, text = (503, "tokens cannot be reviewed") if away else (200, "ok")
            case b"/metrics":
                status, text = 200, self._parts.metrics.render()
            case _:
                status, text = 404, "not found"
        return answer.Answer(
            status=status, headers=(("content-type", "text/plain; charset=utf-8"),), body=text.encode()
        )

    async def _check(self, request: head.Head) -> answer.Answer:
        """Answer a check that had to wait for the provider."""
        outcome = await self._identify(request)
        given = self._parts.gate.conclude(request, outcome, self._parts.clock())
        if given is None and await self._parts.provider.discovered() is not None:
            given = self._parts.gate.conclude(request, outcome, self._parts.clock())
        trouble = self._parts.provider.trouble or "provider_unreachable"
        return given or self._parts.pages.error(request, trouble, reload=request.method != b"POST")

    async def _identify(self, request: head.Head) -> guard.Pass | check.Denied:
        for _ in range(2):
            outcome = self._parts.gate.identify(request, self._parts.clock())
            if outcome is not None:
                return outcome
            await self._ask(request)
        outcome = self._parts.gate.identify(request, self._parts.clock())
        return outcome or check.Denied("provider_unreachable", bearer=True)

    async def _ask(self, request: head.Head) -> None:
        """Ask whoever knows about the bearer tokens of a request, and else the provider for keys."""
        if self._parts.remotes:
            now = self._parts.clock()
            asked = [one.resolve(raw, now) for raw in check.bearers(request) for one in self._parts.remotes]
            await asyncio.gather(*asked)
            if self._parts.gate.identify(request, self._parts.clock()) is not None:
                return
        await self._parts.provider.learn()

    async def _callback(self, request: head.Head) -> answer.Answer:
        if request.method != b"GET":
            return self._parts.pages.error(request, "method_not_allowed")
        return await self._parts.callback.finish(request)

    async def _logout(self, request: head.Head) -> answer.Answer:
        return self._parts.logout.log_out(request, self._parts.clock())

    async def _keys(self, request: head.Head) -> answer.Answer:
        return answer.as_json(200, self._parts.sessions.published)

    async def _peers(self, request: head.Head) -> answer.Answer:
        return self._parts.peers.reply(request) or self._parts.pages.error(request, "not_found")

    async def _tokens(self, request: starlette.requests.Request) -> starlette.responses.Response:
        read, body = _head(request.scope), b""
        if request.method == "POST":
            try:
                async with asyncio.timeout(_FORM_SECONDS):
                    body = await _form(request)
            except TimeoutError:
                return self._checked(read, self._parts.pages.error(read, "method_not_allowed"))
            return self._checked(read, self._parts.token_page.change(read, body, self._parts.clock()))
        given = self._parts.token_page.show(read, self._parts.clock())
        return self._checked(read, given or await self._log_in(read))

    async def _log_in(self, request: head.Head) -> answer.Answer:
        """Return the way to a login and back, for a page of this service's own."""
        if not request.is_page_load:
            return check.unauthorized(request, check.Denied("no_session", bearer=False))
        if await self._parts.provider.discovered() is None:
            trouble = self._parts.provider.trouble or "provider_unreachable"
            return self._parts.pages.error(request, trouble, reload=True)
        given = self._parts.gate.to_login(
            request,
            check.Denied("no_session", bearer=False),
            self._parts.clock(),
            path=f"{self._parts.options.prefix}/tokens",
        )
        return given or self._parts.pages.error(request, "provider_unreachable")

    async def _verify(self, request: head.Head) -> answer.Answer:
        outcome = await self._identify(request)
        if isinstance(outcome, check.Denied):
            known = self._parts.gate.session(request, self._parts.clock())
            if known is None:
                return check.unauthorized(request, outcome)
            outcome = known
        return answer.Answer(status=204, headers=outcome.answer.headers)

    def _route(self, path: str, methods: list[str], handler: _Handler) -> starlette.routing.Route:
        async def endpoint(request: starlette.requests.Request) -> starlette.responses.Response:
            read = _head(request.scope)
            return self._checked(read, await handler(read))

        return starlette.routing.Route(path, endpoint, methods=methods)

    def _checked(self, read: head.Head, given: answer.Answer) -> starlette.responses.Response:
        if given.status < 300 and read.get(renewal.CHECK_HEADER):
            # As the answer to a check it would let the request pass, to whoever serves this path.
            given = answer.Answer(status=404)
        if given.reason:
            log.refused(given, read)
        headers = pages.hardened(given)
        if given.status < 300:
            # A gateway that does not mark its checks takes it for a yes all the same: then it says that it is nobody.
            names = {name for name, _ in headers}
            headers += [line for line in self._nobody if line[0] not in names]
        return _response(given, headers)

    def _error(
        self, code: str
    ) -> collections.abc.Callable[..., collections.abc.Awaitable[starlette.responses.Response]]:
        async def handle(request: starlette.requests.Request, error: Exception) -> starlette.responses.Response:
            read = _head(request.scope)
            given = self._parts.pages.error(read, code, retry="/" if code != "internal" else "")
            log.refused(given, read)
            return _response(given, pages.hardened(given))

        return handle

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: starlette.applications.Starlette) -> collections.abc.AsyncGenerator[None]:
        """Learn about the provider in the background while requests are answered."""
        self._parts.spread.load()
        tasks = [asyncio.create_task(work) for work in (self._parts.provider.run(), self._parts.spread.run())]
        for task in tasks:
            task.add_done_callback(_stop_if_failed)
        yield
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await self._parts.provider.close()


def _stop_if_failed(task: asyncio.Task[None]) -> None:
    """End the process when a part of it that must run for ever has failed; whoever supervises it starts another."""
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.critical("cannot go on", exc_info=error)
        signal.raise_signal(signal.SIGTERM)


def _head(scope: starlette.types.Scope) -> head.Head:
    query: bytes = scope["query_string"]
    target: bytes = scope["raw_path"] + (b"?" + query if query else b"")
    return head.Head(method=scope["method"].encode("ascii"), target=target, headers=list(scope["headers"]))


async def _form(request: starlette.requests.Request) -> bytes:
    """Return a form's body; what is too long to be one is cut off, and makes no sense to whoever reads it."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > tokenpage.LONGEST_FORM:
            return b""
    return body


def _response(given: answer.Answer, headers: list[tuple[bytes, bytes]]) -> starlette.responses.Response:
    response = starlette.responses.Response(given.body, given.status)
    response.raw_headers = headers
    return response
