# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Interface `ingress-auth` of Charmed Kubeflow, v1: who answers a gateway's authorization checks.

What the old format cannot say is a further key, which old charms ignore: `jwks`, the public keys of sessions.
"""

import collections.abc
import dataclasses

from charmkit.interfaces import sdi


@dataclasses.dataclass(frozen=True, kw_only=True)
class Authorizer:
    """An external authorization service.

    Attributes:
        service: its Kubernetes service.
        port: that service's port.
        request_headers: what the gateway passes to it from a request.
        response_headers: what the gateway passes from its answer to the upstream.
        jwks: the JSON Web Key Set of its sessions, for a gateway that verifies them by itself; empty without one.
    """

    service: str
    port: int
    request_headers: tuple[str, ...] = ()
    response_headers: tuple[str, ...] = ()
    jwks: str = ""


def write(authorizer: Authorizer) -> dict[str, str]:
    """Return the application databag of the authorization service."""
    data = {
        "service": authorizer.service,
        "port": authorizer.port,
        "allowed-request-headers": list(authorizer.request_headers),
        "allowed-response-headers": list(authorizer.response_headers),
    }
    return {**sdi.write(data, "v1"), **({"jwks": authorizer.jwks} if authorizer.jwks else {})}


def read(bag: collections.abc.Mapping[str, str]) -> Authorizer | None:
    """Return the authorization service, or None while it has not presented itself.

    Raises:
        sdi.InterfaceError: a field is missing or has the wrong type.
    """
    data = sdi.read(bag)
    if data is None:
        return None
    return Authorizer(
        service=sdi.text(data, "service"),
        port=sdi.port(data),
        request_headers=sdi.texts(data, "allowed-request-headers"),
        response_headers=sdi.texts(data, "allowed-response-headers"),
        jwks=bag.get("jwks", ""),
    )


def write_gateway() -> dict[str, str]:
    """Return the application databag of the gateway."""
    return sdi.announce("v1")
