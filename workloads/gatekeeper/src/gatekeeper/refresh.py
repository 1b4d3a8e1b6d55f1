# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Refresh tokens: sealed, kept by the browser only, and worth a new session until they end or are taken back."""

import json
import typing

from gatekeeper import guard, identity, policy, revocation, sealed, session, settings, tokens

_PURPOSE = b"refresh token"


class Refreshes:
    """Issues and opens refresh tokens; an authenticator.

    They are sealed and not signed: no gateway that verifies sessions by itself can take one for a session, and nobody
    but the gatekeeper reads them. They end by themselves when they have not been used for a while, and at the latest
    when the login is old.
    """

    def __init__(
        self, options: settings.Settings, sealer: sealed.Sealer, ledger: revocation.Ledger, rules: policy.Policy
    ) -> None:
        self._options = options
        self._policy = rules
        self._sealer = sealer
        self._ledger = ledger

    def issue(self, person: identity.Identity, began: session.Began, now: float) -> str:
        """Return a refresh token of a session.

        Raises:
            session.SessionTooLargeError: it would be too long for a cookie.
        """
        claims = {**identity.to_session(person), "claim": person.claim}
        content = [began.session, int(began.at), int(now), claims]
        token = self._sealer.seal(json.dumps(content, separators=(",", ":")).encode(), purpose=_PURPOSE)
        if len(self._options.refresh_cookie) + 1 + len(token) > session.LONGEST_COOKIE:
            raise session.SessionTooLargeError
        return token

    def verify(self, raw: bytes, now: float) -> guard.Proof:
        """Return what a refresh token proves.

        Raises:
            tokens.RefusedError: it is none of ours, or ended, or taken back.
        """
        opened = self._sealer.open(raw, purpose=_PURPOSE) if len(raw) <= session.LONGEST_COOKIE else None
        if opened is None:
            raise tokens.RefusedError("refresh_unknown")
        name, at, issued, claims = typing.cast("tuple[str, int, int, identity.Claims]", json.loads(opened))
        end = min(issued + self._options.refresh_idle_lifetime, at + self._options.refresh_lifetime)
        if end <= now:
            raise tokens.RefusedError("refresh_expired")
        try:
            person = self._policy.again(identity.from_session(claims))
        except identity.IdentityError as error:
            raise tokens.RefusedError(error.reason) from None
        if self._ledger.covers(session=name, userid=person.userid, began=at):
            raise tokens.RefusedError("session_revoked")
        return guard.Proof(identity=person, expires=end, session=name, began=at, issued=issued)
