# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Access tokens of the provider that are JWTs (RFC 9068), for audiences that an operator has named."""

import dataclasses

from gatekeeper import guard, idtoken, policy, revocation, settings, tokens

# RFC 9068, section 2.1; not every provider says it.
_TYPES = frozenset({"at+jwt", "application/at+jwt", "jwt", ""})


@dataclasses.dataclass(frozen=True, kw_only=True)
class AccessJwts:
    """Verifies them with the provider's published keys; an authenticator."""

    options: settings.Settings
    source: idtoken.KeySource
    policy: policy.Policy
    ledger: revocation.Ledger

    def verify(self, raw: bytes, now: float) -> guard.Proof | None:
        """Return what an access token proves, or None while its key may still be learnt.

        Raises:
            tokens.RefusedError: it proves nothing here.
        """
        token = tokens.parse(raw, longest=idtoken.LONGEST)
        if token.type.lower() not in _TYPES:
            raise tokens.RefusedError("token_type")
        # Not proven yet: enough to refuse, so that no forged token costs a request to the provider.
        self._check(token.claims, now)
        key = idtoken.known_key(token, self.source, now)
        if key is None:
            return None
        claims = tokens.verify(token, key, idtoken.algorithm(key))
        end = self._check(claims, now)
        return idtoken.prove(claims, end, self.policy, self.ledger)

    def _check(self, claims: tokens.Claims, now: float) -> float:
        audiences = self.options.access_token_audiences
        return tokens.check(claims, issuer=self.options.issuer, audiences=audiences, now=now)
