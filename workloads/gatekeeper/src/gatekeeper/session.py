# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Sessions: short claims signed with ES256 (RFC 7519, RFC 7518 section 3.4), verified with every key that is live."""

import collections
import dataclasses
import json
import secrets
import typing

import joserfc.errors
import joserfc.jwk
import joserfc.jwt

from gatekeeper import identity, sealed, settings

AUDIENCE = "kubeflow"
# A browser keeps 4096 bytes of a cookie; the rest of a request's headers needs room too.
LONGEST = 1500
_LONGEST_TOKEN = 8192
_ALGORITHM = "ES256"
_MOST_REVOKED = 100_000


class SessionError(Exception):
    """A session cannot be made."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Session:
    """A verified session."""

    identity: identity.Identity
    id: str
    expires: float


def header_of(token: str) -> dict[str, typing.Any] | None:
    """Return the header of a token in compact form, unverified, or None when it is no such token."""
    if len(token) > _LONGEST_TOKEN or token.count(".") != 2:
        return None
    try:
        header = json.loads(sealed.decode(token.split(".", 1)[0]))
    except (ValueError, RecursionError):
        return None
    return typing.cast("dict[str, typing.Any]", header) if isinstance(header, dict) else None


def claims_of(token: str) -> dict[str, typing.Any]:
    """Return the claims of a token, unverified; good for refusing cheaply, and for nothing else."""
    try:
        claims = json.loads(sealed.decode(token.split(".")[1]))
    except (ValueError, RecursionError):
        return {}
    return typing.cast("dict[str, typing.Any]", claims) if isinstance(claims, dict) else {}


def number(value: object) -> float | None:
    """Return a NumericDate (RFC 7519, section 2), or None when it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value < 1e11 else None


class Sessions:
    """Makes and verifies sessions, and remembers those that were ended early."""

    def __init__(self, config: settings.Settings) -> None:
        """Prepare every key once."""
        self._issuer = config.public_url
        self._lifetime = config.session_lifetime
        self._keys = {key.kid: joserfc.jwk.ECKey.import_key(key.pem, {"kid": key.kid}) for key in config.signing_keys}
        self._signing = config.signing_keys[0].kid
        self._revoked: collections.OrderedDict[str, float] = collections.OrderedDict()

    def mint(self, who: identity.Identity, now: float) -> tuple[str, Session]:
        """Return a new session and its token.

        Raises:
            SessionError: it does not fit into a cookie.
        """
        expires = int(now) + self._lifetime
        claims: dict[str, typing.Any] = {
            "iss": self._issuer,
            "aud": AUDIENCE,
            "sub": who.subject,
            "userid": who.user,
            "groups": list(who.groups),
            "iat": int(now),
            "exp": expires,
            "jti": secrets.token_urlsafe(16),
        }
        claims |= {key: text for key, text in (("email", who.email), ("name", who.name)) if text}
        header = {"alg": _ALGORITHM, "kid": self._signing, "typ": "JWT"}
        token = joserfc.jwt.encode(header, claims, self._keys[self._signing])
        if len(token) > LONGEST:
            raise SessionError(
                f"the session of {who.user} would have {len(token)} bytes, {LONGEST} fit into a cookie: "
                f"{len(who.groups)} groups are too many"
            )
        return token, Session(identity=who, id=claims["jti"], expires=expires)

    def knows(self, header: dict[str, typing.Any]) -> bool:
        """Return whether a token's header names one of our keys."""
        kid = header.get("kid")
        return isinstance(kid, str) and kid in self._keys

    def verify(self, token: str, header: dict[str, typing.Any], now: float) -> Session | None:
        """Return the session in a token that we signed, if it is still one."""
        if header.get("alg") != _ALGORITHM or not self.knows(header):
            return None
        # Unverified, but an expired token is not worth a signature check whoever made it.
        expires = number(claims_of(token).get("exp"))
        if expires is None or expires <= now:
            return None
        try:
            claims = joserfc.jwt.decode(token, self._keys[header["kid"]], algorithms=[_ALGORITHM]).claims
        except (joserfc.errors.JoseError, ValueError, TypeError):
            return None
        return self._session(claims, now)

    def _session(self, claims: dict[str, typing.Any], now: float) -> Session | None:
        expires, identifier = number(claims.get("exp")), claims.get("jti")
        begins = number(claims.get("nbf", 0))
        if claims.get("iss") != self._issuer or claims.get("aud") != AUDIENCE:
            return None
        if expires is None or expires <= now or begins is None or begins > now or not isinstance(identifier, str):
            return None
        if identifier in self._revoked:
            return None
        try:
            who = identity.of(claims, userid_claim="userid")
        except identity.IdentityError:
            return None
        return Session(identity=who, id=identifier, expires=expires)

    def revoke(self, session: Session) -> None:
        """End a session before its time; it is remembered until it would have ended anyway."""
        self._revoked[session.id] = session.expires
        while len(self._revoked) > _MOST_REVOKED:
            self._revoked.popitem(last=False)

    def revoked(self, identifier: str) -> bool:
        """Return whether a session was ended early."""
        return identifier in self._revoked

    def jwks(self) -> dict[str, typing.Any]:
        """Return the public keys (RFC 7517, section 5)."""
        keys = [{**key.as_dict(private=False), "use": "sig", "alg": _ALGORITHM} for key in self._keys.values()]
        return {"keys": keys}
