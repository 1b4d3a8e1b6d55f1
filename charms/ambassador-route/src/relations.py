# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What related applications say: from their databags to the gateway's model, and to what a person must do. Pure."""

import collections.abc
import dataclasses

import routes
from charmkit.interfaces import ingress, ingress_auth, sdi, traefik

PROTECTED = "ingress"
OPEN = "ingress-unauthenticated"
AUTH = "ingress-auth"
METRICS = "metrics-endpoint"
DASHBOARDS = "grafana-dashboard"
GATEWAY_INFO = "gateway-info"
# In the place of an application's name: all of them.
EVERYONE = "*"
ENDPOINTS = (PROTECTED, OPEN, AUTH)
ALL = (*ENDPOINTS, METRICS, DASHBOARDS, GATEWAY_INFO)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Related:
    """One related application.

    Attributes:
        endpoint: our endpoint.
        relation: the relation's id.
        application: the other application.
        bag: what it wrote.
    """

    endpoint: str
    relation: int
    application: str
    bag: collections.abc.Mapping[str, str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reading:
    """What all of them said.

    Attributes:
        related: everybody who is related, oldest first.
        table: the routes, longest prefix first.
        auth: who decides about protected routes; None while nobody does.
        jwks: the keys of its sessions, when it tells them.
        refusal: what protected routes say while nobody decides; our own words only, because it stands in a page.
        blocked: what a person must do, most important first.
        waiting: what the gateway waits for.
    """

    related: tuple[Related, ...]
    table: tuple[routes.Route, ...]
    auth: routes.Auth | None
    jwks: str
    refusal: str
    blocked: tuple[str, ...]
    waiting: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Answer:
    """Who decides, or why nobody does."""

    auth: routes.Auth | None = None
    jwks: str = ""
    refusal: str = ""
    detail: str = ""
    waits: bool = False
    absent: bool = False


def read(
    related: collections.abc.Iterable[Related],
    *,
    application: str,
    model: str,
    everybody_may: bool = False,
    hosts: collections.abc.Mapping[str, str] | None = None,
    grpc: collections.abc.Collection[str] = (),
) -> Reading:
    """Return what the related applications say.

    Args:
        related: who is related.
        application: this application.
        model: its model.
        everybody_may: whether an operator wishes that nobody need log in as long as no login is integrated.
        hosts: applications to which an operator gave a host of their own, and which.
        grpc: applications of which an operator says that they are called with gRPC, or EVERYONE.
    """
    hosts = hosts or {}
    everybody = sorted(related, key=lambda one: one.relation)
    answer = _auth([one for one in everybody if one.endpoint == AUTH], application, model)
    asks, blocked, waiting = _asks([one for one in everybody if one.endpoint != AUTH], application)
    asks = [
        dataclasses.replace(
            ask, domain=hosts.get(ask.application, ""), grpc=EVERYONE in grpc or ask.application in grpc
        )
        for ask in asks
    ]
    table = routes.table(asks, model)
    for problem in table.problems:
        endpoint = PROTECTED if problem.ask.protected else OPEN
        blocked.append(f"{problem.text}: run {_removal(application, endpoint, problem.ask.application)}")
    known = {EVERYONE, *(one.application for one in everybody if one.endpoint != AUTH)}
    for option, names in (("hosts", hosts.keys()), ("grpc-applications", grpc)):
        for other in sorted(set(names) - known):
            command = f"juju integrate {application}:{PROTECTED} {other}"
            blocked.append(f"{option} names {other}, which is not related: run {command}")
    if not (asks or blocked or waiting):
        blocked.append(f"Nothing to route: run juju integrate {application}:{OPEN} dex-auth:ingress")
    if answer.auth is None and not (everybody_may and answer.absent):
        (waiting if answer.waits else blocked).insert(0, answer.refusal + answer.detail)
    return Reading(
        related=tuple(everybody),
        table=table.routes,
        auth=answer.auth,
        jwks=answer.jwks,
        refusal=answer.refusal,
        blocked=tuple(blocked),
        waiting=tuple(waiting),
    )


def _asks(
    related: collections.abc.Iterable[Related], application: str
) -> tuple[list[routes.Ask], list[str], list[str]]:
    """Return what applications ask for, who asks wrongly, and who has not asked yet."""
    asks: list[routes.Ask] = []
    wrong: list[str] = []
    silent: list[str] = []
    for one in related:
        other = one.application
        try:
            request = _request(one.bag)
        except sdi.InterfaceError as error:
            wrong.append(f"{other} asks wrongly, {error}: run {_removal(application, one.endpoint, other)}")
            continue
        if request is None:
            silent.append(f"Waiting for {other} to ask for a path over {one.endpoint}: see juju status {other}")
            continue
        protected = one.endpoint == PROTECTED
        asks.append(routes.Ask(application=other, relation=one.relation, protected=protected, request=request))
    return asks, wrong, silent


def _request(bag: collections.abc.Mapping[str, str]) -> ingress.Request | None:
    return traefik.read_request(bag) if traefik.speaks(bag) else ingress.read_request(bag)


def answer(one: Related, reading: Reading, url: str) -> dict[str, str]:
    """Return what an application that asked is told: the versions, the public URL, and its own where it wants that."""
    told = {"external-url": "", **ingress.write_gateway(external_url=url)}
    if not traefik.speaks(one.bag):
        # Whoever changed from one kind to the other keeps no stale answer.
        return {**told, **traefik.write_url("")}
    prefixes = [route.prefix for route in reading.table if route.relation == one.relation]
    return {**told, **traefik.write_url(url + prefixes[0] if url and prefixes else "")}


def _auth(related: collections.abc.Sequence[Related], application: str, model: str) -> _Answer:
    closed = "Protected paths answer 503"
    if not related:
        command = f"juju integrate {application}:{AUTH} gatekeeper:{AUTH}"
        return _Answer(refusal=f"{closed} until a login is integrated: run {command}", absent=True)
    names = [one.application for one in related]
    removal = f"run {_removal(application, AUTH, names[-1])}"
    if len(related) > 1:
        return _Answer(refusal=f"{closed}, because {' and '.join(names)} both want to decide: {removal}")
    try:
        authorizer = ingress_auth.read(related[0].bag)
        if authorizer:
            return _Answer(auth=routes.auth(authorizer, model), jwks=ingress_auth.read_keys(related[0].bag))
    except ValueError as error:
        return _Answer(refusal=f"{closed}, because {names[0]} presents itself wrongly: {removal}", detail=f" ({error})")
    waits = f"{closed} until {names[0]} presents itself over {AUTH}: see juju status {names[0]}"
    return _Answer(refusal=waits, waits=True)


def _removal(application: str, endpoint: str, other: str) -> str:
    return f"juju remove-relation {application}:{endpoint} {other}"
