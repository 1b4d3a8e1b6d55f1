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

    Attributes:
        userid: what applications know it by.
        claim: what the provider calls it, before the operator's rules made a user id of that.

    Raises:
        IdentityError: the user id cannot stand in a header as it is.
    """

    userid: str
    groups: tuple[str, ...] = ()
    subject: str = ""
    email: str = ""
    name: str = ""
    claim: str = ""

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


def from_session(claims: Claims) -> Identity:
    """Return the identity that a session of ours holds.

    Raises:
        IdentityError: it holds none.
    """
    groups = text(claims, "groups")
    return Identity(
        userid=text(claims, "userid"),
        groups=tuple(groups.split(",")) if groups else (),
        subject=text(claims, "sub"),
        email=text(claims, "email"),
        name=text(claims, "name"),
        claim=text(claims, "claim"),
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


def text(claims: Claims, name: str) -> str:
    """Return a claim that is a text, empty for whatever else."""
    value = claims.get(name)
    return value if isinstance(value, str) else ""


def texts(claims: Claims, name: str) -> tuple[str, ...]:
    """Return a claim that is a list of texts or one text, empty for whatever else."""
    value = claims.get(name)
    if isinstance(value, str):
        return (value,) if value else ()
    if not isinstance(value, list):
        return ()
    return tuple(item for item in typing.cast("list[object]", value) if isinstance(item, str) and item)
