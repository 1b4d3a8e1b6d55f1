# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""An Envoy with one listener for each way to ask who somebody is, all before the same answer.

Where it verifies sessions itself, it does so with the filters that the gateway's charm writes.
"""

import collections.abc
import dataclasses
import json
import pathlib
import sys
import typing

CHARM = pathlib.Path(__file__).resolve().parent.parent / "charms" / "ambassador-route"
sys.path.insert(0, str(CHARM / "src"))

import envoy  # noqa: E402
import model  # noqa: E402

_TYPES = "type.googleapis.com/envoy"
_HTTP = f"{_TYPES}.extensions.filters.http"
_ASKED = ("cookie", "authorization", "accept", "x-requested-with", "sec-fetch-mode", "sec-fetch-dest", "x-request-id")
_TOLD = ("kubeflow-userid", "kubeflow-groups")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Session:
    """How Envoy can verify a session by itself."""

    issuer: str
    jwks: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Listener:
    """A port, and what a request must pass there.

    Attributes:
        asks: the port or the Unix socket of an authorization service, empty for none.
        http2: whether it is asked in HTTP/2.
        session: verifies sessions, so that only requests without one are asked about.
    """

    port: int
    asks: int | str = ""
    http2: bool = False
    session: Session | None = None


def bootstrap(listeners: collections.abc.Mapping[str, Listener]) -> str:
    """Return the configuration."""
    resources = {
        "listeners": [_listener(name, listener) for name, listener in listeners.items()],
        "clusters": [_cluster(name, listener) for name, listener in listeners.items() if listener.asks],
    }
    return json.dumps({"static_resources": resources})


def command(program: pathlib.Path, config: pathlib.Path) -> list[str]:
    """Return what starts Envoy with one thread that serves."""
    return [str(program), "--config-path", str(config), "--concurrency", "1", "--use-dynamic-base-id", "-l", "error"]


def _listener(name: str, listener: Listener) -> dict[str, object]:
    filters: list[dict[str, object]] = []
    if listener.session:
        verify, unless = _fast(listener.session)
        unless["typed_config"]["extension_config"] = _ask(name)
        filters += [verify, unless]
    elif listener.asks:
        filters.append(_ask(name))
    filters.append({"name": "router", "typed_config": {"@type": f"{_HTTP}.router.v3.Router"}})
    answer = {"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": "ok"}}}
    manager = {
        "@type": f"{_TYPES}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "generate_request_id": False,
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [answer]}]},
        "http_filters": filters,
    }
    chain = {"filters": [{"name": "http", "typed_config": manager}]}
    address = {"socket_address": {"address": "127.0.0.1", "port_value": listener.port}}
    return {"name": name, "address": address, "filter_chains": [chain]}


def _cluster(name: str, listener: Listener) -> dict[str, object]:
    tcp = {"socket_address": {"address": "127.0.0.1", "port_value": listener.asks}}
    address = tcp if isinstance(listener.asks, int) else {"pipe": {"path": listener.asks}}
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address}}]}]
    upstreams = f"{_TYPES}.extensions.upstreams.http.v3.HttpProtocolOptions"
    spoken = "http2_protocol_options" if listener.http2 else "http_protocol_options"
    options = {"@type": upstreams, "explicit_http_config": {spoken: {}}}
    return {
        "name": name,
        "type": "STATIC",
        "load_assignment": {"cluster_name": name, "endpoints": endpoints},
        "typed_extension_protocol_options": {upstreams.rpartition("/")[2]: options},
    }


def _fast(session: Session) -> tuple[dict[str, typing.Any], dict[str, typing.Any]]:
    """Return the gateway's filter that verifies sessions, and the one that asks about requests without."""
    gateway = model.Gateway(name="bench", port=0, fast=model.Fast(jwks=session.jwks, issuer=session.issuer))
    (text,) = [file.text for file in envoy.configure(gateway).files if file.path.endswith("/listeners.json")]
    manager = json.loads(text)["resources"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    filters = {filter_["name"]: filter_ for filter_ in manager["http_filters"]}
    return filters["envoy.filters.http.jwt_authn"], filters["envoy.filters.http.ext_authz"]


def _ask(cluster: str) -> dict[str, object]:
    config: dict[str, object] = {
        "@type": f"{_HTTP}.ext_authz.v3.ExtAuthz",
        "transport_api_version": "V3",
        "allowed_headers": {"patterns": [{"exact": name} for name in _ASKED]},
        "http_service": {
            "server_uri": {"uri": "http://authorizer", "cluster": cluster, "timeout": "20s"},
            "authorization_response": {"allowed_upstream_headers": {"patterns": [{"exact": name} for name in _TOLD]}},
        },
    }
    return {"name": "envoy.filters.http.ext_authz", "typed_config": config}
