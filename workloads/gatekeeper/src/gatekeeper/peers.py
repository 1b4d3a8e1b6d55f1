# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The other units of the service: each asks every other what it has taken back, and believes only who has the keys."""

import asyncio
import collections.abc
import json
import logging
import secrets
import ssl
import typing

import httpx
import pydantic

from gatekeeper import answer, fetch, head, revocation, sealed, settings

logger = logging.getLogger(__name__)

_HEADER = "x-gatekeeper-peer"
_QUESTION = b"peers: question"
_ANSWER = b"peers: answer "
_MOST_RECORDS = 500
_LONGEST_ANSWER = 1 << 20
_SECONDS = 1.0


class _Answer(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, strict=True, hide_input_in_errors=True)

    generation: str
    following: int
    records: tuple[revocation.Record, ...]


class Peers:
    """Answers the other units, and asks them.

    Question and answer are sealed with the application's own keys, and the answer belongs to its question: whoever is
    between two units can neither read nor forge nor repeat what they say, over whatever network they talk.
    """

    def __init__(self, options: settings.Settings, sealer: sealed.Sealer, ledger: revocation.Ledger) -> None:
        self._path = f"{options.prefix}/peers"
        self._sealer = sealer
        self._ledger = ledger
        self._places: dict[str, tuple[str, int]] = {}
        # What is sealed needs no TLS, and no authorities are read for it: a context as it is made trusts nobody.
        nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._client = httpx.AsyncClient(timeout=_SECONDS, follow_redirects=False, trust_env=False, verify=nobody)

    def set_addresses(self, addresses: collections.abc.Iterable[str]) -> None:
        """Ask these from now on, each a host and port."""
        self._places = {address: self._places.get(address, ("", 0)) for address in addresses}

    def reply(self, request: head.Head) -> answer.Answer | None:
        """Return the answer to another unit, or None to anybody else."""
        match self._open(request.get(_HEADER.encode()), _QUESTION):
            case [str(generation), int(following), str(nonce)]:
                page = self._ledger.page(generation, following, most=_MOST_RECORDS)
                records = [record.model_dump(exclude_defaults=True) for record in page.records]
                content = {"generation": page.generation, "following": page.following, "records": records}
                text = self._sealer.seal(json.dumps(content).encode(), purpose=_ANSWER + nonce.encode())
                return answer.Answer(status=200, headers=(("content-type", "text/plain"),), body=text.encode())
            case _:
                return None

    async def ask(self) -> list[revocation.Record]:
        """Return what is new at the other units; who does not answer is asked again the next time."""
        found = await asyncio.gather(*(self._ask(address) for address in self._places))
        return [record for records in found for record in records]

    async def close(self) -> None:
        """Close the connections to the other units."""
        await self._client.aclose()

    async def _ask(self, address: str) -> collections.abc.Sequence[revocation.Record]:
        nonce, (generation, following) = secrets.token_urlsafe(16), self._places[address]
        question = self._sealer.seal(json.dumps([generation, following, nonce]).encode(), purpose=_QUESTION)
        url, ask = f"http://{address}{self._path}", {_HEADER: question}
        try:
            got = await fetch.fetch(self._client, "GET", url, seconds=_SECONDS, longest=_LONGEST_ANSWER, headers=ask)
        except fetch.FAILURES:
            return ()
        opened = self._open(got.body, _ANSWER + nonce.encode()) if got.status == 200 else None
        try:
            told = _Answer.model_validate(opened, strict=False)
        except pydantic.ValidationError:
            return ()
        if address in self._places:
            self._places[address] = (told.generation, told.following)
        return told.records

    def _open(self, text: bytes, purpose: bytes) -> object:
        opened = self._sealer.open(text, purpose=purpose, longest=_LONGEST_ANSWER)
        return typing.cast("object", json.loads(opened)) if opened is not None else None
