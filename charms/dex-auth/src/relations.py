# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The clients that present themselves over oidc-client, and what is wrong with them. Pure."""

import collections.abc
import dataclasses
import re
import urllib.parse

import dex
from charmkit.interfaces import oidc_client, sdi

# Where a gatekeeper, and no other client, has its callback.
_GATEKEEPER = "/authservice/oidc/callback"
# Where Dex itself ends a login that began on a device; nowhere else may such a client send anybody.
_DEVICE = "/device/callback"
_IDENTIFIER = re.compile(r"[\x21-\x7e]{1,200}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Presented:
    """What one application says of itself.

    Attributes:
        application: its name.
        bag: its application databag.
        secret: the content of the Juju secret that it names, or None when that cannot be read.
    """

    application: str
    bag: collections.abc.Mapping[str, str]
    secret: collections.abc.Mapping[str, str] | None = dataclasses.field(default=None, repr=False)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reading:
    """The clients, and why others are none: a person must act, or another application must."""

    clients: tuple[dex.Client, ...] = ()
    blocked: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def read(presented: collections.abc.Iterable[Presented], *, app: str, issuer: str) -> Reading:
    """Return the clients of all related applications; of two with one id, the older relation's is served.

    Args:
        presented: what the applications say of themselves.
        app: this application's name, for commands.
        issuer: the issuer that they will be told.
    """
    warnings: list[str] = []
    clients: dict[str, tuple[str, dex.Client]] = {}
    blocked: list[str] = []
    waiting: list[str] = []
    seen = False
    for entry in presented:
        seen = True
        try:
            client = oidc_client.read_client(entry.bag)
        except sdi.InterfaceError as error:
            blocked.append(f"oidc-client: {entry.application} sent what it must not: {error}")
            continue
        secret = _secret(entry, client)
        if client is None or not secret:
            waiting.append(f"waiting for {entry.application} to present itself over oidc-client")
            continue
        for made in _clients(client, secret):
            if made.id in clients:
                other = clients[made.id][0]
                problem = f"have the same client id {made.id!r}: change one of them"
                blocked.append(f"{other} and {entry.application} {problem}")
                break
            clients[made.id] = (entry.application, made)
            warnings += _elsewhere(entry.application, made, issuer, app)
    if not seen:
        blocked.append(f"no client: juju integrate {app}:oidc-client gatekeeper:oidc-client")
    return Reading(
        clients=tuple(client for _, client in clients.values()),
        blocked=tuple(blocked),
        waiting=tuple(waiting),
        warnings=tuple(warnings),
    )


def _clients(client: oidc_client.Client, secret: str) -> collections.abc.Iterator[dex.Client]:
    """Yield what one application presents: itself, and the public client of its programs (RFC 8628)."""
    yield dex.Client(id=client.id, name=client.name, redirect_uris=client.redirect_uris, secret=secret)
    if _IDENTIFIER.fullmatch(client.device_id):
        yield dex.Client(
            id=client.device_id, name=f"{client.name} (device)", redirect_uris=(_DEVICE,), secret="", public=True
        )


def _elsewhere(application: str, client: dex.Client, issuer: str, app: str) -> collections.abc.Iterator[str]:
    """Yield how a gatekeeper and Dex contradict each other about the gateway, behind which both are."""
    for uri in client.redirect_uris:
        if uri.endswith(_GATEKEEPER) and "://" in uri and _origin(uri) != _origin(issuer):
            yield (
                f"oidc-client: {application} is reached at {_origin(uri)}, and Dex at {_origin(issuer)}, which must be "
                f"the same: juju config {application} public-url, juju config {app} issuer-url"
            )


def _origin(url: str) -> str:
    parts = urllib.parse.urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _secret(entry: Presented, client: oidc_client.Client | None) -> str:
    if client is None:
        return ""
    if client.secret_id:
        return (entry.secret or {}).get("client-secret", "")
    return client.secret
