# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What the gatekeeper must keep secret: makes it, replaces it, and says how it stands in a Juju secret."""

import base64
import collections.abc
import dataclasses
import json
import secrets

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

_SEALING_BYTES = 32
_MOST_KEYS = 12


@dataclasses.dataclass(frozen=True, kw_only=True)
class Key:
    """A key of a ring.

    Attributes:
        kid: its name.
        text: the key, EC P-256 in PKCS8 PEM to sign, 32 bytes in base64url to seal.
        since: when it came into use, in seconds since the epoch; 0 while it has not.
    """

    kid: str
    text: str = dataclasses.field(repr=False)
    since: int = 0


# The first is in use, the second is the next one, and those after it are good only for what they made.
Ring = tuple[Key, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Keys:
    """The secrets of the application, the same in every unit.

    Attributes:
        client_secret: what the client shows to the OpenID Connect provider.
        signing: what signs sessions.
        sealing: what encrypts refresh cookies and the state of a login under way.
    """

    client_secret: str = dataclasses.field(repr=False)
    signing: Ring
    sealing: Ring


def make(now: int, *, client_secret: str = "") -> Keys:
    """Return fresh secrets, the client's own only if it has none yet."""
    return Keys(
        client_secret=client_secret or _client_secret(),
        signing=(_signing_key(since=now), _signing_key()),
        sealing=(_sealing_key(since=now), _sealing_key()),
    )


def rotate_client_secret(keys: Keys) -> Keys:
    """Return the same keys with another client secret."""
    return dataclasses.replace(keys, client_secret=_client_secret())


def rotate(keys: Keys, now: int, *, signed: int, sealed: int) -> Keys:
    """Return the keys with both rings moved on by one.

    Every unit and gateway has known the key that comes into use since the last time, so that it does not matter which
    of them hears of this first.

    Args:
        keys: the secrets.
        now: the time, in seconds since the epoch.
        signed: for how long a session that was just signed is good, in seconds.
        sealed: for how long a cookie that was just sealed is good.
    """
    return dataclasses.replace(
        keys,
        signing=_move_on(keys.signing, _signing_key(), now, signed),
        sealing=_move_on(keys.sealing, _sealing_key(), now, sealed),
    )


def public_set(keys: Keys) -> str:
    """Return the JSON Web Key Set with which everybody can verify sessions."""
    return json.dumps({"keys": [_public(key) for key in keys.signing]}, sort_keys=True)


def write(keys: Keys) -> dict[str, str]:
    """Return the content of the Juju secret."""
    return {
        "client-secret": keys.client_secret,
        "signing-keys": _write_ring(keys.signing),
        "sealing-keys": _write_ring(keys.sealing),
    }


def read(content: collections.abc.Mapping[str, str]) -> Keys | None:
    """Return what a Juju secret holds, or None while it holds nothing."""
    if not content:
        return None
    return Keys(
        client_secret=content["client-secret"],
        signing=_read_ring(content["signing-keys"]),
        sealing=_read_ring(content["sealing-keys"]),
    )


def _move_on(ring: Ring, fresh: Key, now: int, good: int) -> Ring:
    old, following, *older = ring
    kept: list[Key] = []
    retired = now
    for key in (old, *older):
        if retired + good > now:
            kept.append(key)
        retired = key.since
    return (dataclasses.replace(following, since=now), fresh, *kept)[:_MOST_KEYS]


def _write_ring(ring: Ring) -> str:
    return json.dumps([dataclasses.asdict(key) for key in ring])


def _read_ring(text: str) -> Ring:
    return tuple(Key(**entry) for entry in json.loads(text))


def _signing_key(*, since: int = 0) -> Key:
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Key(kid=secrets.token_hex(8), text=pem.decode(), since=since)


def _sealing_key(*, since: int = 0) -> Key:
    return Key(kid=secrets.token_hex(8), text=secrets.token_urlsafe(_SEALING_BYTES), since=since)


def _public(key: Key) -> dict[str, str]:
    private = serialization.load_pem_private_key(key.text.encode(), password=None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    numbers = private.public_key().public_numbers()
    fixed = {"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": key.kid}
    return {**fixed, "x": _coordinate(numbers.x), "y": _coordinate(numbers.y)}


def _coordinate(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(32, "big")).rstrip(b"=").decode()


def _client_secret() -> str:
    return secrets.token_urlsafe(32)
