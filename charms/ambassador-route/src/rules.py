# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Envoy's clusters and the entries of its route table, from the gateway's model. Pure."""

import dataclasses
import typing

import model
import routes

# What listeners ask. It is always there and never changes, for Envoy gives up what it asks just then of a cluster that
# does; it leads to the one that has the address. Without an address that one fails closed.
AUTHORIZER = "authorizer"
AUTHORIZER_ADDRESS = "authorizer:address"
# Long enough for a notebook's slowest cell; a websocket may be silent for ever.
IDLE = "3600s"
_NEVER = "0s"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cluster:
    """An application.

    Attributes:
        http2: whether it is spoken to in HTTP/2.
        watched: whether all requests go over few connections, so that one that is silent is asked for a sign of life,
            and each is replaced now and then: by one to another unit, maybe one that is new.
    """

    name: str
    host: str = ""
    port: int = 0
    http2: bool = False
    watched: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rule:
    """One entry of Envoy's route table.

    Attributes:
        kind: Envoy's word for how the path is compared.
        path: what it is compared with.
        traffic: websocket, grpc, read (GET and HEAD), or empty for all else.
        cluster: where it leads.
        rewrite: what takes the path's place; empty to keep it.
        open: whether nobody is asked.
        keeps_cookies: whether the session's cookies go on to the application.
        refusal: what is answered in the application's place; empty where it is reached.
        idle_timeout: how long both sides may be silent.
    """

    kind: str
    path: str
    traffic: str
    cluster: str
    rewrite: str
    open: bool
    keeps_cookies: bool
    refusal: str
    idle_timeout: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Host:
    """One of Envoy's virtual hosts.

    Attributes:
        domain: the name by which clients ask for it, or * for any other.
        redirect: the host of https to which plain http is sent; empty for none.
        rules: the entries of its route table, in the order in which Envoy must try them.
    """

    domain: str
    redirect: str
    rules: tuple[Rule, ...]


def clusters(gateway: model.Gateway) -> tuple[Cluster, ...]:
    """Return AUTHORIZER_ADDRESS, and two for each route: gRPC is spoken in HTTP/2, all else in HTTP/1.1."""
    authorizer = Cluster(name=AUTHORIZER_ADDRESS)
    if auth := gateway.auth:
        authorizer = dataclasses.replace(
            authorizer, host=auth.host, port=auth.port, http2=auth.http2, watched=auth.http2
        )
    upstreams = (
        Cluster(name=_cluster(route, traffic), host=route.host, port=route.port, http2=traffic == "grpc")
        for route in gateway.table
        for traffic in ("", "grpc")
    )
    return (authorizer, *upstreams)


def _cluster(route: routes.Route, traffic: str) -> str:
    """Return a name that stays when the service or port of the application changes, so that nothing is lost."""
    return f"{route.application}:{route.relation}" + (":grpc" if traffic == "grpc" else "")


def hosts(gateway: model.Gateway) -> tuple[Host, ...]:
    """Return the gateway's hosts: first whatever name it is called by, then those of single applications."""
    domains = dict.fromkeys(route.domain for route in gateway.table if route.domain)
    return tuple(_host(domain, gateway) for domain in ("", *domains))


def _host(domain: str, gateway: model.Gateway) -> Host:
    public = gateway.redirect[0]
    return Host(
        domain=domain or "*",
        redirect=(domain or public) if public else "",
        rules=tuple(
            rule for route in gateway.table if route.domain in ("", domain) for rule in _route_rules(route, gateway)
        ),
    )


def _route_rules(route: routes.Route, gateway: model.Gateway) -> typing.Iterator[Rule]:
    refused, asks = gateway.refuses(route), gateway.asks(route)
    # Where people log in, a read that a restart meets is sent again (RFC 9110, section 9.2.2): an entry of its own.
    reads = () if asks or refused else ("read",)
    for traffic in ("websocket", "grpc", *reads, ""):
        for kind, path, rewrite in _matches(route):
            if traffic == "grpc" and kind == "path":
                # A call has a service and a method in its path.
                continue
            yield Rule(
                kind=kind,
                path=path,
                traffic=traffic,
                cluster=_cluster(route, traffic),
                rewrite=rewrite,
                # A route that refuses reaches no application, and its page must not wait for an authorizer.
                open=not asks,
                keeps_cookies=gateway.keeps_cookies(route),
                refusal=gateway.refusal if refused else "",
                idle_timeout=_NEVER if traffic == "websocket" else IDLE,
            )


def _matches(route: routes.Route) -> tuple[tuple[str, str, str], ...]:
    """Return matcher, path and rewrite; none of them lets /dexter through as /dex, or gives two slashes."""
    if route.prefix == "/":
        rewrite = "" if route.rewrite == "/" else f"{route.rewrite}/"
        return (("prefix", "/", rewrite),)
    if route.rewrite == route.prefix:
        return (("path_separated_prefix", route.prefix, ""),)
    below = "/" if route.rewrite == "/" else f"{route.rewrite}/"
    return (("prefix", f"{route.prefix}/", below), ("path", route.prefix, route.rewrite))
