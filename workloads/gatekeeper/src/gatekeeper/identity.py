# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Who somebody is: made from a token's claims, and fit to stand in headers."""

import collections.abc
import dataclasses
import re
import typing

# What HTTP can carry in a header without another reading: no control characters, nothing beyond Latin-1.
_CARRIES = re.compile(r"[\x21-\x7e\xa1-\xff]([\x20-\x7e\xa0-\xff]*[\x21-\x7e\xa1-\xff])?")
_LONGEST = 320

Claims = collections.abc.Mapping[str, object]


class IdentityError(Exception):
    """The claims name nobody who can be let in; `reason` is a code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclasses.dataclass(frozen=True, kw_only=True)
class Identity:
    """A person or a program, as the provider describes it.

    Raises:
        IdentityError: the user id cannot stand in a header as it is.
    """

    userid: str
    groups: tuple[str, ...] = ()
    subject: str = ""
    email: str = ""
    name: str = ""

    def __post_init__(self) -> None:
        """Refuse what a header would change on its way, because somebody else could be meant at its end."""
        if not self.userid:
            raise IdentityError("userid_missing")
        if len(self.userid) > _LONGEST or not _CARRIES.fullmatch(self.userid):
            raise IdentityError("userid_unfit")
        if not all(_CARRIES.fullmatch(group) for group in self.groups):
            raise IdentityError("group_unfit")

    @property
    def group_list(self) -> str:
        """Return the groups for a header, separated by commas.

        A name with a comma in it is left out: its parts would be read as other groups.
        """
        return ",".join(group for group in self.groups if "," not in group)


def from_provider(claims: Claims, *, userid_claim: str) -> Identity:
    """Return the identity that an ID token describes.

    Raises:
        IdentityError: it names nobody, or nobody who can be let in.
    """
    # Some providers send the word instead of the value.
    if userid_claim == "email" and claims.get("email_verified") in (False, "false", "False"):
        raise IdentityError("email_not_verified")
    return Identity(
        userid=_text(claims, userid_claim),
        groups=_texts(claims, "groups"),
        subject=_text(claims, "sub"),
        email=_text(claims, "email"),
        name=_text(claims, "name"),
    )


def from_session(claims: Claims) -> Identity:
    """Return the identity that a session of ours holds.

    Raises:
        IdentityError: it holds none.
    """
    groups = _text(claims, "groups")
    return Identity(
        userid=_text(claims, "userid"),
        groups=tuple(groups.split(",")) if groups else (),
        subject=_text(claims, "sub"),
        email=_text(claims, "email"),
        name=_text(claims, "name"),
    )


def to_session(identity: Identity) -> dict[str, object]:
    """Return the claims under which a session holds an identity.

    The groups stand there as they do in a header, so that a gateway which verifies sessions by itself can copy them.
    """
    return {
        "sub": identity.subject,
        "userid": identity.userid,
        "email": identity.email,
        "name": identity.name,
        "groups": identity.group_list,
    }


def _text(claims: Claims, name: str) -> str:
    value = claims.get(name)
    return value if isinstance(value, str) else ""


def _texts(claims: Claims, name: str) -> tuple[str, ...]:
    value = claims.get(name)
    if isinstance(value, str):
        return (value,) if value else ()
    if not isinstance(value, list):
        return ()
    return tuple(text for text in typing.cast("list[object]", value) if isinstance(text, str) and text)
