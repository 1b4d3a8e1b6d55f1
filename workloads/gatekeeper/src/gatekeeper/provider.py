# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The OpenID Connect provider: its metadata, keys, code exchange and ID tokens.

Browsers know it by its issuer URL; this service speaks to it over the back channel. It may be down at any time: then
the reason is known here, and it is tried again in the background.
"""

import asyncio
import logging
import time
import typing

import httpx
import joserfc.errors
import joserfc.jwk
import joserfc.jwt

from gatekeeper import session, settings

logger = logging.getLogger(__name__)

Claims = dict[str, typing.Any]
_ALGORITHMS = ("RS256", "ES256")
_RETRY = (0.2, 5.0)
_REFRESH = 600.0
# Forged tokens with unknown key ids must not become a stream of requests to the provider.
_KEYS_AT_MOST_EVERY = 1.0
# Clocks of provider and service differ a little.
_SKEW = 5.0


class ProviderError(Exception):
    """The provider is not there, or answered what it must not; the text can be shown to a person."""


class TokenError(Exception):
    """A token is not one of the provider's for us."""


class Provider:
    """One OpenID Connect provider (OpenID Connect Discovery 1.0, Core 1.0)."""

    def __init__(self, config: settings.Settings) -> None:
        """Connect to nothing yet."""
        self._config = config
        self._http = httpx.AsyncClient(timeout=10, follow_redirects=False, trust_env=False)
        self._metadata: dict[str, str] = {}
        self._keys: dict[str, joserfc.jwk.Key] = {}
        self._keys_asked = -_KEYS_AT_MOST_EVERY
        self.problem = "the login service has not been reached yet"

    async def run(self) -> None:
        """Find the provider, and keep what is known of it fresh, until cancelled."""
        retry = _RETRY[0]
        while True:
            try:
                await self.discover()
                delay, retry = _REFRESH, _RETRY[0]
            except ProviderError as error:
                if str(error) != self.problem:
                    logger.warning("provider unavailable: %s", error)
                self.problem = str(error)
                delay, retry = retry, min(retry * 1.5, _RETRY[1])
            await asyncio.sleep(delay)

    async def close(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    @property
    def ready(self) -> bool:
        """Return whether its metadata is known."""
        return bool(self._metadata)

    @property
    def authorization_endpoint(self) -> str:
        """Return where browsers are sent to log in."""
        return self._metadata["authorization_endpoint"]

    async def discover(self) -> None:
        """Read metadata and keys.

        Raises:
            ProviderError: it cannot be reached, or says that it is another.
        """
        found = await self._get(f"{self._config.issuer}/.well-known/openid-configuration")
        if found.get("issuer") != self._config.issuer:
            raise ProviderError(
                "the login service calls itself by another URL than the one configured (issuer mismatch)"
            )
        names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        if not all(isinstance(found.get(name), str) for name in names):
            raise ProviderError("the login service does not say where its endpoints are")
        metadata = {name: str(found[name]) for name in names}
        self._keys = await self._read_keys(metadata["jwks_uri"])
        if not self._metadata:
            logger.info("provider found")
        self._metadata = metadata

    async def exchange(self, code: str, verifier: str, nonce: str) -> Claims:
        """Return the claims of the person for whom the provider gave a code (RFC 6749 section 4.1.3, RFC 7636).

        Raises:
            ProviderError: the provider refused, or did not answer.
            TokenError: its ID token does not verify.
        """
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": f"{self._config.public_url}{self._config.callback_path}",
            "code_verifier": verifier,
        }
        client = httpx.BasicAuth(self._config.client_id, self._config.client_secret)
        try:
            answer = await self._http.post(self._back(self._metadata["token_endpoint"]), data=form, auth=client)
            data = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise ProviderError(f"the login service did not answer ({type(error).__name__})") from None
        if answer.status_code != 200 or not isinstance(data, dict):
            reason = data.get("error") if isinstance(data, dict) else None
            raise ProviderError(f"the login service refused the code ({str(reason or answer.status_code)[:40]})")
        # Fresh from the provider: a key that is not known yet is a new one, not a forger's.
        self._keys_asked = -_KEYS_AT_MOST_EVERY
        claims = await self.verify(str(typing.cast("Claims", data).get("id_token", "")), time.time())
        if claims.get("nonce") != nonce:
            raise TokenError("the ID token belongs to another login")
        return claims

    def verify_now(self, token: str, header: Claims, now: float) -> Claims | None:
        """Return the claims of an ID token, or None when its key has to be asked for first.

        Raises:
            TokenError: it is not a token of this provider for this client.
        """
        if header.get("alg") not in _ALGORITHMS:
            raise TokenError("its algorithm is not accepted")
        expires = session.number(session.claims_of(token).get("exp"))
        if expires is None or expires <= now:
            raise TokenError("it has expired")
        key = self._keys.get(str(header.get("kid", "")))
        if key is None:
            if time.monotonic() - self._keys_asked < _KEYS_AT_MOST_EVERY:
                raise TokenError("its key is not known")
            return None
        try:
            claims = joserfc.jwt.decode(token, key, algorithms=list(_ALGORITHMS)).claims
        except (joserfc.errors.JoseError, ValueError, TypeError):
            raise TokenError("its signature does not verify") from None
        self._check(claims, now)
        return claims

    async def verify(self, token: str, now: float) -> Claims:
        """Return the claims of an ID token, asking for keys where needed.

        Raises:
            TokenError: it is not a token of this provider for this client.
        """
        header = session.header_of(token)
        if header is None:
            raise TokenError("it is not a token")
        claims = self.verify_now(token, header, now)
        if claims is None:
            self._keys_asked = time.monotonic()
            try:
                self._keys = await self._read_keys(self._metadata.get("jwks_uri") or f"{self._config.issuer}/keys")
            except ProviderError as error:
                raise TokenError(str(error)) from None
            claims = self.verify_now(token, header, now)
        if claims is None:
            raise TokenError("its key is not known")
        return claims

    def _check(self, claims: Claims, now: float) -> None:
        """Validate as OpenID Connect Core 1.0, section 3.1.3.7 says."""
        audience = claims.get("aud")
        audiences = typing.cast("list[object]", audience) if isinstance(audience, list) else [audience]
        if claims.get("iss") != self._config.issuer:
            raise TokenError("another issuer made it")
        if self._config.client_id not in audiences:
            raise TokenError("it is for another client")
        if claims.get("azp", self._config.client_id) != self._config.client_id:
            raise TokenError("it was given to another client")
        expires, begins = session.number(claims.get("exp")), session.number(claims.get("nbf", 0))
        if expires is None or expires <= now:
            raise TokenError("it has expired")
        if begins is None or begins > now + _SKEW:
            raise TokenError("it is not valid yet")

    async def _read_keys(self, url: str) -> dict[str, joserfc.jwk.Key]:
        found = (await self._get(url)).get("keys")
        keys: dict[str, joserfc.jwk.Key] = {}
        for entry in typing.cast("list[Claims]", found) if isinstance(found, list) else []:
            try:
                key = joserfc.jwk.import_key(entry)
            except (joserfc.errors.JoseError, ValueError, TypeError, KeyError):
                continue
            if key.kid and key.key_type in ("RSA", "EC"):
                keys[key.kid] = key
        if not keys:
            raise ProviderError("the login service publishes no keys")
        return keys

    async def _get(self, url: str) -> Claims:
        try:
            answer = await self._http.get(self._back(url))
            answer.raise_for_status()
            data = answer.json()
        except httpx.HTTPStatusError as error:
            raise ProviderError(f"the login service answered with {error.response.status_code}") from None
        except (httpx.HTTPError, ValueError) as error:
            raise ProviderError(f"the login service does not answer ({type(error).__name__})") from None
        if not isinstance(data, dict):
            raise ProviderError("the login service answered with nonsense")
        return typing.cast("Claims", data)

    def _back(self, url: str) -> str:
        """Return where this service reaches a URL that begins with the issuer."""
        issuer, back = self._config.issuer, self._config.back_channel.rstrip("/")
        return back + url.removeprefix(issuer) if back and url.startswith(f"{issuer}/") else url
