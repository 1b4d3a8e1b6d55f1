# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""ID tokens of the provider: verified with its published keys, for this client and nobody else."""

import collections.abc
import dataclasses
import hmac
import typing

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc import errors, jwk

from gatekeeper import guard, identity, policy, settings, tokens

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
    """Verifies ID tokens; an authenticator."""

    options: settings.Settings
    source: KeySource
    policy: policy.Policy

    def verify(self, raw: bytes, now: float) -> guard.Proof | None:
        """Return what an ID token proves, or None while its key may still be learnt.

        Raises:
            tokens.RefusedError: it proves nothing here.
        """
        token = tokens.parse(raw, longest=LONGEST)
        # The claims are not proven yet: enough to refuse, so that no forged token costs a request to the provider.
        self._check(token.claims, now)
        key = known_key(token, self.source, now)
        if key is None:
            return None
        claims, end = self.proven(token, key, now)
        try:
            person = self.policy.identify(claims)
        except identity.IdentityError as error:
            raise tokens.RefusedError(error.reason) from None
        return guard.Proof(identity=person, expires=end)

    def redeem(self, raw: str, nonce: str, now: float) -> tokens.Claims | None:
        """Return the claims of the ID token that ends a login, or None while its key is not known.

        Raises:
            tokens.RefusedError: it is not the answer to this login.
        """
        token = tokens.parse(raw.encode("utf-8", "replace"), longest=LONGEST)
        key = (self.source.keys or {}).get(token.kid)
        if key is None:
            return None
        claims, _ = self.proven(token, key, now)
        given = claims.get("nonce")
        if not isinstance(given, str) or not hmac.compare_digest(given.encode(), nonce.encode()):
            raise tokens.RefusedError("token_nonce")
        return claims

    def proven(self, token: tokens.Unverified, key: tokens.Key, now: float) -> tuple[tokens.Claims, float]:
        """Return a token's claims and its end, proven by a key.

        Raises:
            tokens.RefusedError: they are not the provider's words for this client.
        """
        claims = tokens.verify(token, key, algorithm(key))
        return claims, self._check(claims, now)

    def _check(self, claims: tokens.Claims, now: float) -> float:
        client = self.options.client_id
        end = tokens.check(claims, issuer=self.options.issuer, audiences=(client,), now=now)
        party, audience = claims.get("azp"), claims.get("aud")
        several = isinstance(audience, list) and len(typing.cast("list[object]", audience)) > 1
        if (party is not None or several) and party != client:
            raise tokens.RefusedError("token_party")
        return end


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
