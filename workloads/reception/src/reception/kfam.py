# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The API of Kubeflow's access management (kfam), by which its dashboard reads and changes who works in which profile.

Paths, documents and statuses are those of kubeflow/dashboard, components/access-management. Where that lets anybody do
something, this does not: a profile is made for oneself only and under a name of one's own, and no contributor becomes
an administrator of a profile. Reading asks for no identity, because the dashboard sends none. Who may reach this port
is for a NetworkPolicy to say (charms/reception/kubernetes/network.yaml): whoever can, can be anybody.
"""

import collections.abc
import logging
import typing

import pydantic
import starlette.requests
import starlette.responses
import starlette.routing

from reception import asking, contributors, desk, kube, naming, objects, pages, profiles, reasons, settings, watching

logger = logging.getLogger(__name__)
Json = dict[str, typing.Any]
Request = starlette.requests.Request
Response = starlette.responses.Response
_Handler = collections.abc.Callable[[Request], collections.abc.Awaitable[Response]]
_Kind = typing.TypeVar("_Kind", bound=pydantic.BaseModel)


def _checked(text: str) -> str:
    if not contributors.is_user(text):
        raise ValueError("must be a user id such as user@example.com")
    return text


_User = typing.Annotated[str, pydantic.AfterValidator(_checked)]


class _RefusedError(Exception):
    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class _Subject(pydantic.BaseModel):
    kind: typing.Literal["User"]
    name: _User


class _RoleRef(pydantic.BaseModel):
    kind: typing.Literal["ClusterRole"] = "ClusterRole"
    name: typing.Literal["edit", "view"]


class _Binding(pydantic.BaseModel):
    """What the dashboard writes, and what kfam reads as well, to which upper and lower case are the same."""

    user: _Subject
    namespace: str = pydantic.Field(validation_alias="referredNamespace", max_length=naming.LONGEST)
    role: _RoleRef = pydantic.Field(validation_alias=pydantic.AliasChoices("RoleRef", "roleRef"))


class _Metadata(pydantic.BaseModel):
    name: str = pydantic.Field(max_length=naming.LONGEST)


class _Spec(pydantic.BaseModel):
    owner: _Subject


class _Profile(pydantic.BaseModel):
    metadata: _Metadata
    spec: _Spec


class Kfam:
    """Answers a dashboard."""

    def __init__(self, options: settings.Settings, source: kube.Kube, reception: desk.Desk) -> None:
        self._options = options
        self._kube = source
        self._desk = reception
        self.bindings = watching.Watched(source, "RoleBinding")

    def routes(self) -> list[starlette.routing.BaseRoute]:
        """Return the routes of the API."""
        found: list[tuple[str, str, _Handler]] = [
            ("GET", "/kfam/v1/bindings", self._read),
            ("POST", "/kfam/v1/bindings", self._add),
            ("DELETE", "/kfam/v1/bindings", self._remove),
            ("POST", "/kfam/v1/profiles", self._create),
            ("DELETE", "/kfam/v1/profiles/{name}", self._delete),
            ("GET", "/kfam/v1/role/clusteradmin", self._is_admin),
        ]
        return [
            starlette.routing.Route(path, self._answering(handler), methods=[method]) for method, path, handler in found
        ]

    def _answering(self, handler: _Handler) -> _Handler:
        async def answer(request: Request) -> Response:
            try:
                return await handler(request)
            except _RefusedError as refused:
                return self._refuse(request, refused.status, str(refused))
            except contributors.ContributorError as error:
                return self._refuse(request, 403, str(error))
            except kube.FAILURES as error:
                # It is there already, which is the dashboard's to say; all else will pass.
                return self._refuse(request, 403 if kube.code(error) == kube.CONFLICT else 503, kube.sentence(error))

        return answer

    async def _read(self, request: Request) -> Response:
        user, namespace, role = (request.query_params.get(name, "") for name in ("user", "namespace", "role"))
        if not self._desk.profiles.synced.is_set() or not self.bindings.synced.is_set():
            raise _RefusedError(503, "the cluster has not answered yet")
        names = {one["metadata"]["name"] for one in self._desk.profiles.values()}
        if namespace and namespace in names:
            # After a change the dashboard reads at once: what was remembered could be a moment old.
            bindings, _ = await self._kube.list("RoleBinding", {}, namespace)
        else:
            bindings = [] if namespace else list(self.bindings.values())
        found: list[Json] = []
        for binding in bindings:
            where, who = binding["metadata"]["namespace"], objects.read_contributor(binding)
            if who and where in names and user in ("", who[0]) and role in ("", who[1]):
                found.append(_written(where, *who))
        return _json({"bindings": sorted(found, key=str)}, request)

    async def _add(self, request: Request) -> Response:
        wish = await _document(request, _Binding)
        what = await self._own(request, wish.namespace, 403)
        await contributors.add(self._kube, what, wish.user.name, wish.role.name)
        return self._done(request, "contributor added", what.name)

    async def _remove(self, request: Request) -> Response:
        wish = await _document(request, _Binding)
        what = await self._own(request, wish.namespace, 403)
        await contributors.remove(self._kube, what, wish.user.name, wish.role.name)
        return self._done(request, "contributor removed", what.name)

    async def _create(self, request: Request) -> Response:
        wish = await _document(request, _Profile)
        asker, owner, name = asking.visitor(request, self._options), wish.spec.owner.name, wish.metadata.name
        if not asker.userid:
            raise _RefusedError(403, f"nobody said who asks: workspaces are made at {self._options.prefix}")
        if asker.userid in self._options.cluster_admins:
            if not naming.is_label(name) or await self._kube.get("Namespace", name):
                raise _RefusedError(403, f"there is a namespace {name[:80]!r} already, or it cannot be the name of one")
            await self._kube.create(objects.profile(name, owner, quota=self._options.quota))
            return self._done(request, "profile made", name)
        if owner != asker.userid:
            raise _RefusedError(403, "a profile can be made for oneself only")
        step = await self._desk.named(asker, name)
        if step.kind == "refused":
            why = reasons.reason(step.reason, self._options.application)
            raise _RefusedError(403, f"{why.title}: {step.detail}")
        return self._done(request, "profile made", name)

    async def _delete(self, request: Request) -> Response:
        what = await self._own(request, request.path_params["name"], 401)
        await self._kube.delete("Profile", what.name)
        return self._done(request, "profile deleted", what.name)

    async def _is_admin(self, request: Request) -> Response:
        return _json(request.query_params.get("user", "") in self._options.cluster_admins, request)

    async def _own(self, request: Request, name: str, status: int) -> profiles.Profile:
        """Return a profile that whoever asks owns, or may change as an administrator."""
        userid = asking.visitor(request, self._options).userid
        what = await contributors.existing(self._kube, name) if userid else None
        if what is None or userid not in (what.owner, *self._options.cluster_admins):
            # The same for what is not there and for what is another's.
            raise _RefusedError(status, f"there is no profile {name[:80]!r} of yours")
        return what

    def _done(self, request: Request, what: str, name: str) -> Response:
        userid = asking.visitor(request, self._options).userid
        fields = {"event": "kfam", "profile": name, "by": userid, "request_id": asking.request_id(request)}
        logger.info(what, extra={"fields": fields})
        headers = pages.headers_of(asking.request_id(request))
        return Response(b"", 200, headers, media_type="application/json")

    def _refuse(self, request: Request, status: int, text: str) -> Response:
        fields = {"event": "refused", "reason": "kfam", "detail": text, "request_id": asking.request_id(request)}
        logger.info("not done", extra={"fields": fields})
        # A JSON text is what the dashboard shows as it is.
        return _json(text, request, status)


def _json(content: object, request: Request, status: int = 200) -> Response:
    return starlette.responses.JSONResponse(content, status, pages.headers_of(asking.request_id(request)))


def _written(namespace: str, user: str, role: str) -> Json:
    return {
        "user": {"kind": "User", "name": user},
        "referredNamespace": namespace,
        "RoleRef": {"apiGroup": "", "kind": "ClusterRole", "name": role},
    }


async def _document(request: Request, kind: type[_Kind]) -> _Kind:
    try:
        return kind.model_validate_json(await asking.body(request))
    except pydantic.ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in problem["loc"])
        raise _RefusedError(403, f"{place or 'body'}: {problem['msg'].removeprefix('Value error, ')}") from None
