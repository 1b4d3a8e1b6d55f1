# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What has been taken back: sessions one by one, and everything that a person began before a moment."""

import collections.abc
import dataclasses
import typing

# Far more than there are sessions; whoever is beyond it is refused for a while longer than need be, never let in.
_MOST = 200_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Record:
    """One thing taken back. Records are never changed, so that copies of them can be merged in any order.

    Attributes:
        kind: `session` or `user`.
        id: the id of the session, or the user id.
        before: of a user: what began at this moment or earlier is refused.
        expires: when everything it could concern has ended by itself.
    """

    kind: typing.Literal["session", "user"]
    id: str
    before: int = 0
    expires: int

    @property
    def key(self) -> tuple[str, str, int]:
        """Return what makes two records the same."""
        return self.kind, self.id, self.before


class Ledger:
    """All that this process knows to be taken back.

    Attributes:
        on_change: called with the ids of sessions and of users that new records concern.
    """

    def __init__(self) -> None:
        self._records: dict[tuple[str, str, int], Record] = {}
        self._users: dict[str, int] = {}
        self.on_change: list[collections.abc.Callable[[frozenset[str], frozenset[str]], None]] = []

    def add(self, records: collections.abc.Iterable[Record], now: float) -> list[Record]:
        """Take in records, and return those that were news."""
        news: list[Record] = []
        for record in records:
            if record.expires > now and record.key not in self._records:
                self._records[record.key] = record
                news.append(record)
                if record.kind == "user":
                    self._users[record.id] = max(record.before, self._users.get(record.id, 0))
        if len(self._records) > _MOST:
            self.prune(now)
        if news:
            sessions = frozenset(record.id for record in news if record.kind == "session")
            users = frozenset(record.id for record in news if record.kind == "user")
            for tell in self.on_change:
                tell(sessions, users)
        return news

    def covers(self, *, session: str, userid: str, began: float) -> bool:
        """Return whether a session has been taken back."""
        return ("session", session, 0) in self._records or began <= self._users.get(userid, -1)

    def prune(self, now: float) -> None:
        """Forget what can concern nothing any more."""
        for key in [key for key, record in self._records.items() if record.expires <= now]:
            del self._records[key]
        self._users = {}
        for record in self._records.values():
            if record.kind == "user":
                self._users[record.id] = max(record.before, self._users.get(record.id, 0))

    @property
    def records(self) -> list[Record]:
        """Return everything, oldest news first."""
        return list(self._records.values())
