# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Who somebody is: made from the claims of an ID token, and told to applications in headers."""

import collections.abc
import dataclasses

Claims = collections.abc.Mapping[str, object]


class IdentityError(Exception):
    """The claims do not make an identity that can be told to an application."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Identity:
    """A person or program, as applications know it.

    Attributes:
        user: the user id.
        subject: the provider's own, stable name (claim `sub`).
        groups: names of groups.
        email: e-mail address, where there is one.
        name: a name for people to read.
    """

    user: str
    subject: str
    groups: tuple[str, ...] = ()
    email: str = ""
    name: str = ""


def of(claims: Claims, *, userid_claim: str) -> Identity:
    """Return the identity in the claims of an ID token.

    Raises:
        IdentityError: the user id is missing, or cannot stand in a header.
    """
    user = claims.get(userid_claim)
    if not isinstance(user, str) or not user:
        raise IdentityError(f"the provider sent no claim {userid_claim!r}, from which the user id is taken")
    groups = claims.get("groups")
    names = tuple(str(group) for group in groups) if isinstance(groups, list | tuple) else ()
    for text in (user, *names):
        if not _fits_header(text):
            raise IdentityError("the user id or the name of a group has characters that no header can carry")
    if any("," in group for group in names):
        raise IdentityError("the name of a group has a comma, which separates groups in a header")
    return Identity(
        user=user,
        subject=_text(claims.get("sub")),
        groups=names,
        email=_text(claims.get("email")),
        name=_text(claims.get("name")),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _fits_header(text: str) -> bool:
    """Return whether text can stand in a header as it is (RFC 9110, section 5.5), with nothing that parsers trim."""
    return text.isascii() and text.isprintable() and text == text.strip()
