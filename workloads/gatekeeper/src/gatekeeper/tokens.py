# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Signed tokens (JWS, compact): taken apart, verified with a known key, and their standing claims compared."""

import base64
import binascii
import collections.abc
import dataclasses
import json
import math
import typing

from joserfc import errors, jwk, jws

# How far the clocks of two machines may differ before a token comes from the future.
_SKEW = 60

Key = jwk.ECKey | jwk.RSAKey
Claims = collections.abc.Mapping[str, object]


class RefusedError(Exception):
    """A token is refused; `reason` is a code.

    Attributes:
        lasting: false if the same token could be accepted later.
    """

    def __init__(self, reason: str, *, lasting: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.lasting = lasting


@dataclasses.dataclass(frozen=True, kw_only=True)
class Unverified:
    """What a token claims to be, before anything about it is proven."""

    raw: bytes
    algorithm: str
    kid: str
    type: str
    claims: Claims


def parse(raw: bytes, *, longest: int) -> Unverified:
    """Take a token apart, and believe nothing of it.

    Raises:
        RefusedError: it is none, or wants to be verified in a way that is not offered.
    """
    if len(raw) > longest:
        raise RefusedError("token_too_long")
    parts = raw.split(b".")
    if len(parts) != 3 or not all(parts):
        raise RefusedError("token_malformed")
    header, claims = _segment(parts[0]), _segment(parts[1])
    if "crit" in header or "b64" in header:
        raise RefusedError("token_extension")
    algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ", "")
    if not isinstance(algorithm, str) or not isinstance(kid, str) or not isinstance(kind, str):
        raise RefusedError("token_header")
    return Unverified(raw=raw, algorithm=algorithm, kid=kid, type=kind, claims=claims)


def verify(token: Unverified, key: Key, algorithm: str) -> Claims:
    """Return the claims, proven by the key to be its owner's words. Keys inside the token are never looked at.

    Raises:
        RefusedError: the signature is not this key's.
    """
    if token.algorithm != algorithm:
        raise RefusedError("token_algorithm")
    registry = jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    try:
        payload = jws.deserialize_compact(token.raw, key, registry=registry).payload
    except (errors.JoseError, ValueError):
        raise RefusedError("token_signature") from None
    return _object(payload)


def check(claims: Claims, *, issuer: str, audiences: collections.abc.Collection[str], now: float) -> float:
    """Compare the standing claims, and return when the token ends.

    Args:
        claims: what the token says.
        issuer: who must have made it.
        audiences: for one of these it must be.
        now: the time, in seconds since the epoch.

    Raises:
        RefusedError: it is for somebody else, or not for now.
    """
    if claims.get("iss") != issuer:
        raise RefusedError("token_issuer")
    given = claims.get("aud")
    several = typing.cast("list[object]", given) if isinstance(given, list) else [given]
    if not any(audience in several for audience in audiences):
        raise RefusedError("token_audience")
    end, begins = moment(claims, "exp"), (moment(claims, "iat"), moment(claims, "nbf"))
    if end is None:
        raise RefusedError("token_without_end")
    if end <= now:
        raise RefusedError("token_expired")
    if any(begin is not None and begin > now + _SKEW for begin in begins):
        raise RefusedError("token_not_yet_valid", lasting=False)
    return end


def moment(claims: Claims, name: str) -> float | None:
    """Return a time that a token names, in seconds since the epoch, or None if it does not.

    Raises:
        RefusedError: it is no time.
    """
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RefusedError("token_times")
    try:
        seconds = float(value)
    except OverflowError:
        raise RefusedError("token_times") from None
    if not math.isfinite(seconds):
        raise RefusedError("token_times")
    return seconds


def _segment(text: bytes) -> dict[str, object]:
    try:
        data = base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        raise RefusedError("token_malformed") from None
    return _object(data)


def _object(data: bytes) -> dict[str, object]:
    try:
        content: object = json.loads(data, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise RefusedError("token_malformed") from None
    if not isinstance(content, dict):
        raise RefusedError("token_malformed")
    return typing.cast("dict[str, object]", content)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Refuse a name that stands there twice (RFC 7519, section 4): others would read the other one."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands there twice")
    return found
