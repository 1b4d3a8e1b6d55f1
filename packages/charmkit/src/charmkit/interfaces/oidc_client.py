# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Interface `oidc-client` of Charmed Kubeflow, v1: a client presents itself to an OpenID Connect provider.

The client secret travels as the id of a Juju secret (`secret-id`) to a provider that announces `secret-support`, and
in plain text only to one that does not. In the same way `device-client-id` names a public client for programs on
devices without a browser (RFC 8628) to a provider that announces `device-flow`.
"""

import collections.abc
import dataclasses

from charmkit.interfaces import sdi

DEVICE = "device-client-id"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Client:
    """An OAuth 2 client (RFC 6749, section 2).

    Attributes:
        id: its client identifier.
        name: what a consent page would show.
        redirect_uris: where the provider may send codes to.
        secret: the client secret, when it came in plain text.
        secret_id: the id of the Juju secret that holds it under the key `client-secret`.
        device_id: the identifier of the public client of its programs, empty for none.
    """

    id: str
    name: str
    redirect_uris: tuple[str, ...]
    secret: str = dataclasses.field(default="", repr=False)
    secret_id: str = ""
    device_id: str = ""


def write_client(client: Client) -> dict[str, str]:
    """Return the application databag of the client."""
    data: dict[str, object] = {"id": client.id, "name": client.name, "redirectURIs": list(client.redirect_uris)}
    if client.secret:
        data["secret"] = client.secret
    extra = {"secret-id": client.secret_id, DEVICE: client.device_id}
    return {**sdi.write(data, "v1"), **{key: value for key, value in extra.items() if value}}


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
        device_id=bag.get(DEVICE, ""),
    )


def write_provider() -> dict[str, str]:
    """Return the application databag of the provider."""
    return {**sdi.announce("v1"), "secret-support": "true", "device-flow": "true"}


def offers_device_flow(bag: collections.abc.Mapping[str, str]) -> bool:
    """Return whether the provider makes a public client of what `device-client-id` names."""
    return bag.get("device-flow") == "true"


def takes_secrets(bag: collections.abc.Mapping[str, str]) -> bool | None:
    """Return whether the provider can read a Juju secret, or None while it has written nothing."""
    if not bag:
        return None
    return bag.get("secret-support") == "true"
