# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""ID tokens of the provider: verified with its published keys, for this client and that of its programs."""

import collections.abc
import dataclasses
import hmac
import typing

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc import errors, jwk

from gatekeeper import guard, identity, policy, revocation, settings, tokens

LONGEST = 16_384
_RSA_BITS = 2048

Keys = collections.abc.Mapping[str, tokens.Key]


class KeySource(typing.Protocol):
    """Knows the provider's keys, and whether asking it could bring more."""

    @property
    def keys(self) -> Keys | None:
        """Return the keys by their id, or None before they were ever read."""
        ...

    def may_learn(self, now: float) -> bool:
        """Return whether it is worth waiting for a key that is not known."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class IdTokens:
    """Verifies ID tokens; an authenticator.

    Attributes:
        ledger: knows whose sessions were ended: what the provider issued before proves them no longer.
    """

    options: settings.Settings
    source: KeySource
    policy: policy.Policy
    ledger: revocation.Ledger

    def verify(self, raw: bytes, now: float) -> guard.Proof | None:
        """Return what an ID token proves, or None while its key may still be learnt.

        Raises:
            tokens.RefusedError: it proves nothing here.
        """
        token = tokens.parse(raw, longest=LONGEST)
        # The claims are not proven yet: enough to refuse, so that no forged token costs a request to the provider.
        # What programs got through the device flow (RFC 8628) is for a client of their own.
        clients = tuple(filter(None, (self.options.client_id, self.options.device_client_id)))
        self._check(token.claims, clients, now)
        key = known_key(token, self.source, now)
        if key is None:
            return None
        claims = tokens.verify(token, key, algorithm(key))
        end = self._check(claims, clients, now)
        return prove(claims, end, self.policy, self.ledger)

    def redeem(self, raw: str, nonce: str, now: float) -> tokens.Claims | None:
        """Return the claims of the ID token that ends a login, or None while its key is not known.

        Raises:
            tokens.RefusedError: it is not the answer to this login.
        """
        token = tokens.parse(raw.encode("utf-8", "replace"), longest=LONGEST)
        key = (self.source.keys or {}).get(token.kid)
        if key is None:
            return None
        claims = tokens.verify(token, key, algorithm(key))
        self._check(claims, (self.options.client_id,), now)
        given = claims.get("nonce")
        if not isinstance(given, str) or not hmac.compare_digest(given.encode(), nonce.encode()):
            raise tokens.RefusedError("token_nonce")
        return claims

    def _check(self, claims: tokens.Claims, clients: tuple[str, ...], now: float) -> float:
        end = tokens.check(claims, issuer=self.options.issuer, audiences=clients, now=now)
        party, audience = claims.get("azp"), claims.get("aud")
        several = isinstance(audience, list) and len(typing.cast("list[object]", audience)) > 1
        if (party is not None or several) and party not in clients:
            raise tokens.RefusedError("token_party")
        return end


def prove(claims: tokens.Claims, end: float, rules: policy.Policy, ledger: revocation.Ledger) -> guard.Proof:
    """Return what the provider's verified claims prove.

    Args:
        claims: what it says.
        end: until when it says so, in seconds since the epoch.
        rules: who that is here.
        ledger: whether all that the person began before has been ended.

    Raises:
        tokens.RefusedError: it is nobody who may come in.
    """
    try:
        person = rules.identify(claims)
    except identity.IdentityError as error:
        raise tokens.RefusedError(error.reason) from None
    began = tokens.moment(claims, "iat") or 0.0
    if ledger.covers(session="", userid=person.userid, began=began):
        raise tokens.RefusedError("token_revoked")
    return guard.Proof(identity=person, expires=end, began=began)


def known_key(token: tokens.Unverified, source: KeySource, now: float) -> tokens.Key | None:
    """Return the provider's key that a token names, or None while it may still be learnt.

    Raises:
        tokens.RefusedError: there is no such key, as far as can be known now.
    """
    key = (source.keys or {}).get(token.kid)
    if key is None and not source.may_learn(now):
        reason = "provider_unreachable" if source.keys is None else "token_unknown_key"
        raise tokens.RefusedError(reason, lasting=False)
    return key


def read_keys(document: object) -> dict[str, tokens.Key]:
    """Return the keys of a JSON Web Key Set that may sign ID tokens; what is none of these is passed over."""
    found: dict[str, tokens.Key] = {}
    entries = typing.cast("dict[str, object]", document).get("keys") if isinstance(document, dict) else None
    for entry in typing.cast("list[object]", entries) if isinstance(entries, list) else []:
        key = _read(entry)
        if key is not None and key.kid:
            found[key.kid] = key
    return found


def algorithm(key: tokens.Key) -> str:
    """Return the one algorithm that a key is used with."""
    return "ES256" if isinstance(key, jwk.ECKey) else "RS256"


def _read(entry: object) -> tokens.Key | None:
    if not isinstance(entry, dict):
        return None
    words = typing.cast("dict[str, str | list[str]]", entry)
    if words.get("kty") not in ("RSA", "EC") or words.get("use", "sig") != "sig":
        return None
    try:
        key = jwk.import_key(words)
        public = key.public_key
    except (errors.JoseError, ValueError, TypeError, KeyError):
        return None
    if isinstance(key, jwk.ECKey) and isinstance(public, ec.EllipticCurvePublicKey):
        fit = isinstance(public.curve, ec.SECP256R1)
    elif isinstance(key, jwk.RSAKey) and isinstance(public, rsa.RSAPublicKey):
        fit = public.key_size >= _RSA_BITS
    else:
        return None
    return key if fit and words.get("alg", algorithm(key)) == algorithm(key) else None
