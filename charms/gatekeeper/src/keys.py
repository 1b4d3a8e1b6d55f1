# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What the gatekeeper must keep secret: makes it, and says how it stands in a Juju secret."""

import collections.abc
import dataclasses
import secrets

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

_SEALING_BYTES = 32


@dataclasses.dataclass(frozen=True, kw_only=True)
class Keys:
    """The secrets of the application, the same in every unit.

    Attributes:
        client_secret: what the client shows to the OpenID Connect provider.
        signing_kid: the name of the key that signs sessions.
        signing_key: that key, EC P-256 in PKCS8 PEM.
        sealing_key: what encrypts the state of a login under way, 32 bytes in base64url.
    """

    client_secret: str = dataclasses.field(repr=False)
    signing_kid: str
    signing_key: str = dataclasses.field(repr=False)
    sealing_key: str = dataclasses.field(repr=False)


def make() -> Keys:
    """Return fresh secrets."""
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Keys(
        client_secret=_client_secret(),
        signing_kid=secrets.token_hex(8),
        signing_key=pem.decode(),
        sealing_key=secrets.token_urlsafe(_SEALING_BYTES),
    )


def rotate_client_secret(keys: Keys) -> Keys:
    """Return the same keys with another client secret."""
    return dataclasses.replace(keys, client_secret=_client_secret())


def write(keys: Keys) -> dict[str, str]:
    """Return the content of the Juju secret."""
    return {
        "client-secret": keys.client_secret,
        "signing-kid": keys.signing_kid,
        "signing-key": keys.signing_key,
        "sealing-key": keys.sealing_key,
    }


def read(content: collections.abc.Mapping[str, str]) -> Keys | None:
    """Return what a Juju secret holds, or None while it holds nothing."""
    if not content:
        return None
    return Keys(
        client_secret=content["client-secret"],
        signing_kid=content["signing-kid"],
        signing_key=content["signing-key"],
        sealing_key=content["sealing-key"],
    )


def _client_secret() -> str:
    return secrets.token_urlsafe(32)
