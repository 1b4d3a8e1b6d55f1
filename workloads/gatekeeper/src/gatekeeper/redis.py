# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""A stream of records in Redis, which every unit reads and adds to; the few words of its protocol that this takes."""

import asyncio
import ssl
import time
import typing

from gatekeeper import journal, revocation, sealed, settings

STREAM = "gatekeeper:revocations"
_PURPOSE = b"redis: record"
_SECONDS = 2.0
_MOST_RECORDS = 500
_LONGEST_TEXT = 100_000
_MOST_ENTRIES = 10_000
_DEEPEST = 4
# Longer than anything that a record concerns can last.
_KEPT_DAYS = 400

Reply = bytes | int | None | list["Reply"]


class RedisError(Exception):
    """Redis does not answer, or not as it should."""


class Stream:
    """The records of every unit, in one place.

    They are sealed with the application's own keys: whoever else can write to this Redis can neither read them nor make
    one, such as an API token. After a change of keys each unit adds again what the others cannot read any more.
    """

    def __init__(self, place: settings.Redis, sealer: sealed.Sealer) -> None:
        self._redis = place
        self._sealer = sealer
        self._context = ssl.create_default_context(cadata=place.ca or None) if place.tls else None
        self._place = ("", 0)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._last = "0"
        self._known: set[tuple[str, str, int]] = set()

    async def exchange(self, ledger: revocation.Ledger) -> list[revocation.Record]:
        """Return what is new in the stream, after adding what it lacks of our own.

        Raises:
            RedisError: nothing is lost; the next exchange makes up for it.
        """
        try:
            async with asyncio.timeout(_SECONDS):
                found = await self._read()
                self._known.update(record.key for record in found)
                await self._add(ledger)
        except (OSError, TimeoutError, ValueError, EOFError, asyncio.LimitOverrunError) as error:
            await self.close()
            raise RedisError(f"{self._redis.host}:{self._redis.port}: {error or type(error).__name__}") from None
        return found

    async def close(self) -> None:
        """Hang up; what is in the stream is read again from its beginning the next time."""
        self._last = "0"
        self._known, self._place = set(), ("", 0)
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def _read(self) -> list[revocation.Record]:
        found: list[revocation.Record] = []
        while True:
            start = f"({self._last}" if self._last != "0" else "-"
            entries = await self._call("XRANGE", STREAM, start, "+", "COUNT", str(_MOST_RECORDS))
            if not isinstance(entries, list):
                raise ValueError("no list of entries")
            for entry in entries:
                match entry:
                    case [bytes(name), [*fields]]:
                        self._last = name.decode("ascii")
                    case _:
                        raise ValueError("no entry")
                records = (self._unsealed(text) for text in fields[1::2] if isinstance(text, bytes))
                found += [record for record in records if record is not None]
            if len(entries) < _MOST_RECORDS:
                return found

    def _unsealed(self, text: bytes) -> revocation.Record | None:
        opened = self._sealer.open(text, purpose=_PURPOSE, longest=_LONGEST_TEXT)
        return journal.read(opened) if opened is not None else None

    async def _add(self, ledger: revocation.Ledger) -> None:
        oldest = str(int((time.time() - _KEPT_DAYS * 86400) * 1000))
        while (page := ledger.page(*self._place, most=_MOST_RECORDS)).records:
            for record in page.records:
                if record.key not in self._known:
                    text = self._sealer.seal(journal.write(record), purpose=_PURPOSE)
                    await self._call("XADD", STREAM, "MINID", "~", oldest, "*", "s", text)
                    self._known.add(record.key)
            self._place = (page.generation, page.following)

    async def _call(self, *words: str) -> Reply:
        if self._streams is None:
            await self._connect()
        assert self._streams is not None
        reader, writer = self._streams
        parts = [b"*%d\r\n" % len(words), *(b"$%d\r\n%s\r\n" % (len(text), text) for text in map(str.encode, words))]
        writer.write(b"".join(parts))
        await writer.drain()
        return await _reply(reader)

    async def _connect(self) -> None:
        place = self._redis
        self._streams = await asyncio.open_connection(place.host, place.port, limit=_LONGEST_TEXT, ssl=self._context)
        password = place.password.get_secret_value()
        if not password:
            return
        try:
            await self._call("AUTH", *filter(None, (place.user, password)))
        except ValueError:
            # Not in its own words: some servers repeat what they were sent.
            raise ValueError("it refuses our user and password") from None


async def _reply(reader: asyncio.StreamReader, depth: int = 0) -> Reply:
    """Read one reply (RESP 2)."""
    line = (await reader.readuntil(b"\r\n"))[:-2]
    kind, rest = line[:1], line[1:]
    if kind == b"-":
        raise ValueError(rest.decode("utf-8", "replace")[:200])
    if kind == b"+":
        return rest
    number = int(rest)
    if kind == b":" or number < 0:
        return number if kind == b":" else None
    if kind == b"$" and number <= _LONGEST_TEXT:
        return (await reader.readexactly(number + 2))[:-2]
    if kind == b"*" and number <= _MOST_ENTRIES and depth < _DEEPEST:
        return typing.cast("Reply", [await _reply(reader, depth + 1) for _ in range(number)])
    raise ValueError("not understood")
