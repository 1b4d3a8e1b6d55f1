# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""API tokens: for programs, with a name, a scope and an end; shown once, and kept as a hash only."""

import collections.abc
import dataclasses
import hashlib
import hmac
import re
import secrets

from gatekeeper import guard, head, identity, policy, revocation, skip, tokens

DAY = 86400
LONGEST_DAYS = 366
_TOKEN = re.compile(rb"kfa_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
_METHOD = re.compile(r"[A-Z]{3,10}")
_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+/?")
_MOST = 20


class ScopeError(ValueError):
    """A token cannot be as it was asked for; the text says what would be right."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wish:
    """What somebody wants a token to be.

    Attributes:
        name: what the person calls it.
        days: how long it lasts.
        paths: what it is good for, with everything below; empty for every path.
        methods: the HTTP methods it is good for; empty for every method.

    Raises:
        ScopeError: it cannot be so.
    """

    name: str
    days: int
    paths: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check every part."""
        if not self.name.strip() or not self.name.isprintable() or len(self.name) > 100:
            raise ScopeError("name: must be one line of at most 100 characters, such as nightly pipeline")
        if not 1 <= self.days <= LONGEST_DAYS:
            raise ScopeError(f"days: must be from 1 to {LONGEST_DAYS}, not {self.days}")
        for path in self.paths:
            if not _PATH.fullmatch(path) or any(re.fullmatch(r"\.+", part) for part in path.split("/")):
                raise ScopeError(
                    f"paths: {path[:100]!r} must be a path such as /pipeline, of letters, digits and - . _ ~"
                )
        for method in self.methods:
            if not _METHOD.fullmatch(method):
                raise ScopeError(f"methods: {method[:20]!r} must be an HTTP method such as GET")
        if len(self.paths) > _MOST or len(self.methods) > _MOST:
            raise ScopeError(f"paths: must be at most {_MOST}, and methods too")


def create(person: identity.Identity, wish: Wish, now: float) -> tuple[str, revocation.Record]:
    """Return a new token, to be shown once, and the record that is kept of it."""
    name, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
    token = revocation.Token(
        name=wish.name.strip(),
        digest=hashlib.sha256(secret.encode()).hexdigest(),
        userid=person.userid,
        email=person.email,
        groups=person.group_list,
        created=int(now),
        paths=wish.paths,
        methods=wish.methods,
    )
    record = revocation.Record(kind="token", id=name, expires=int(now) + wish.days * DAY, token=token)
    return f"kfa_{name}_{secret}", record


def revoke(record: revocation.Record) -> revocation.Record:
    """Return the record that takes a token back."""
    return revocation.Record(kind="session", id=session_id(record.id), expires=record.expires)


def session_id(token: str) -> str:
    """Return under which id a token is taken back: like a session, and never one."""
    return f"token:{token}"


def live(ledger: revocation.Ledger, now: float, *, userid: str = "") -> list[revocation.Record]:
    """Return the tokens that are good, of one person or of everybody."""
    return [
        record
        for record in ledger.tokens
        if record.token is not None
        and record.expires > now
        and userid in ("", record.token.userid)
        and not ledger.covers(session=session_id(record.id), userid=record.token.userid, began=record.token.created)
    ]


class Scope:
    """What a token is good for."""

    def __init__(self, paths: collections.abc.Sequence[str], methods: collections.abc.Sequence[str]) -> None:
        self._paths = skip.Skips(paths) if paths else None
        self._methods = frozenset(method.encode() for method in methods)

    def allows(self, request: head.Head) -> bool:
        """Return whether a request is within it."""
        return (not self._methods or request.method in self._methods) and (
            self._paths is None or self._paths.covers(request.path)
        )


class ApiTokens:
    """Verifies API tokens; an authenticator."""

    def __init__(
        self, ledger: revocation.Ledger, rules: policy.Policy, *, look: collections.abc.Callable[[], None]
    ) -> None:
        self._ledger = ledger
        self._look = look
        self._policy = rules

    def verify(self, raw: bytes, now: float) -> guard.Proof:
        """Return what a token proves.

        Raises:
            tokens.RefusedError: it is none of ours, or ended, or taken back.
        """
        found = _TOKEN.fullmatch(raw)
        if found is None:
            raise tokens.RefusedError("token_malformed")
        name = found[1].decode()
        if self._ledger.token(name) is None:
            # A command may have written it since the file was read last.
            self._look()
        record = self._ledger.token(name)
        if record is None or record.token is None:
            # Another unit may have made it just now.
            raise tokens.RefusedError("token_unknown", lasting=False)
        token = record.token
        if not hmac.compare_digest(hashlib.sha256(found[2]).hexdigest(), token.digest):
            raise tokens.RefusedError("token_unknown")
        if record.expires <= now:
            raise tokens.RefusedError("token_expired")
        name = session_id(record.id)
        if self._ledger.covers(session=name, userid=token.userid, began=token.created):
            raise tokens.RefusedError("token_revoked")
        groups = tuple(token.groups.split(",")) if token.groups else ()
        try:
            person = self._policy.again(identity.Identity(userid=token.userid, email=token.email, groups=groups))
        except identity.IdentityError as error:
            raise tokens.RefusedError(error.reason) from None
        scope = Scope(token.paths, token.methods) if token.paths or token.methods else None
        return guard.Proof(identity=person, expires=record.expires, session=name, began=token.created, scope=scope)
