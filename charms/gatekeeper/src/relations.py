# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What related applications say: from their databags to values, and to what a person must do. Pure."""

import collections.abc
import dataclasses

from charmkit.interfaces import dex_oidc_config, ingress, istio_ingress_route, oidc_client

INGRESS = "ingress"
# Istio's gateway in its place.
ROUTE = "istio-ingress-route-unauthenticated"
AUTH = "ingress-auth"
PROVIDER = "dex-oidc-config"
CLIENT = "oidc-client"
REDIS = "redis"
METRICS = "metrics-endpoint"
FORWARD = "forward-auth"
RECEPTION = "first-login"
# What each endpoint is integrated with in this bundle.
COUNTERPARTS = {
    INGRESS: "ambassador-route:ingress-unauthenticated",
    AUTH: "ambassador-route:ingress-auth",
    PROVIDER: "dex-auth:dex-oidc-config",
    CLIENT: "dex-auth:oidc-client",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Related:
    """One related application and what it wrote."""

    endpoint: str
    application: str
    bag: collections.abc.Mapping[str, str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reading:
    """What all of them said.

    Attributes:
        external_url: what the gateway says browsers reach it at; empty while it does not.
        provider: where people log in; None while nobody said.
        device_flow: whether the provider makes a public client for programs.
        blocked: what a person must do.
        waiting: what the gatekeeper waits for.
    """

    external_url: str
    provider: dex_oidc_config.Provider | None
    device_flow: bool
    blocked: tuple[str, ...]
    waiting: tuple[str, ...]


def read(related: collections.abc.Sequence[Related], *, application: str, forwarded: bool = False) -> Reading:
    """Return what the related applications say; forwarded means that an ingress asks over forward-auth."""
    bags = {one.endpoint: one.bag for one in related}
    optional = ({AUTH} if forwarded else set[str]()) | ({INGRESS} if ROUTE in bags else set[str]())
    missing = (endpoint for endpoint in COUNTERPARTS if endpoint not in bags and endpoint not in optional)
    route = istio_ingress_route.read_external_url(bags.get(ROUTE, {}))
    return Reading(
        external_url=ingress.read_external_url(bags.get(INGRESS, {})) or route or "",
        provider=dex_oidc_config.read(bags.get(PROVIDER, {})),
        device_flow=oidc_client.offers_device_flow(bags.get(CLIENT, {})),
        blocked=tuple(_missing(endpoint, application) for endpoint in missing),
        waiting=tuple(
            f"Waiting for {one.application} to answer over {one.endpoint}: see juju status {one.application}"
            for one in related
            if not _answered(one)
        ),
    )


def _missing(endpoint: str, application: str) -> str:
    return f"Not integrated over {endpoint}: run juju integrate {application}:{endpoint} {COUNTERPARTS[endpoint]}"


def _answered(one: Related) -> bool:
    if one.endpoint == PROVIDER:
        return dex_oidc_config.read(one.bag) is not None
    if one.endpoint == ROUTE:
        return istio_ingress_route.read_external_url(one.bag) is not None
    return "_supported_versions" in one.bag
