# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Interface `ingress` of Charmed Kubeflow, v1 and v2: an application asks a gateway for a path.

What the old format cannot say are further keys, which old charms ignore: `preserve-path` from the application,
`external-url` from the gateway.
"""

import collections.abc
import dataclasses

from charmkit.interfaces import sdi


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """The path that an application asks for.

    Attributes:
        prefix: the path that the gateway shall send to the application.
        rewrite: what takes the place of the prefix.
        service: the application's Kubernetes service.
        port: that service's port.
        namespace: its namespace, when it is not the gateway's own (v2).
        preserve_path: the application serves its public path itself; a gateway that knows this key sends the path
            unchanged, whatever rewrite says.
        grpc: whether it says that it speaks HTTP/2, as what is called with gRPC does; only Traefik's kind of databag
            has a word for it.
    """

    prefix: str
    rewrite: str
    service: str
    port: int
    namespace: str = ""
    preserve_path: bool = False
    grpc: bool = False


def write_request(request: Request) -> dict[str, str]:
    """Return the application databag of the side that asks (v1)."""
    data = {
        "prefix": request.prefix,
        "rewrite": request.rewrite,
        "service": request.service,
        "port": request.port,
    }
    extra = {"preserve-path": "true"} if request.preserve_path else {}
    return {**sdi.write(data, "v1"), **extra}


def read_request(bag: collections.abc.Mapping[str, str]) -> Request | None:
    """Return what an application asks for, or None while it has not asked.

    Raises:
        sdi.InterfaceError: a field is missing or has the wrong type.
    """
    data = sdi.read(bag)
    if data is None:
        return None
    prefix = sdi.text(data, "prefix")
    return Request(
        prefix=prefix,
        rewrite=sdi.text(data, "rewrite", prefix) or prefix,
        service=sdi.text(data, "service"),
        port=sdi.port(data),
        namespace=sdi.text(data, "namespace", ""),
        preserve_path=bag.get("preserve-path") == "true",
    )


def write_gateway(*, external_url: str) -> dict[str, str]:
    """Return the application databag of the gateway; the URL has no trailing slash."""
    return {**sdi.announce("v1", "v2"), **({"external-url": external_url} if external_url else {})}


def read_external_url(bag: collections.abc.Mapping[str, str]) -> str | None:
    """Return the gateway's public URL, empty when the gateway does not tell it, None while it has written nothing."""
    if "_supported_versions" not in bag:
        return None
    return bag.get("external-url", "")
