# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Sessions: ES256 tokens of our own, signed by the first key of a ring, and revoked in this process by their id."""

import collections
import json
import uuid

from joserfc import jwk, jws

from gatekeeper import guard, identity, settings, tokens

ALGORITHM = "ES256"
TYPE = "JWT"
AUDIENCE = "kubeflow"
# A session cookie, name included, that every application behind the gateway can be expected to read.
LONGEST_COOKIE = 1500
_MOST_REVOKED = 100_000


class SessionTooLargeError(Exception):
    """The identity does not fit into a session cookie; most often it has too many groups."""


class Sessions:
    """Mints, verifies and revokes sessions; an authenticator."""

    def __init__(self, options: settings.Settings) -> None:
        self._options = options
        self._keys = {key.kid: _import(key) for key in options.signing_keys}
        self._signing_kid = options.signing_keys[0].kid
        self._revoked: collections.OrderedDict[str, float] = collections.OrderedDict()

    def mint(self, person: identity.Identity, now: float) -> str:
        """Return a new session.

        Raises:
            SessionTooLargeError: it would be too long for a cookie.
        """
        begins = int(now)
        claims = {
            "iss": self._options.public_url,
            "aud": AUDIENCE,
            **identity.to_session(person),
            "iat": begins,
            "exp": begins + self._options.session_lifetime,
            "jti": uuid.uuid4().hex,
        }
        header = {"alg": ALGORITHM, "kid": self._signing_kid, "typ": TYPE}
        payload = json.dumps(claims, separators=(",", ":"), ensure_ascii=False)
        token = jws.serialize_compact(header, payload, self._keys[self._signing_kid], [ALGORITHM])
        if len(self._options.session_cookie) + 1 + len(token) > LONGEST_COOKIE:
            raise SessionTooLargeError
        return token

    def verify(self, raw: bytes, now: float) -> guard.Proof:
        """Return what a session proves.

        Raises:
            tokens.RefusedError: it is none of ours, or ended, or revoked.
        """
        token = tokens.parse(raw, longest=LONGEST_COOKIE)
        key = self._keys.get(token.kid)
        if key is None or token.type != TYPE:
            raise tokens.RefusedError("token_unknown_key")
        claims = tokens.verify(token, key, ALGORITHM)
        end = tokens.check(claims, issuer=self._options.public_url, audience=AUDIENCE, now=now)
        session = claims.get("jti")
        if not isinstance(session, str) or not session:
            raise tokens.RefusedError("token_without_id")
        if session in self._revoked:
            raise tokens.RefusedError("session_revoked")
        try:
            person = identity.from_session(claims)
        except identity.IdentityError as error:
            raise tokens.RefusedError(error.reason) from None
        return guard.Proof(identity=person, expires=end, session=session)

    def revoke(self, proof: guard.Proof, now: float) -> None:
        """Refuse a session from now on, until it ends by itself."""
        while self._revoked and (len(self._revoked) >= _MOST_REVOKED or next(iter(self._revoked.values())) <= now):
            self._revoked.popitem(last=False)
        self._revoked[proof.session] = proof.expires

    @property
    def published(self) -> dict[str, object]:
        """Return the public keys as a JSON Web Key Set."""
        return {"keys": [key.as_dict(private=False) for key in self._keys.values()]}


def _import(key: settings.SigningKey) -> jwk.ECKey:
    parameters: jwk.KeyParameters = {"kid": key.kid, "use": "sig", "alg": ALGORITHM}
    return jwk.ECKey.import_key(key.pem.get_secret_value(), parameters)
