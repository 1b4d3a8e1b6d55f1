# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Tokens of Kubernetes service accounts: the API server is asked about them (TokenReview)."""

import json
import logging
import pathlib
import ssl
import typing

import httpx
import pydantic

from gatekeeper import fetch, guard, identity, policy, settings, tokens

logger = logging.getLogger(__name__)

_PATH = "/apis/authentication.k8s.io/v1/tokenreviews"
_LONGEST = 16_384
_LONGEST_ANSWER = 1 << 20
_SECONDS = 5.0


class _User(pydantic.BaseModel):
    # The API server describes nobody by an empty user.
    username: str = ""
    groups: tuple[str, ...] = ()


class _Status(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(strict=True)

    authenticated: bool = False
    user: _User | None = None
    audiences: tuple[str, ...] = ()


class _Review(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(hide_input_in_errors=True)

    status: _Status


class Reviews:
    """Asks the API server about tokens."""

    def __init__(self, place: settings.Kubernetes, rules: policy.Policy) -> None:
        self._place = place
        self._policy = rules
        self._client: httpx.AsyncClient | None = None
        self._trouble = ""

    @property
    def trouble(self) -> str:
        """Return why the API server cannot be asked, empty while it can or nobody tried."""
        return self._trouble

    def check(self, raw: bytes, now: float) -> None:
        """Refuse what cannot be a token for one of our audiences, before anybody is asked.

        Raises:
            tokens.RefusedError: it cannot.
        """
        claims = tokens.parse(raw, longest=_LONGEST).claims
        audience = claims.get("aud")
        several = typing.cast("list[object]", audience) if isinstance(audience, list) else [audience]
        if not any(name in self._place.audiences for name in several):
            raise tokens.RefusedError("token_issuer")
        self._end(claims, now)

    async def ask(self, raw: bytes, now: float) -> guard.Proof:
        """Return what the API server says about a token.

        Raises:
            tokens.RefusedError: it is not good, or not for us.
        """
        status = await self._review(raw.decode("ascii"))
        if not status.authenticated or status.user is None:
            raise tokens.RefusedError("token_unknown")
        # An API server that knows nothing of audiences names none: its tokens are for itself.
        if not set(status.audiences) & set(self._place.audiences):
            raise tokens.RefusedError("token_audience")
        try:
            person = identity.Identity(userid=status.user.username, groups=status.user.groups)
            proven = self._policy.again(person)
        except identity.IdentityError as error:
            raise tokens.RefusedError(error.reason) from None
        return guard.Proof(identity=proven, expires=self._end(tokens.parse(raw, longest=_LONGEST).claims, now))

    async def _review(self, token: str) -> _Status:
        spec = {"token": token, "audiences": list(self._place.audiences)}
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec}
        try:
            # Read each time: Kubernetes renews the file.
            own = pathlib.Path(self._place.token_file).read_text(encoding="ascii").strip()
            given = await fetch.fetch(
                self._connected(), "POST", self._place.url.rstrip("/") + _PATH, seconds=_SECONDS,
                longest=_LONGEST_ANSWER, headers={"authorization": f"Bearer {own}", "content-type": "application/json"},
                content=json.dumps(body).encode(),
            )  # fmt: skip
        except (OSError, *fetch.FAILURES) as error:
            raise self._away(type(error).__name__) from None
        if given.status in (401, 403):
            raise self._away(f"not allowed to review tokens ({given.status})")
        if given.status not in (200, 201):
            raise self._away(f"answers {given.status}")
        try:
            review = _Review.model_validate_json(given.body)
        except pydantic.ValidationError:
            raise self._away("its answer is no TokenReview") from None
        self._trouble = ""
        return review.status

    def _connected(self) -> httpx.AsyncClient:
        if self._client is None:
            verify = ssl.create_default_context(cafile=self._place.ca_file)
            self._client = httpx.AsyncClient(follow_redirects=False, trust_env=False, verify=verify)
        return self._client

    def _away(self, why: str) -> tokens.RefusedError:
        if self._trouble != why:
            logger.warning("kubernetes: %s", why, extra={"fields": {"reason": "kubernetes_unreachable"}})
        self._trouble = why
        return tokens.RefusedError("kubernetes_unreachable", lasting=False)

    def _end(self, claims: tokens.Claims, now: float) -> float:
        end = claims.get("exp")
        if isinstance(end, bool) or not isinstance(end, int) or end > 2**40:
            raise tokens.RefusedError("token_without_end")
        if end <= now:
            raise tokens.RefusedError("token_expired")
        return float(end)
