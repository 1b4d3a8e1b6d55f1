# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The back channel to the OpenID Connect provider: requests, bounded and counted, to its address inside the cluster."""

import ssl
import time
import urllib.parse

import httpx

from gatekeeper import fetch, metrics, settings

_TIMEOUT = httpx.Timeout(5.0, connect=2.0)
# The limits above hold for each step; this one holds for an answer that comes byte by byte.
_WHOLE = 10.0
# Far more than any key set or token answer has.
_LONGEST_ANSWER = 1 << 20


class ProviderError(Exception):
    """The provider gave no answer that helps; `reason` is a code, the text is for the log."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Channel:
    """Asks the provider, and counts how long that takes."""

    def __init__(self, options: settings.Settings, counts: metrics.Metrics) -> None:
        self._options = options
        self._metrics = counts
        verify = ssl.create_default_context()
        if options.ca_bundle:
            verify.load_verify_locations(cadata=options.ca_bundle)
        self._client = httpx.AsyncClient(timeout=_TIMEOUT, follow_redirects=False, trust_env=False, verify=verify)

    async def close(self) -> None:
        """Hang up."""
        await self._client.aclose()

    async def get(self, url: str, headers: dict[str, str] | None = None) -> fetch.Fetched:
        """Return the answer to a GET of one of the provider's addresses.

        Raises:
            ProviderError: there is none.
        """
        return await self._send("GET", url, headers=headers)

    async def document(self, url: str) -> bytes:
        """Return a document that the provider publishes.

        Raises:
            ProviderError: it does not give it.
        """
        answer = await self._send("GET", url)
        if answer.status != 200:
            raise ProviderError("provider_error", f"{self._back(url)} answers {answer.status}")
        return answer.body

    async def post(self, url: str, form: dict[str, str], methods: tuple[str, ...]) -> fetch.Fetched:
        """Return the answer to a form that is sent in the name of this client.

        Args:
            url: one of the provider's addresses.
            form: the form's fields.
            methods: how clients may say who they are, as the provider's discovery document names it.

        Raises:
            ProviderError: there is none; its cause is the network's own error.
        """
        name, secret = self._options.client_id, self._options.client_secret.get_secret_value()
        basic = httpx.Auth()
        if "client_secret_basic" in methods:
            # RFC 6749, section 2.3.1: both parts are form-encoded first.
            basic = httpx.BasicAuth(urllib.parse.quote_plus(name), urllib.parse.quote_plus(secret))
        else:
            form = {**form, "client_id": name, "client_secret": secret}
        return await self._send("POST", url, form, basic)

    async def _send(
        self,
        method: str,
        url: str,
        form: dict[str, str] | None = None,
        auth: httpx.Auth | None = None,
        headers: dict[str, str] | None = None,
    ) -> fetch.Fetched:
        url = self._back(url)
        begin, outcome, endpoint = time.monotonic(), "failed", "token" if method == "POST" else "documents"
        try:
            given = await fetch.fetch(
                self._client,
                method,
                url,
                seconds=_WHOLE,
                longest=_LONGEST_ANSWER,
                headers=headers,
                form=form,
                auth=auth,
            )
            outcome = "answered"
        except fetch.TooLongError as error:
            raise ProviderError("provider_invalid", f"{url}: {error}") from None
        except fetch.FAILURES as error:
            raise _unreachable(url, error) from error
        finally:
            self._metrics.asked.add(endpoint, outcome)
            self._metrics.waited.observe(endpoint, seconds=time.monotonic() - begin)
        return given

    def _back(self, url: str) -> str:
        """Return an endpoint's address on the back channel, where it is one of the issuer's own."""
        issuer, back = self._options.issuer.rstrip("/"), self._options.back_channel.rstrip("/")
        return back + url[len(issuer) :] if back and url.startswith(issuer + "/") else url


def _unreachable(url: str, error: Exception) -> ProviderError:
    return ProviderError("provider_unreachable", f"{url}: {type(error).__name__}: {error}")
