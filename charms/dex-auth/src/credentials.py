# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What dex-auth remembers in its secret: the static user's password, hash and id, and the last good options."""

import base64
import collections.abc
import dataclasses
import json
import secrets
import typing
import uuid
import zlib

import bcrypt

DEFAULT_COST = 12
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"
_LENGTH = 20
# Juju keeps 8 KiB under one key of a secret (core/secrets).
_PIECE = 8000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Credentials:
    """The static login.

    Attributes:
        password: as it is typed.
        generated: whether we made it.
        hash: its bcrypt hash, made once.
        cost: what bcrypt was told when it was made.
        user_id: a part of the subject in every token, so it never changes.
        options: the last good options, by name.
    """

    password: str = dataclasses.field(default="", repr=False)
    generated: str = dataclasses.field(default="", repr=False)
    hash: str = dataclasses.field(default="", repr=False)
    cost: int = DEFAULT_COST
    user_id: str = ""
    options: collections.abc.Mapping[str, typing.Any] = dataclasses.field(
        default_factory=dict[str, typing.Any], repr=False
    )


def load(content: collections.abc.Mapping[str, str]) -> Credentials:
    """Return what the secret's content says."""
    return Credentials(
        password=content.get("password", ""),
        generated=content.get("generated", ""),
        hash=content.get("hash", ""),
        cost=int(content.get("cost", DEFAULT_COST)),
        user_id=content.get("user-id", ""),
        options=_unpack(content),
    )


def dump(credentials: Credentials) -> dict[str, str]:
    """Return the secret's content; a secret has no empty values."""
    content = {
        "password": credentials.password,
        "generated": credentials.generated,
        "hash": credentials.hash,
        "cost": "" if credentials.cost == DEFAULT_COST else str(credentials.cost),
        "user-id": credentials.user_id,
    }
    return {key: value for key, value in content.items() if value} | _pack(credentials.options)


def _pack(options: collections.abc.Mapping[str, typing.Any]) -> dict[str, str]:
    """Return options in pieces of a size that Juju keeps under one key."""
    text = base64.b64encode(zlib.compress(json.dumps(dict(options), sort_keys=True).encode())).decode()
    pieces = [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]
    return {f"options-{number}": piece for number, piece in enumerate(pieces)}


def _unpack(content: collections.abc.Mapping[str, str]) -> dict[str, typing.Any]:
    numbers = sorted(int(key.removeprefix("options-")) for key in content if key.startswith("options-"))
    text = "".join(content[f"options-{number}"] for number in numbers)
    return json.loads(zlib.decompress(base64.b64decode(text))) if text else {}


def generate() -> str:
    """Return a new password that can be typed."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def hash_password(password: str, cost: int) -> str:
    """Return a password's bcrypt hash, with a salt of its own."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(cost)).decode()


def renew(known: Credentials, password: str, cost: int = DEFAULT_COST) -> Credentials:
    """Return credentials with a password; an empty one means the generated one, made once and kept for ever."""
    generated = known.generated or generate()
    wanted = password or generated
    user_id = known.user_id or str(uuid.uuid4())
    made = known.hash
    if wanted != known.password or not made or cost != known.cost:
        made = hash_password(wanted, cost)
    return dataclasses.replace(known, password=wanted, generated=generated, hash=made, cost=cost, user_id=user_id)


def accept(known: Credentials, options: collections.abc.Mapping[str, typing.Any]) -> Credentials:
    """Return credentials that remember options as good."""
    return dataclasses.replace(known, options=dict(options))
