# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Interface `oidc-client` of Charmed Kubeflow, v1: a client presents itself to an OpenID Connect provider.

The client secret travels as the id of a Juju secret (`secret-id`) to a provider that announces `secret-support`, and
in plain text only to one that does not.
"""

import collections.abc
import dataclasses

from charmkit.interfaces import sdi


@dataclasses.dataclass(frozen=True, kw_only=True)
class Client:
    """An OAuth 2 client (RFC 6749, section 2).

    Attributes:
        id: its client identifier.
        name: what a consent page would show.
        redirect_uris: where the provider may send codes to.
        secret: the client secret, when it came in plain text.
        secret_id: the id of the Juju secret that holds it under the key `client-secret`.
    """

    id: str
    name: str
    redirect_uris: tuple[str, ...]
    secret: str = dataclasses.field(default="", repr=False)
    secret_id: str = ""


def write_client(client: Client) -> dict[str, str]:
    """Return the application databag of the client."""
    data: dict[str, object] = {"id": client.id, "name": client.name, "redirectURIs": list(client.redirect_uris)}
    if client.secret:
        data["secret"] = client.secret
    return {**sdi.write(data, "v1"), **({"secret-id": client.secret_id} if client.secret_id else {})}


def read_client(bag: collections.abc.Mapping[str, str]) -> Client | None:
    """Return the client, or None while it has not presented itself.

    Raises:
        sdi.InterfaceError: a field is missing or has the wrong type.
    """
    data = sdi.read(bag)
    if data is None:
        return None
    identifier = sdi.text(data, "id")
    return Client(
        id=identifier,
        name=sdi.text(data, "name", identifier),
        redirect_uris=sdi.texts(data, "redirectURIs"),
        secret=sdi.text(data, "secret", ""),
        secret_id=bag.get("secret-id", ""),
    )


def write_provider() -> dict[str, str]:
    """Return the application databag of the provider."""
    return {**sdi.announce("v1"), "secret-support": "true"}


def takes_secrets(bag: collections.abc.Mapping[str, str]) -> bool | None:
    """Return whether the provider can read a Juju secret, or None while it has written nothing."""
    if not bag:
        return None
    return bag.get("secret-support") == "true"
