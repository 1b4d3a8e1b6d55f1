# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What all units must know: what has been taken back, sessions or all of a person, and which API tokens there are."""

import collections.abc
import typing
import uuid

import pydantic

_Text = typing.Annotated[str, pydantic.StringConstraints(min_length=1, max_length=400)]
_Moment = typing.Annotated[int, pydantic.Field(ge=0, lt=2**40)]


class Token(pydantic.BaseModel):
    """An API token, without what would let anybody use it.

    Attributes:
        digest: SHA-256 of its secret part, in hex.
        groups: separated by commas.
        paths: what it is good for, everything when there are none.
        methods: the same of HTTP methods.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    name: _Text
    digest: typing.Annotated[str, pydantic.StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    userid: _Text
    email: typing.Annotated[str, pydantic.StringConstraints(max_length=400)] = ""
    groups: typing.Annotated[str, pydantic.StringConstraints(max_length=4000)] = ""
    created: _Moment
    paths: tuple[_Text, ...] = ()
    methods: tuple[_Text, ...] = ()


class Record(pydantic.BaseModel):
    """One thing that is known. Records are never changed, so that copies of them can be merged in any order.

    Attributes:
        kind: `session`, `user` or `token`.
        id: the id of the session or token, or the user id.
        before: of a user: what began at this moment or earlier is refused.
        expires: when everything it could concern has ended by itself.
        token: the token.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    kind: typing.Literal["session", "user", "token"]
    id: _Text
    before: _Moment = 0
    expires: _Moment
    token: Token | None = None

    @property
    def key(self) -> tuple[str, str, int]:
        """Return what makes two records the same."""
        return self.kind, self.id, self.before


class Page(typing.NamedTuple):
    """A part of a ledger, and how to ask for what follows it."""

    generation: str
    following: int
    records: list[Record]


class Ledger:
    """All that this process knows.

    Attributes:
        on_change: called with the ids of sessions and of users that new records concern.
    """

    def __init__(self) -> None:
        self._records: dict[tuple[str, str, int], Record] = {}
        self._users: dict[str, int] = {}
        self._log: list[Record] = []
        self._generation = uuid.uuid4().hex
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
        self._log += news
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
        kept = [record for record in self._log if record.expires > now]
        if len(kept) == len(self._log):
            return
        self._records = {record.key: record for record in kept}
        self._log, self._generation = kept, uuid.uuid4().hex
        self._users = {}
        for record in kept:
            if record.kind == "user":
                self._users[record.id] = max(record.before, self._users.get(record.id, 0))

    def page(self, generation: str, following: int, *, most: int) -> Page:
        """Return what follows a page that was read before; of another generation everything follows."""
        start = following if generation == self._generation and following >= 0 else 0
        records = self._log[start : start + most]
        return Page(generation=self._generation, following=start + len(records), records=records)

    def token(self, name: str) -> Record | None:
        """Return the API token of an id."""
        return self._records.get(("token", name, 0))

    @property
    def tokens(self) -> list[Record]:
        """Return every API token."""
        return [record for record in self._log if record.kind == "token"]

    @property
    def records(self) -> collections.abc.Sequence[Record]:
        """Return everything, oldest news first."""
        return self._log
