# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The clients that present themselves over oidc-client, and what is wrong with them. Pure."""

import collections.abc
import dataclasses

import dex
from charmkit.interfaces import oidc_client, sdi


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


def read(presented: collections.abc.Iterable[Presented], *, app: str) -> Reading:
    """Return the clients of all related applications; of two with one id, the older relation's is served."""
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
        elif client.id in clients:
            other = clients[client.id][0]
            blocked.append(f"{other} and {entry.application} have the same client id {client.id!r}: change one of them")
        else:
            made = dex.Client(id=client.id, name=client.name, redirect_uris=client.redirect_uris, secret=secret)
            clients[client.id] = (entry.application, made)
    if not seen:
        blocked.append(f"no client: juju integrate {app}:oidc-client gatekeeper:oidc-client")
    return Reading(
        clients=tuple(client for _, client in clients.values()), blocked=tuple(blocked), waiting=tuple(waiting)
    )


def _secret(entry: Presented, client: oidc_client.Client | None) -> str:
    if client is None:
        return ""
    if client.secret_id:
        return (entry.secret or {}).get("client-secret", "")
    return client.secret
