# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Whose sessions an operator has ended: kept in the peer databag, so that no restart of any pod forgets it. Pure."""

import collections.abc
import dataclasses
import json

import config

KEY = "revoked"
# As long as the longest refresh token and session together.
_KEPT = 2 * config.LONGEST + 24 * 3600
_MOST = 1000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Revoked:
    """What a person began before a moment.

    Attributes:
        user: the user id.
        before: the moment, in seconds since the epoch.
    """

    user: str
    before: int


def read(bag: collections.abc.Mapping[str, str]) -> tuple[Revoked, ...]:
    """Return what stands in the peer databag, oldest first."""
    return tuple(Revoked(user=user, before=before) for user, before in json.loads(bag.get(KEY, "[]")))


def write(known: collections.abc.Iterable[Revoked]) -> dict[str, str]:
    """Return the databag entry."""
    return {KEY: json.dumps([[one.user, one.before] for one in known])}


def add(known: collections.abc.Iterable[Revoked], user: str, now: int) -> tuple[Revoked, ...]:
    """Return what is known and what ends now, without what can concern no session any more."""
    kept = [one for one in known if one.before + _KEPT > now and one.user != user]
    return (*kept, Revoked(user=user, before=now))[-_MOST:]


def records(known: collections.abc.Iterable[Revoked]) -> list[dict[str, object]]:
    """Return them as the service reads them."""
    return [{"kind": "user", "id": one.user, "before": one.before, "expires": one.before + _KEPT} for one in known]
