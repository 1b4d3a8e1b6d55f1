# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The OpenID Connect provider: what it says of itself and of tokens, its keys, and the exchange of codes."""

import asyncio
import collections.abc
import logging
import time

import httpx
import pydantic

from gatekeeper import backchannel, device, fetch, idtoken, metrics, settings, tokens

logger = logging.getLogger(__name__)

_FIRST_RETRY = 0.2
_SLOWEST_RETRY = 5.0
_REFRESH = 300.0
# How often requests with an unknown key may make us ask again.
_LEARN_AGAIN = 5.0
# How often a waiting person's request may.
_TRY_AGAIN = 1.0
# Pauses between the attempts to exchange a code while the provider starts, in seconds.
_STARTING = (0.1, 0.2, 0.4, 0.8, 1.6)


class _Discovery(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True)

    issuer: str
    authorization_endpoint: str = pydantic.Field(pattern=r"^https?://[\x21-\x7e]+$")
    token_endpoint: str = pydantic.Field(pattern=r"^https?://[\x21-\x7e]+$")
    jwks_uri: str = pydantic.Field(pattern=r"^https?://[\x21-\x7e]+$")
    introspection_endpoint: str | None = pydantic.Field(default=None, pattern=r"^https?://[\x21-\x7e]+$")
    userinfo_endpoint: str | None = pydantic.Field(default=None, pattern=r"^https?://[\x21-\x7e]+$")
    device_authorization_endpoint: str | None = pydantic.Field(default=None, pattern=r"^https?://[\x21-\x7e]+$")
    end_session_endpoint: str | None = pydantic.Field(default=None, pattern=r"^https?://[\x21-\x7e]+$")
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class _Tokens(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, hide_input_in_errors=True)

    id_token: str


