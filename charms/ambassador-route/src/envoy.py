# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Envoy's configuration: what its container holds and runs, from the gateway's model. Pure."""

import collections.abc
import dataclasses
import json
import pathlib
import typing

import pages
import routes
from charmkit import desired, rollout, templates

SERVICE = "envoy"
CHECK = "ready"
BINARY = "/usr/local/bin/envoy"
# The one directory that any user of any image may write to; the stock image keeps /etc/envoy for others.
_HOME = "/tmp/envoy"  # noqa: S108
RECORD = f"{_HOME}/rollout.json"
HEALTH_PATH = "/ambassador/v0/check_ready"

_TEMPLATES = pathlib.Path(__file__).parent / "templates"
_BOOTSTRAP = f"{_HOME}/bootstrap.json"
_CLUSTERS = f"{_HOME}/clusters.json"
_LISTENERS = f"{_HOME}/listeners.json"
_ROUTES = f"{_HOME}/routes.json"
_CANDIDATE = f"{_HOME}/candidate.json"
_ROUTES_NAME = "gateway"
# Always there, so that a listener never asks a cluster that does not exist; without an address it fails closed.
_AUTHORIZER = "authorizer"
# What every authorizer needs to see of a request, whatever it asks for.
_REQUEST_HEADERS = ("cookie", "user-agent", "x-forwarded-for", "x-forwarded-proto", "x-request-id")
# Long enough for a notebook's slowest cell; a websocket may be silent for ever.
_IDLE = "3600s"
_NEVER = "0s"
_MOST_CONNECTIONS = 50000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gateway:
    """All that the gateway's configuration depends on.

    Attributes:
        name: the application, which Envoy calls its node.
        port: where it listens.
        table: the routes, longest prefix first.
        auth: who is asked about protected routes; None while nobody is.
        refusal: what a protected route answers while nobody is asked.
        check_period: how often Pebble asks whether it is ready, as a Go duration.
    """

    name: str
    port: int
    table: tuple[routes.Route, ...] = ()
    auth: routes.Auth | None = None
    refusal: str = ""
    check_period: str = "1s"


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Cluster:
    name: str
    host: str = ""
    port: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Rule:
    """One entry of Envoy's route table; kind and path are its matcher."""

    kind: str
    path: str
    cluster: str
    rewrite: str
    open: bool
    refusal: str
    websocket: bool
    idle_timeout: str


def configure(gateway: Gateway) -> desired.Desired:
    """Return what the container shall hold and run."""
    bootstrap = {
        "node": gateway.name,
        "clusters_path": _CLUSTERS,
        "listeners_path": _LISTENERS,
        "most_connections": _MOST_CONNECTIONS,
    }
    files = (
        _file(_BOOTSTRAP, bootstrap),
        # In the order in which Envoy must read them: a route needs its cluster.
        _file(_CLUSTERS, {"clusters": _clusters(gateway)}, watched=True),
        _file(_LISTENERS, _listener(gateway), watched=True),
        _file(_ROUTES, {"name": _ROUTES_NAME, "rules": _rules(gateway)}, watched=True),
    )
    command = f"{BINARY} -c {_BOOTSTRAP} --disable-hot-restart --log-level warning"
    environment = {"CONFIG_DIGEST": desired.digest(files)}
    url = f"http://localhost:{gateway.port}{HEALTH_PATH}"
    layer = {
        "services": {SERVICE: desired.service(command, environment=environment)},
        "checks": {CHECK: desired.http_check(url, period=gateway.check_period)},
    }
    return desired.Desired(files=files, layer=layer)


def rehearsal(state: desired.Desired) -> rollout.Rehearsal:
    """Return how Envoy can check a configuration without serving it.

    Its validation does not look into watched files, so the candidate holds all of them as static resources.
    """
    resources = {file.path: json.loads(file.text)["resources"] for file in state.files if file.watched}
    for resource in (resource for found in resources.values() for resource in found):
        del resource["@type"]
    listener, table = resources[_LISTENERS][0], resources[_ROUTES][0]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    del manager["rds"]
    manager["route_config"] = table
    candidate = {"static_resources": {"clusters": resources[_CLUSTERS], "listeners": [listener]}}
    return rollout.Rehearsal(
        files=(desired.File(path=_CANDIDATE, text=json.dumps(candidate, indent=2)),),
        command=(BINARY, "--mode", "validate", "-c", _CANDIDATE, "--log-level", "error"),
        timeout=20.0,
    )


def _file(path: str, values: collections.abc.Mapping[str, object], *, watched: bool = False) -> desired.File:
    name = f"{pathlib.PurePosixPath(path).name}.j2"
    return desired.File(path=path, text=templates.render(_TEMPLATES, name, values), mode=0o644, watched=watched)


def _listener(gateway: Gateway) -> dict[str, object]:
    auth = gateway.auth
    return {
        "port": gateway.port,
        "idle_timeout": _IDLE,
        "health_path": HEALTH_PATH,
        "routes_name": _ROUTES_NAME,
        "routes_path": _ROUTES,
        "stripped": routes.stripped(auth),
        "request_headers": tuple(dict.fromkeys((*_REQUEST_HEADERS, *(auth.request_headers if auth else ())))),
        "response_headers": auth.response_headers if auth else (),
        "authorizer_cluster": _AUTHORIZER,
        "pages": pages.pages(),
        "page_headers": pages.HEADERS,
    }


def _clusters(gateway: Gateway) -> tuple[_Cluster, ...]:
    auth = gateway.auth
    authorizer = _Cluster(name=_AUTHORIZER, host=auth.host, port=auth.port) if auth else _Cluster(name=_AUTHORIZER)
    upstreams = (_Cluster(name=_cluster(route), host=route.host, port=route.port) for route in gateway.table)
    return (authorizer, *upstreams)


def _cluster(route: routes.Route) -> str:
    """Return a name that stays when the service or port of the application changes, so that nothing is lost."""
    return f"{route.application}:{route.relation}"


def _rules(gateway: Gateway) -> tuple[_Rule, ...]:
    return tuple(rule for route in gateway.table for rule in _route_rules(route, gateway))


def _route_rules(route: routes.Route, gateway: Gateway) -> typing.Iterator[_Rule]:
    refused = route.protected and gateway.auth is None
    for websocket in (True, False):
        for kind, path, rewrite in _matches(route):
            yield _Rule(
                kind=kind,
                path=path,
                cluster=_cluster(route),
                rewrite=rewrite,
                # A route that refuses reaches no application, and its page must not wait for an authorizer.
                open=refused or not route.protected,
                refusal=gateway.refusal if refused else "",
                websocket=websocket,
                idle_timeout=_NEVER if websocket else _IDLE,
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


def words(text: str) -> str:
    """Return the last sentence of what Envoy said, which is its reason; before it stands the whole configuration."""
    last = text.strip().splitlines()[-1] if text.strip() else ""
    return last.split("error initializing configuration", 1)[-1].removeprefix(f" '{_CANDIDATE}'").lstrip(": ")[:300]
