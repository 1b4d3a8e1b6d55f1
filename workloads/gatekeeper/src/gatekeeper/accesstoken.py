# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Opaque access tokens of the provider: introspected where it offers that (RFC 7662), else shown to its userinfo."""

import re
import typing

from gatekeeper import backchannel, guard, identity, policy, provider, settings, tokens

_OPAQUE = re.compile(rb"[A-Za-z0-9~+/_-]{16,2048}=*")
_OURS = b"kfa_"


class AccessTokens:
    """Asks the provider about access tokens."""

    def __init__(self, options: settings.Settings, source: provider.Provider, rules: policy.Policy) -> None:
        self._client_id = options.client_id
        self._provider = source
        self._policy = rules

    def check(self, raw: bytes, now: float) -> None:
        """Refuse what is no opaque token, and our own API tokens.

        Raises:
            tokens.RefusedError: it is none.
        """
        if raw.startswith(_OURS) or not _OPAQUE.fullmatch(raw):
            raise tokens.RefusedError("token_malformed")

    async def ask(self, raw: bytes, now: float) -> guard.Proof:
        """Return what the provider says about a token.

        Raises:
            tokens.RefusedError: it is not good, or was issued for another client.
        """
        token = raw.decode("ascii")
        try:
            introspected = await self._provider.introspect(token)
            claims = await self._provider.userinfo(token) if introspected is None else introspected
        except backchannel.ProviderError as error:
            raise tokens.RefusedError(error.reason, lasting=error.reason == "token_unknown") from None
        end = now + 3600
        if introspected is not None:
            end = self._introspected(introspected, now)
            if not identity.text(claims, "email"):
                claims = {**claims, **await self._details(token)}
        try:
            return guard.Proof(identity=self._policy.identify(claims), expires=end)
        except identity.IdentityError as error:
            raise tokens.RefusedError(error.reason) from None

    async def _details(self, token: str) -> tokens.Claims:
        try:
            return await self._provider.userinfo(token)
        except backchannel.ProviderError:
            return {}

    def _introspected(self, claims: tokens.Claims, now: float) -> float:
        if claims.get("active") is not True:
            raise tokens.RefusedError("token_unknown")
        audience = claims.get("aud")
        several = typing.cast("list[object]", audience) if isinstance(audience, list) else [audience]
        if claims.get("client_id") != self._client_id and self._client_id not in several:
            raise tokens.RefusedError("token_audience")
        end = claims.get("exp")
        if isinstance(end, bool) or not isinstance(end, int | float):
            return now + 3600
        if end <= now:
            raise tokens.RefusedError("token_expired")
        return float(end)
