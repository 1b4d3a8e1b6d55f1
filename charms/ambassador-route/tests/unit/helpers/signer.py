# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""A gatekeeper's key and the sessions that it signs, for gateways that verify them."""

import json
import time

import model
from joserfc import jwk, jwt

ISSUER = "http://gateway.test"


class Signer:
    """A gatekeeper's key."""

    def __init__(self) -> None:
        self.key = jwk.ECKey.generate_key("P-256", {"kid": "one", "use": "sig", "alg": "ES256"})
        self.fast = model.Fast(jwks=json.dumps({"keys": [self.key.as_dict(private=False)]}), issuer=ISSUER)

    def token(self, *, header: dict[str, object] | None = None, **changes: object) -> str:
        """Return a session; claims that are None are not there."""
        now = int(time.time())
        claims = {
            "iss": ISSUER, "aud": "kubeflow", "sub": "1", "userid": "anna@example.com", "groups": "a,d",
            "iat": now, "exp": now + 900, "auth_time": now, "sid": "id",
        }  # fmt: skip
        claims = {name: value for name, value in {**claims, **changes}.items() if value is not None}
        return jwt.encode({"alg": "ES256", "kid": "one", "typ": "JWT", **(header or {})}, claims, self.key)


def cookie(token: str) -> tuple[str, str]:
    """Return the header in which a browser sends a session."""
    return ("Cookie", f"a=1; authservice_session={token}")
