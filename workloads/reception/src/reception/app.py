# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The reception as an ASGI application."""

import logging
import re
import urllib.parse
import uuid

import starlette.applications
import starlette.requests
import starlette.responses
import starlette.routing
import starlette.types

from reception import desk, destination, health, kube, pages, reasons, serving, settings

logger = logging.getLogger(__name__)
_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")
_LONGEST_FORM = 10_000


class Application:
    """Receives people on one port, and says on another whether it is well."""

    def __init__(self, options: settings.Settings, source: kube.Kube) -> None:
        self._options = options
        self._desk = desk.Desk(options, source)
        self._pages = pages.Pages(options)
        self._management_port = settings.address(options.management)[1]
        self._management = starlette.applications.Starlette(
            routes=health.routes(trouble=self._trouble, state=lambda: "ok", numbers=self._numbers())
        )
        prefix = options.prefix
        route = starlette.routing.Route
        self._public = starlette.applications.Starlette(
            routes=[
                route(prefix, self._enter, methods=["GET", "POST"]),
                route(f"{prefix}/", self._enter, methods=["GET", "POST"]),
                route(f"{prefix}/status", self._status, methods=["GET"]),
                route(f"{prefix}/profiles", self._profiles, methods=["GET", "POST"]),
            ],
            exception_handlers={404: self._error("not_found"), 405: self._error("method_not_allowed"),
                                Exception: self._error("internal")},
            lifespan=serving.background(self._desk.profiles.run),
        )  # fmt: skip
        self._public.router.redirect_slashes = False

    async def __call__(
        self, scope: starlette.types.Scope, receive: starlette.types.Receive, send: starlette.types.Send
    ) -> None:
        """Answer one request, or run for as long as the service does."""
        if scope["type"] == "http" and scope["server"][1] == self._management_port:
            return await self._management(scope, receive, send)
        await self._public(scope, receive, send)

    async def _enter(self, request: starlette.requests.Request) -> starlette.responses.Response:
        target, consent = self._destination(request), request.method == "POST"
        if consent and not _same_origin(request):
            return self._refuse(request, desk.Step(kind="refused", reason="form_refused"), target)
        visitor = self._visitor(request)
        step = await self._desk.receive(visitor, consent=consent)
        match step.kind:
            case "ready":
                return _redirect(target or "/", _request_id(request))
            case "waiting":
                return self._pages.waiting(step, _request_id(request), destination=target)
            case "ask":
                return self._pages.ask(step, _request_id(request), destination=target)
            case "refused":
                return self._refuse(request, step, target)

    async def _status(self, request: starlette.requests.Request) -> starlette.responses.Response:
        step = await self._desk.receive(self._visitor(request), hold=0)
        content: dict[str, object] = {"state": step.kind}
        if step.kind == "ready":
            content["location"] = self._destination(request) or "/"
        if step.kind == "waiting":
            content["long"] = step.seconds > self._options.patience
        status = reasons.reason(step.reason, self._options.application).status if step.kind == "refused" else 200
        return starlette.responses.JSONResponse(content, status, pages.headers_of(_request_id(request)))

    async def _profiles(self, request: starlette.requests.Request) -> starlette.responses.Response:
        visitor = self._visitor(request)
        if not visitor.userid:
            return self._refuse(request, desk.Step(kind="refused", reason="no_identity"), "")
        complaint = None
        if request.method == "POST":
            if not _same_origin(request):
                return self._refuse(request, desk.Step(kind="refused", reason="form_refused"), "")
            form = urllib.parse.parse_qs((await _body(request)).decode("ascii", "replace"))
            step = await self._desk.another(visitor, form.get("suffix", [""])[0])
            if step.kind == "refused":
                self._log(request, step)
                complaint = reasons.reason(step.reason, self._options.application)
        return self._pages.listed(self._desk.owned(visitor.userid), _request_id(request), complaint=complaint)

    def _visitor(self, request: starlette.requests.Request) -> desk.Visitor:
        userids = request.headers.getlist(self._options.userid_header)
        groups = ",".join(request.headers.getlist(self._options.groups_header)).split(",")
        # Two values mean that somebody other than the gateway has added one.
        return desk.Visitor(
            userid=userids[0] if len(userids) == 1 else "", groups=frozenset(name.strip() for name in groups if name)
        )

    def _destination(self, request: starlette.requests.Request) -> str:
        query = request.scope["query_string"].decode("ascii", "replace")
        return destination.read(query, own=self._options.prefix)

    def _refuse(
        self, request: starlette.requests.Request, step: desk.Step, target: str
    ) -> starlette.responses.Response:
        self._log(request, step)
        return self._pages.refused(step, _request_id(request), retry=self._pages.link(target))

    def _log(self, request: starlette.requests.Request, step: desk.Step) -> None:
        fields = {"event": "refused", "reason": step.reason, "detail": step.detail, "request_id": _request_id(request)}
        logger.info("not received", extra={"fields": fields})

    def _error(self, code: str) -> starlette.types.HTTPExceptionHandler:
        def handle(request: starlette.requests.Request, error: Exception) -> starlette.responses.Response:
            return self._refuse(request, desk.Step(kind="refused", reason=code, detail=type(error).__name__), "")

        return handle

    def _trouble(self) -> str:
        watched = self._desk.profiles
        return watched.trouble or ("" if watched.synced.is_set() else "profiles have not been listed yet")

    def _numbers(self) -> list[health.Number]:
        made = health.Number(
            name="reception_profiles_made_total",
            text="Profiles made at a first login.",
            kind="counter",
            value=lambda: self._desk.made,
        )
        known = health.Number(
            name="reception_profiles",
            text="Profiles of the cluster.",
            kind="gauge",
            value=lambda: len(list(self._desk.profiles.values())),
        )
        return [made, known]


def _request_id(request: starlette.requests.Request) -> str:
    """Return the gateway's name for this request if it is a harmless one, else a new name, the same each time."""
    if not hasattr(request.state, "request_id"):
        given = request.headers.get("x-request-id", "")
        request.state.request_id = given if _REQUEST_ID.fullmatch(given) else str(uuid.uuid4())
    return request.state.request_id


def _same_origin(request: starlette.requests.Request) -> bool:
    """Return whether a form was sent from a page of this origin, as browsers tell it."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is None or urllib.parse.urlsplit(origin).netloc == request.headers.get("host", "")


async def _body(request: starlette.requests.Request) -> bytes:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _LONGEST_FORM:
            return b""
    return body


def _redirect(location: str, request_id: str) -> starlette.responses.Response:
    headers = {**pages.headers_of(request_id), "location": location}
    # 303: whatever brought the browser here, it goes on with GET (RFC 9110, section 15.4.4).
    return starlette.responses.Response(b"", 303, headers)
