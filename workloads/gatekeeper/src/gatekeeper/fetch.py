# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Requests to others, whose answers are read to a bound and not further."""

import asyncio
import collections.abc
import typing

import httpx

# Everything that an address or an answer of somebody else's choosing can make the client raise: bad ports and host
# names come as groups and as errors of encoding.
FAILURES = (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError, OverflowError, ExceptionGroup)


class TooLongError(ValueError):
    """An answer is longer than anything that could be understood."""


class Fetched(typing.NamedTuple):
    """An answer, read whole."""

    status: int
    body: bytes


async def fetch(
    client: httpx.AsyncClient,
    method: str,
    url: str,
    *,
    seconds: float,
    longest: int,
    headers: collections.abc.Mapping[str, str] | None = None,
    form: collections.abc.Mapping[str, str] | None = None,
    content: bytes | None = None,
    auth: httpx.Auth | None = None,
) -> Fetched:
    """Send one request, and return its answer.

    Args:
        client: with what to send it.
        method: the HTTP method.
        url: where to send it.
        seconds: how long the whole may take, however slowly the answer comes.
        longest: how many bytes of a body are read.
        headers: further headers.
        form: the fields of a form to send.
        content: the body to send in place of a form.
        auth: how to say who asks.

    Raises:
        TooLongError: the body is longer.
        FAILURES: there is no answer.
    """
    # Uncompressed: what is small on the wire must not be able to grow here.
    head = {"accept-encoding": "identity", **(headers or {})}
    async with asyncio.timeout(seconds):
        async with client.stream(
            method, url, headers=head, data=form, content=content, auth=auth or httpx.Auth()
        ) as given:
            body = bytearray()
            async for piece in given.aiter_raw():
                body += piece
                if len(body) > longest:
                    raise TooLongError(f"the answer has more than {longest} bytes")
            return Fetched(given.status_code, bytes(body))
