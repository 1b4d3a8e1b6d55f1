# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The users that Dex itself knows, beside the static one: who they are, and what may be done with them. Pure."""

import base64
import collections.abc
import dataclasses
import json
import re
import typing
import zlib

# Juju keeps 8 KiB under one key of a secret, and 64 KiB in all (core/secrets).
_PIECE = 8000
_PIECES = 7
# Secrets that users may fill; they hold more than two thousand.
SECRETS = 8
# bcrypt reads no further (and Dex would take a shorter password for the same).
LONGEST_PASSWORD = 72
# A costlier hash than this would let a few guesses keep Dex busy.
_COSTS = range(4, 17)
_EMAIL = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-z0-9-]+(\.[a-z0-9-]+)*")
_HASH = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}")


class UserError(ValueError):
    """It cannot be done; the text says why, and what would be right."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class User:
    """One user.

    Attributes:
        email: in lower case, as Dex compares it; the user id of the platform.
        id: a part of the subject in every token; made once, and never again for anybody else.
        hash: bcrypt's.
        groups: those that Dex tells, where it can.
        disabled: whether they are kept out.
    """

    email: str
    id: str
    hash: str = dataclasses.field(repr=False)
    groups: tuple[str, ...] = ()
    disabled: bool = False


Users = tuple[User, ...]


def is_email(text: str) -> bool:
    """Return whether a text has the shape of an e-mail address."""
    return _EMAIL.fullmatch(text.lower()) is not None and len(text) <= 254


def email(text: str) -> str:
    """Return an e-mail address in the form in which it is compared.

    Raises:
        UserError: it is none; a profile's owner must be one.
    """
    address = text.strip().lower()
    if not is_email(address):
        raise UserError(f"email: {text[:80]!r} is no e-mail address, write it like jane@example.com")
    return address


def groups(text: str) -> tuple[str, ...]:
    """Return the groups of a list with commas."""
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def password(text: str) -> str:
    """Return a password that bcrypt can tell from others.

    Raises:
        UserError: it is empty, too long or no text.
    """
    size = len(text.encode(errors="replace"))
    if size > LONGEST_PASSWORD:
        raise UserError(f"password: {size} bytes are too many, bcrypt reads {LONGEST_PASSWORD}")
    if not text or "\0" in text:
        raise UserError("password: it is empty, or has characters that no password can have")
    return text


def known_hash(text: str) -> str:
    """Return a hash that Dex can compare.

    Raises:
        UserError: it is none of bcrypt's, or too costly; a hash is not repeated.
    """
    found = _HASH.fullmatch(text)
    if found is None:
        raise UserError("hash: it is no bcrypt hash, which begins with $2y$; make one with htpasswd -B -C 12")
    if int(found[1]) not in _COSTS:
        raise UserError(f"hash: its cost {int(found[1])} is not from {_COSTS[0]} to {_COSTS[-1]}")
    return text


def find(known: Users, address: str) -> User:
    """Return the user with an e-mail address.

    Raises:
        UserError: there is none.
    """
    for user in known:
        if user.email == address:
            return user
    raise UserError(f"there is no user {address!r}: see list-users")


def add(known: Users, new: User, *, static: str) -> Users:
    """Return the users with one more.

    Args:
        known: those there are.
        new: who comes.
        static: the name of the static user, who is none of them.

    Raises:
        UserError: there is one with this e-mail address.
    """
    if new.email == static.lower():
        raise UserError(f"{new.email!r} is the static user, see the option static-username")
    if any(user.email == new.email for user in known):
        raise UserError(f"there is a user {new.email!r} already: see set-password")
    return (*known, new)


def change(known: Users, address: str, **changes: typing.Any) -> Users:
    """Return the users, one of them with other fields.

    Raises:
        UserError: there is no such user.
    """
    changed = dataclasses.replace(find(known, address), **changes)
    return tuple(changed if user.email == address else user for user in known)


def remove(known: Users, address: str) -> Users:
    """Return the users without one; who comes later with the same address is somebody else, with another id.

    Raises:
        UserError: there is no such user.
    """
    gone = find(known, address)
    return tuple(user for user in known if user != gone)


def serving(known: Users, *, static: str) -> Users:
    """Return the users that may log in; the static user comes before one of the same name."""
    return tuple(user for user in known if not user.disabled and user.email != static.lower())


def dump(known: Users) -> list[dict[str, str]]:
    """Return the content of as many secrets as the users need, at least one.

    Raises:
        UserError: they need more than are kept.
    """
    rows = [[user.email, user.id, user.hash, list(user.groups), user.disabled] for user in known]
    text = base64.b64encode(zlib.compress(json.dumps(rows, separators=(",", ":")).encode(), 9)).decode()
    pieces = [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]
    if len(pieces) > _PIECES * SECRETS:
        raise UserError(
            f"{len(known)} users are more than fit into {SECRETS} secrets of Juju: use a connector, like LDAP"
        )
    return [
        {f"users-{number}": piece for number, piece in enumerate(pieces[start : start + _PIECES])}
        for start in range(0, len(pieces), _PIECES)
    ]


def load(contents: collections.abc.Iterable[collections.abc.Mapping[str, str]]) -> Users:
    """Return the users in the contents of secrets; those behind the last that is needed are not asked for."""
    text = ""
    for content in contents:
        keys = [f"users-{number}" for number in range(_PIECES)]
        text += "".join(content.get(key, "") for key in keys)
        if keys[-1] not in content:
            break
    rows: list[list[typing.Any]] = json.loads(zlib.decompress(base64.b64decode(text))) if text else []
    return tuple(User(email=row[0], id=row[1], hash=row[2], groups=tuple(row[3]), disabled=row[4]) for row in rows)
