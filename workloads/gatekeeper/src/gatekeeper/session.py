# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Sessions: ES256 tokens of our own, signed by the first key of a ring and verified by any."""

import json
import typing
import uuid

from joserfc import jwk, jws

from gatekeeper import guard, identity, revocation, settings, tokens

ALGORITHM = "ES256"
TYPE = "JWT"
# A gateway may let in whoever holds a session of this audience, and copy user id and groups into headers as they are.
AUDIENCE = "kubeflow"
# About a session of this one it must ask: it would write the UTF-8 of the claims where applications expect Latin-1.
ASKED_AUDIENCE = "kubeflow-asked"
IDENTITY_TYPE = "identity+jwt"
IDENTITY_AUDIENCE = "kubeflow-identity"
# A session cookie, name included, that every application behind the gateway can be expected to read.
LONGEST_COOKIE = 1500
# A session is renewed when less than this part of its life is left.
_LAST_PART = 1 / 3


class SessionTooLargeError(Exception):
    """The identity does not fit into a session cookie; most often it has too many groups."""


class Began(typing.NamedTuple):
    """How a session began: its id, and when the person logged in. Renewals keep both."""

    session: str
    at: float


def begin(now: float) -> Began:
    """Return the beginning of a new session."""
    return Began(session=uuid.uuid4().hex, at=now)


class Sessions:
    """Mints and verifies sessions; an authenticator."""

    def __init__(self, options: settings.Settings, ledger: revocation.Ledger) -> None:
        self._options = options
        self._ledger = ledger
        self._keys = {key.kid: _import(key) for key in options.signing_keys}
        self._signing_kid = options.signing_keys[0].kid

    def mint(self, person: identity.Identity, now: float, *, began: Began | None = None) -> str:
        """Return a token of a session, of a new one unless it is told how it began.

        Raises:
            SessionTooLargeError: it would be too long for a cookie.
        """
        began, begins = began or begin(now), int(now)
        claims = {
            "iss": self._options.public_url,
            "aud": _audience(person),
            **identity.to_session(person),
            "iat": begins,
            "exp": begins + self._options.session_lifetime,
            "auth_time": int(began.at),
            "sid": began.session,
        }
        header = {"alg": ALGORITHM, "kid": self._signing_kid, "typ": TYPE}
        payload = json.dumps(claims, separators=(",", ":"), ensure_ascii=False)
        token = jws.serialize_compact(header, payload, self._keys[self._signing_kid], [ALGORITHM])
        if len(self._options.session_cookie) + 1 + len(token) > LONGEST_COOKIE:
            raise SessionTooLargeError
        return token

    def attest(self, proof: guard.Proof, now: float) -> str:
        """Return a signed statement of who somebody is, for applications that do not believe a plain header.

        It is no session: its type and audience are others.
        """
        begins = int(now)
        claims = {
            "iss": self._options.public_url,
            "aud": IDENTITY_AUDIENCE,
            **identity.to_session(proof.identity),
            "iat": begins,
            "exp": max(begins + 1, int(min(proof.expires, now + self._options.session_lifetime))),
        }
        header = {"alg": ALGORITHM, "kid": self._signing_kid, "typ": IDENTITY_TYPE}
        payload = json.dumps(claims, separators=(",", ":"), ensure_ascii=False)
        return jws.serialize_compact(header, payload, self._keys[self._signing_kid], [ALGORITHM])

    def verify(self, raw: bytes, now: float) -> guard.Proof:
        """Return what a session proves.

        Raises:
            tokens.RefusedError: it is none of ours, or ended, or taken back.
        """
        token = tokens.parse(raw, longest=LONGEST_COOKIE)
        key = self._keys.get(token.kid)
        if key is None or token.type != TYPE:
            raise tokens.RefusedError("token_unknown_key")
        # Not proven yet: enough to refuse, so that no old session costs a look at its signature.
        self._check(token.claims, now)
        claims = tokens.verify(token, key, ALGORITHM)
        end = self._check(claims, now)
        name, began = claims.get("sid"), claims.get("auth_time")
        if not isinstance(name, str) or not name or not isinstance(began, int):
            raise tokens.RefusedError("token_without_id")
        try:
            person = identity.from_session(claims)
        except identity.IdentityError as error:
            raise tokens.RefusedError(error.reason) from None
        if self._ledger.covers(session=name, userid=person.userid, began=began):
            raise tokens.RefusedError("session_revoked")
        fresh = end - self._options.session_lifetime * _LAST_PART
        return guard.Proof(identity=person, expires=end, session=name, began=began, fresh=fresh)

    def _check(self, claims: tokens.Claims, now: float) -> float:
        return tokens.check(claims, issuer=self._options.public_url, audiences=(AUDIENCE, ASKED_AUDIENCE), now=now)

    @property
    def published(self) -> dict[str, object]:
        """Return the public keys as a JSON Web Key Set."""
        return {"keys": [key.as_dict(private=False) for key in self._keys.values()]}


def _audience(person: identity.Identity) -> str:
    """Return for whom a session is: only what is printable ASCII is the same header whoever writes it."""
    text = person.userid + person.group_list
    return AUDIENCE if text.isascii() and text.isprintable() else ASKED_AUDIENCE


def _import(key: settings.SigningKey) -> jwk.ECKey:
    parameters: jwk.KeyParameters = {"kid": key.kid, "use": "sig", "alg": ALGORITHM}
    return jwk.ECKey.import_key(key.pem.get_secret_value(), parameters)
