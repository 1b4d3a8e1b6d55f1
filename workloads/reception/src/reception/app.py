# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The reception as an ASGI application."""

import collections.abc
import logging
import urllib.parse

import starlette.applications
import starlette.requests
import starlette.responses
import starlette.routing
import starlette.types

from reception import asking, desk, destination, health, kfam, kube, pages, reasons, serving, settings

logger = logging.getLogger(__name__)


class Application:
    """Receives people on one port, says on another whether it is well, and on a third serves a dashboard."""

    def __init__(self, options: settings.Settings, source: kube.Kube) -> None:
        self._options = options
        self._desk = desk.Desk(options, source)
        self._pages = pages.Pages(options)
        self._access = access = kfam.Kfam(options, source, self._desk) if options.kfam_listen else None
        management = health.routes(trouble=self._trouble, state=lambda: "ok", numbers=self._numbers())
        self._apart = {settings.address(options.management)[1]: starlette.applications.Starlette(routes=management)}
        if access:
            port = settings.address(options.kfam_listen)[1]
            self._apart[port] = starlette.applications.Starlette(routes=access.routes())
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
            lifespan=serving.background(self._desk.profiles.run, *([access.bindings.run] if access else [])),
        )  # fmt: skip
        self._public.router.redirect_slashes = False

    async def __call__(
        self, scope: starlette.types.Scope, receive: starlette.types.Receive, send: starlette.types.Send
    ) -> None:
        """Answer one request, or run for as long as the service does."""
        apart = self._apart.get(scope["server"][1]) if scope["type"] == "http" else None
        await (apart or self._public)(scope, receive, send)

    async def _enter(self, request: starlette.requests.Request) -> starlette.responses.Response:
        target, consent = self._destination(request), request.method == "POST"
        if consent and not asking.same_origin(request):
            return self._refuse(request, desk.Step(kind="refused", reason="form_refused"), target)
        visitor = asking.visitor(request, self._options)
        step = await self._desk.receive(visitor, consent=consent)
        match step.kind:
            case "ready":
                return _redirect(target or "/", asking.request_id(request))
            case "waiting":
                return self._pages.waiting(step, asking.request_id(request), destination=target)
            case "ask":
                return self._pages.ask(step, asking.request_id(request), destination=target)
            case "refused":
                return self._refuse(request, step, target)

    async def _status(self, request: starlette.requests.Request) -> starlette.responses.Response:
        step = await self._desk.receive(asking.visitor(request, self._options), hold=0)
        content: dict[str, object] = {"state": step.kind}
        if step.kind == "ready":
            content["location"] = self._destination(request) or "/"
        if step.kind == "waiting":
            content["long"] = step.seconds > self._options.patience
        status = reasons.reason(step.reason, self._options.application).status if step.kind == "refused" else 200
        return starlette.responses.JSONResponse(content, status, pages.headers_of(asking.request_id(request)))

    async def _profiles(self, request: starlette.requests.Request) -> starlette.responses.Response:
        visitor = asking.visitor(request, self._options)
        if not visitor.userid:
            return self._refuse(request, desk.Step(kind="refused", reason="no_identity"), "")
        complaint = None
        if request.method == "POST":
            if not asking.same_origin(request):
                return self._refuse(request, desk.Step(kind="refused", reason="form_refused"), "")
            form = urllib.parse.parse_qs((await asking.body(request)).decode("ascii", "replace"))
            step = await self._desk.another(visitor, form.get("suffix", [""])[0])
            if step.kind == "refused":
                self._log(request, step)
                complaint = reasons.reason(step.reason, self._options.application)
        return self._pages.listed(self._desk.owned(visitor.userid), asking.request_id(request), complaint=complaint)

    def _destination(self, request: starlette.requests.Request) -> str:
        query = request.scope["query_string"].decode("ascii", "replace")
        return destination.read(query, own=self._options.prefix)

    def _refuse(
        self, request: starlette.requests.Request, step: desk.Step, target: str
    ) -> starlette.responses.Response:
        self._log(request, step)
        return self._pages.refused(step, asking.request_id(request), retry=self._pages.link(target))

    def _log(self, request: starlette.requests.Request, step: desk.Step) -> None:
        fields = {
            "event": "refused",
            "reason": step.reason,
            "detail": step.detail,
            "request_id": asking.request_id(request),
        }
        logger.info("not received", extra={"fields": fields})

    def _error(self, code: str) -> starlette.types.HTTPExceptionHandler:
        def handle(request: starlette.requests.Request, error: Exception) -> starlette.responses.Response:
            return self._refuse(request, desk.Step(kind="refused", reason=code, detail=type(error).__name__), "")

        return handle

    def _trouble(self) -> str:
        watched = [self._desk.profiles, *([self._access.bindings] if self._access else [])]
        found = [one.trouble or ("" if one.synced.is_set() else "it has not been listed yet") for one in watched]
        return next(filter(None, found), "")

    def _numbers(self) -> list[health.Number]:
        profiles = self._desk.profiles
        found: list[tuple[str, str, str, collections.abc.Callable[[], float]]] = [
            ("profiles_made_total", "counter", "Profiles made at a first login.", lambda: self._desk.made),
            ("profiles", "gauge", "Profiles of the cluster.", lambda: len(list(profiles.values()))),
            ("profiles_failed", "gauge", "Profiles that cannot be made.", self._desk.failed),
            ("trouble", "gauge", "Whether profiles cannot be used now.", lambda: bool(self._trouble())),
        ]
        return [
            health.Number(name=f"reception_{name}", kind=kind, text=text, value=value)
            for name, kind, text, value in found
        ]


def _redirect(location: str, request_id: str) -> starlette.responses.Response:
    headers = {**pages.headers_of(request_id), "location": location}
    # 303: whatever brought the browser here, it goes on with GET (RFC 9110, section 15.4.4).
    return starlette.responses.Response(b"", 303, headers)
