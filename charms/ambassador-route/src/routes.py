# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The gateway's model: which path goes to which application, and who answers for it. Pure; knows no engine."""

import collections.abc
import dataclasses
import re

from charmkit.interfaces import ingress, ingress_auth

# Never a client's to set: what upstreams of this platform take for the identity of the user.
IDENTITY_HEADERS = ("kubeflow-userid", "kubeflow-groups", "kubeflow-identity")
# Characters that need no percent-encoding in a path (RFC 3986, pchar); a semicolon would start parameters.
_SEGMENT = re.compile(r"[A-Za-z0-9._~!$&'()*+,=:@-]+")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_HEADER = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")
# They frame the message; none of them can carry an identity.
_FRAMING = frozenset({"host", "connection", "content-length", "transfer-encoding", "upgrade"})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ask:
    """What one application asks for over one relation."""

    application: str
    relation: int
    protected: bool
    request: ingress.Request
    domain: str = ""
    grpc: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Route:
    """One path and the application that serves it.

    Attributes:
        application: who asked for it.
        relation: the relation over which it was asked for.
        prefix: one leading slash, no trailing one; matched on segment borders.
        rewrite: what takes the place of the prefix, in the same form.
        host: the name of the application's service in the cluster.
        port: that service's port.
        protected: whether the authorizer is asked first.
        domain: the one host of the gateway at which it is there; empty for all of them.
        grpc: whether its application is also called with gRPC, in HTTP/2; engine emissary must be told, engine envoy
            sees it by the content type.
    """

    application: str
    relation: int
    prefix: str
    rewrite: str
    host: str
    port: int
    protected: bool
    domain: str = ""
    grpc: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Auth:
    """The external authorization service.

    Attributes:
        host: the name of its service in the cluster.
        port: that service's port.
        request_headers: what it sees of a request.
        response_headers: what of its answer the upstream sees.
        http2: whether it may be asked in HTTP/2.
    """

    host: str
    port: int
    request_headers: tuple[str, ...]
    response_headers: tuple[str, ...]
    http2: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Problem:
    """Why an ask got no route."""

    ask: Ask
    text: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Table:
    """All routes, longest prefix first, and the asks that got none."""

    routes: tuple[Route, ...] = ()
    problems: tuple[Problem, ...] = ()


def table(asks: collections.abc.Iterable[Ask], namespace: str) -> Table:
    """Return the routes that were asked for; of asks that contradict each other, the oldest relation's counts."""
    kept: list[Route] = []
    problems: list[Problem] = []
    for ask in sorted(asks, key=lambda ask: ask.relation):
        try:
            route = _route(ask, namespace)
        except ValueError as error:
            problems.append(Problem(ask=ask, text=f"{ask.application}: {error}"))
            continue
        holders = [held for held in kept if _contradict(held, route)]
        if not holders:
            kept.append(route)
            continue
        holder = next((held for held in holders if held.prefix == route.prefix), holders[0])
        problems.append(Problem(ask=ask, text=_conflict(holder, route)))
        # Of one application's two wishes the careful one counts.
        if holder.application == route.application and route.protected:
            kept[kept.index(holder)] = route
    # At a host of its own, an application's / goes before everybody's.
    routes = sorted(kept, key=lambda route: (-len(route.prefix), route.prefix, not route.domain, route.domain))
    return Table(routes=tuple(routes), problems=tuple(problems))


def _contradict(one: Route, other: Route) -> bool:
    """Return whether two routes cannot both be there.

    Nobody takes the path, or a part of one, that another application has; but everybody may take a part of /, and /
    itself at a host that is theirs.
    """
    if one.domain and other.domain and one.domain != other.domain:
        return False
    if one.prefix == other.prefix:
        return one.prefix != "/" or one.domain == other.domain
    if one.application == other.application or "/" in (one.prefix, other.prefix):
        return False
    return f"{one.prefix}/".startswith(f"{other.prefix}/") or f"{other.prefix}/".startswith(f"{one.prefix}/")


def _conflict(holder: Route, other: Route) -> str:
    if holder.prefix != other.prefix:
        return f"{other.prefix} of {other.application} overlaps {holder.prefix} of {holder.application}"
    if holder.application == other.application:
        return f"{holder.application} asks twice for {holder.prefix}"
    return f"{holder.application} and {other.application} both ask for {holder.prefix}"


def _route(ask: Ask, namespace: str) -> Route:
    request = ask.request
    prefix = path(request.prefix)
    return Route(
        application=ask.application,
        relation=ask.relation,
        prefix=prefix,
        rewrite=prefix if request.preserve_path else path(request.rewrite),
        host=host(request.service, request.namespace or namespace),
        port=request.port,
        protected=ask.protected,
        domain=ask.domain,
        grpc=ask.grpc or request.grpc,
    )


def auth(authorizer: ingress_auth.Authorizer, namespace: str) -> Auth:
    """Return the authorization service that presented itself.

    Raises:
        ValueError: a name in it is none.
    """
    return Auth(
        host=host(authorizer.service, namespace),
        port=authorizer.port,
        request_headers=_headers(authorizer.request_headers),
        response_headers=tuple(name for name in _headers(authorizer.response_headers) if name not in _FRAMING),
        http2=authorizer.http2,
    )


def stripped(authorizer: Auth | None) -> tuple[str, ...]:
    """Return the headers that no client may send: identities, and whatever else the authorizer tells upstreams.

    What the authorizer must see itself stays, or it could not read a bearer token that it also passes on.
    """
    theirs = set(authorizer.response_headers) - set(authorizer.request_headers) if authorizer else set[str]()
    return tuple(sorted({*IDENTITY_HEADERS, *theirs}))


def path(text: str) -> str:
    """Return a path with one leading slash and no trailing one.

    Raises:
        ValueError: two parsers could read it differently, so that it could escape its place.
    """
    segments = text.strip("/").split("/") if text.strip("/") else []
    for segment in segments if text else [""]:
        if not _SEGMENT.fullmatch(segment) or segment in (".", ".."):
            raise ValueError(f"{text!r} is not a path that a gateway can serve, such as /notebooks")
    return "/" + "/".join(segments)


def host(service: str, namespace: str) -> str:
    """Return the full name of a service in the cluster.

    Raises:
        ValueError: one of its parts is not a DNS label.
    """
    for label in (service, namespace):
        if not _LABEL.fullmatch(label):
            raise ValueError(f"{label!r} is not the name of a service or namespace")
    return f"{service}.{namespace}.svc.cluster.local"


def _headers(names: collections.abc.Iterable[str]) -> tuple[str, ...]:
    lower = tuple(dict.fromkeys(name.lower() for name in names))
    for name in lower:
        if not _HEADER.fullmatch(name):
            raise ValueError(f"{name!r} is not the name of a header")
    return lower