class Provider:
    """What is known about the provider, kept fresh in the background; knows the keys of ID tokens."""

    def __init__(
        self,
        options: settings.Settings,
        *,
        counts: metrics.Metrics | None = None,
        clock: collections.abc.Callable[[], float] = time.time,
    ) -> None:
        self._options = options
        self._channel = backchannel.Channel(options, counts or metrics.Metrics())
        self._clock = clock
        self._discovery: _Discovery | None = None
        self._keys: idtoken.Keys | None = None
        self._asked = 0.0
        self._learning: asyncio.Task[None] | None = None
        self._trouble: backchannel.ProviderError | None = None
        self.on_lost_keys: list[collections.abc.Callable[[], None]] = []

    @property
    def keys(self) -> idtoken.Keys | None:
        """Return the provider's keys by their id, or None before they were ever read."""
        return self._keys

    @property
    def authorization_endpoint(self) -> str | None:
        """Return where browsers go to log in, or None before it is known."""
        return self._discovery.authorization_endpoint if self._discovery else None

    @property
    def end_session_endpoint(self) -> str | None:
        """Return where browsers go to end the provider's own session, if it offers that."""
        return self._discovery.end_session_endpoint if self._discovery else None

    @property
    def device_endpoints(self) -> device.Endpoints | None:
        """Return where devices without a browser ask, if the provider is known to offer that."""
        known = self._discovery
        if known is None or known.device_authorization_endpoint is None:
            return None
        return device.Endpoints(known.device_authorization_endpoint, known.token_endpoint)

    @property
    def trouble(self) -> str:
        """Return the code of what went wrong when the provider was last asked, empty if nothing did."""
        return self._trouble.reason if self._trouble else ""

    def may_learn(self, now: float) -> bool:
        """Return whether it is worth waiting for a key that is not known: asked seldom, or being asked right now."""
        return self._learning is not None or not self._asked <= now < self._asked + _LEARN_AGAIN

    async def run(self) -> None:
        """Learn about the provider again and again, for as long as the service runs."""
        retry = _FIRST_RETRY
        while True:
            await self.learn()
            await asyncio.sleep(retry if self._trouble else _REFRESH)
            retry = min(retry * 2, _SLOWEST_RETRY) if self._trouble else _FIRST_RETRY

    async def close(self) -> None:
        """End what is under way."""
        if self._learning is not None:
            self._learning.cancel()
        await self._channel.close()

    async def discovered(self) -> str | None:
        """Return where browsers go to log in; asks once more if that is not known and was not asked just now."""
        recently = self._asked <= self._clock() < self._asked + _TRY_AGAIN
        if self._discovery is None and (self._learning is not None or not recently):
            await self.learn()
        return self.authorization_endpoint

    async def learn(self) -> None:
        """Ask the provider for its endpoints and keys; everybody who waits shares one asking."""
        if self._learning is None:
            self._learning = asyncio.create_task(self._learn())
        await asyncio.shield(self._learning)

    async def exchange(self, code: str, verifier: str) -> str:
        """Return the ID token for an authorization code.

        Raises:
            ProviderError: the provider did not give one.
        """
        if self._discovery is None:
            raise backchannel.ProviderError("provider_unreachable", "not discovered yet")
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._options.callback_url,
            "code_verifier": verifier,
        }
        answer = await self._patiently(self._discovery.token_endpoint, form, self._discovery)
        if answer.status != 200:
            raise _exchange_error(answer)
        try:
            return _Tokens.model_validate_json(answer.body).id_token
        except pydantic.ValidationError:
            raise backchannel.ProviderError("provider_invalid", "the token answer holds no ID token") from None

    async def introspect(self, token: str) -> tokens.Claims | None:
        """Return what the provider says about an access token (RFC 7662), or None if it does not offer that.

        Raises:
            ProviderError: it does not answer.
        """
        if self._discovery is None or self._discovery.introspection_endpoint is None:
            return None
        form = {"token": token, "token_type_hint": "access_token"}
        answer = await self._post(self._discovery.introspection_endpoint, form, self._discovery)
        if answer.status != 200:
            raise backchannel.ProviderError("provider_error", f"the introspection endpoint answers {answer.status}")
        return _claims(answer)

    async def userinfo(self, token: str) -> tokens.Claims:
        """Return whom the provider's userinfo endpoint names for an access token.

        Raises:
            ProviderError: it does not know the token, or does not answer.
        """
        if self._discovery is None or self._discovery.userinfo_endpoint is None:
            raise backchannel.ProviderError("provider_unreachable", "no userinfo endpoint is known")
        headers = {"authorization": f"Bearer {token}"}
        answer = await self._channel.get(self._discovery.userinfo_endpoint, headers)
        if answer.status in (400, 401, 403):
            raise backchannel.ProviderError("token_unknown", "userinfo refuses the token")
        if answer.status != 200:
            raise backchannel.ProviderError("provider_error", f"the userinfo endpoint answers {answer.status}")
        return _claims(answer)

    async def _patiently(self, url: str, form: dict[str, str], discovery: _Discovery) -> fetch.Fetched:
        """Post, again if need be while nobody listens: nothing was sent then, so nothing happens twice."""
        for pause in _STARTING:
            try:
                return await self._post(url, form, discovery)
            except backchannel.ProviderError as error:
                if not isinstance(error.__cause__, httpx.ConnectError | httpx.RemoteProtocolError):
                    raise
            await asyncio.sleep(pause)
        return await self._post(url, form, discovery)

    async def _post(self, url: str, form: dict[str, str], discovery: _Discovery) -> fetch.Fetched:
        return await self._channel.post(url, form, discovery.token_endpoint_auth_methods_supported)

    async def _learn(self) -> None:
        before = self._trouble
        try:
            discovery = await self._discover()
            keys = await self._read_keys(discovery)
        except backchannel.ProviderError as error:
            self._trouble = error
            if before is None or str(before) != str(error):
                logger.warning("provider: %s", error, extra={"fields": {"reason": error.reason}})
        else:
            self._accept(discovery, keys)
        finally:
            self._asked, self._learning = self._clock(), None

    def _accept(self, discovery: _Discovery, keys: idtoken.Keys) -> None:
        if self._discovery is None or self._trouble is not None:
            logger.info("provider answers", extra={"fields": {"issuer": discovery.issuer, "keys": len(keys)}})
        lost = _thumbprints(self._keys or {}) - _thumbprints(keys)
        self._discovery, self._keys, self._trouble = discovery, keys, None
        if lost:
            for tell in self.on_lost_keys:
                tell()

    async def _discover(self) -> _Discovery:
        base = self._options.issuer.rstrip("/")
        content = await self._channel.document(f"{base}/.well-known/openid-configuration")
        try:
            discovery = _Discovery.model_validate_json(content)
        except pydantic.ValidationError as error:
            raise backchannel.ProviderError(
                "provider_invalid", f"discovery document: {error.error_count()} fields wrong"
            ) from None
        if discovery.issuer != self._options.issuer:
            detail = f"it calls itself {discovery.issuer!r}, configured is {self._options.issuer!r}"
            raise backchannel.ProviderError("provider_issuer", detail)
        return discovery

    async def _read_keys(self, discovery: _Discovery) -> idtoken.Keys:
        content = await self._channel.document(discovery.jwks_uri)
        try:
            document: object = pydantic.TypeAdapter(object).validate_json(content)
        except pydantic.ValidationError:
            raise backchannel.ProviderError("provider_invalid", "its keys are not JSON") from None
        keys = idtoken.read_keys(document)
        if not keys:
            raise backchannel.ProviderError("provider_invalid", "it publishes no key that can be used")
        return keys


def _thumbprints(keys: idtoken.Keys) -> set[tuple[str, str]]:
    return {(kid, key.thumbprint()) for kid, key in keys.items()}


def _claims(answer: fetch.Fetched) -> tokens.Claims:
    try:
        return pydantic.TypeAdapter(dict[str, object]).validate_json(answer.body)
    except pydantic.ValidationError:
        raise backchannel.ProviderError("provider_invalid", "the answer about a token is not JSON") from None


def _exchange_error(answer: fetch.Fetched) -> backchannel.ProviderError:
    try:
        code = pydantic.TypeAdapter(dict[str, object]).validate_json(answer.body).get("error")
    except pydantic.ValidationError:
        code = None
    detail = f"the token endpoint answers {answer.status} {str(code)[:100]!r}"
    if code == "invalid_grant":
        return backchannel.ProviderError("code_refused", detail)
    if code in ("invalid_client", "unauthorized_client"):
        return backchannel.ProviderError("client_refused", detail)
    return backchannel.ProviderError("provider_error", detail)
