# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Tokens that somebody else must be asked about: asked once, remembered for a bounded time, never beyond their end."""

import asyncio
import collections
import dataclasses
import typing

from gatekeeper import guard, tokens

# How long an answer counts, and how long it counts that there was none.
_SECONDS = 60.0
_SOON = 1.0
_MOST = 1000
_AT_ONCE = 16

_Found = guard.Proof | tokens.RefusedError


class Source(typing.Protocol):
    """Knows what a kind of token proves, after asking somebody."""

    def check(self, raw: bytes, now: float) -> None:
        """Refuse what is not worth asking about.

        Raises:
            tokens.RefusedError: it is not.
        """
        ...

    async def ask(self, raw: bytes, now: float) -> guard.Proof:
        """Return what a token proves.

        Raises:
            tokens.RefusedError: it proves nothing, lastingly unless nobody answered.
        """
        ...


class Remote:
    """An authenticator that knows what its source has answered, and nothing before."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._proofs: collections.OrderedDict[bytes, tuple[float, _Found]] = collections.OrderedDict()
        self._refusals: collections.OrderedDict[bytes, tuple[float, _Found]] = collections.OrderedDict()
        self._turns = asyncio.Semaphore(_AT_ONCE)

    def verify(self, raw: bytes, now: float) -> guard.Proof | None:
        """Return what a token proves, or None while nobody was asked.

        Raises:
            tokens.RefusedError: it proves nothing, as far as is known now.
        """
        until, found = self._proofs.get(raw) or self._refusals.get(raw) or (0.0, None)
        if found is None or until <= now:
            self._source.check(raw, now)
            return None
        if isinstance(found, tokens.RefusedError):
            # Not for good: it is asked about again when this answer is old.
            raise tokens.RefusedError(found.reason, lasting=False)
        return found

    async def resolve(self, raw: bytes, now: float) -> None:
        """Ask about a token, unless the answer is known."""
        try:
            if self.verify(raw, now) is not None:
                return
        except tokens.RefusedError:
            return
        async with self._turns:
            try:
                proof = await self._source.ask(raw, now)
            except tokens.RefusedError as refused:
                # The newest answer counts, and an old one of the other kind would hide it.
                self._proofs.pop(raw, None)
                _remember(self._refusals, raw, now + (_SECONDS if refused.lasting else _SOON), refused)
                return
        # The guard in front remembers a proof for as long as it says itself.
        proof = dataclasses.replace(proof, expires=min(proof.expires, now + _SECONDS))
        self._refusals.pop(raw, None)
        _remember(self._proofs, raw, proof.expires, proof)


def _remember(
    memory: collections.OrderedDict[bytes, tuple[float, _Found]], raw: bytes, until: float, found: _Found
) -> None:
    memory.pop(raw, None)
    while len(memory) >= _MOST:
        memory.popitem(last=False)
    memory[raw] = (until, found)
