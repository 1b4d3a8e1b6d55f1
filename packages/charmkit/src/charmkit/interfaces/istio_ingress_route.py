# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Interface `istio_ingress_route`, v0, of istio-ingress-k8s: an application asks for a path of Istio's gateway."""

import collections.abc
import dataclasses
import json

_LISTENER = {"port": 80, "protocol": "HTTP"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """The path that an application asks for, as it is.

    Attributes:
        model: the application's model, which is its namespace.
        prefix: the path, to which everything below it belongs.
        service: the application's Kubernetes service.
        port: that service's port.
    """

    model: str
    prefix: str
    service: str
    port: int


def write(request: Request) -> dict[str, str]:
    """Return the application databag of the side that asks."""
    route = {
        "name": "http-ingress",
        "listener": _LISTENER,
        "matches": [{"path": {"type": "PathPrefix", "value": f"{request.prefix}/"}}],
        "backends": [{"service": request.service, "port": request.port}],
    }
    config = {"model": request.model, "listeners": [_LISTENER], "http_routes": [route], "grpc_routes": list[object]()}
    return {"config": json.dumps(config)}


def read_external_url(bag: collections.abc.Mapping[str, str]) -> str | None:
    """Return where browsers reach the gateway, None while it does not know that itself."""
    if not bag.get("external_host"):
        return None
    scheme = "https" if bag.get("tls_enabled") == "True" else "http"
    return f"{scheme}://{bag['external_host']}"
