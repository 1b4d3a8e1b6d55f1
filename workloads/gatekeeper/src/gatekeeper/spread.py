# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Carries what is taken back to wherever it must be known: the disk, other processes, other units, Redis."""

import asyncio
import collections.abc
import logging
import time

from gatekeeper import journal, peers, redis, revocation, sealed, settings

logger = logging.getLogger(__name__)

# Two rounds fit into a second: what one unit takes back is refused by all within two.
_ROUND = 0.4
# How often requests with a token that is not known may make us read.
_LOOK_AGAIN = 0.02
_PRUNE = 600.0


class Spread:
    """Takes in news from everywhere, and passes it on.

    Attributes:
        on_round: called after each look around, several times a second.
    """

    def __init__(
        self,
        options: settings.Settings,
        ledger: revocation.Ledger,
        others: peers.Peers,
        sealer: sealed.Sealer,
        *,
        clock: collections.abc.Callable[[], float] = time.time,
    ) -> None:
        self._ledger = ledger
        self._peers = others
        self._clock = clock
        self._journal = journal.Journal(options.journal)
        self._watch = journal.Watch(options.watched_file)
        self._stream = redis.Stream(options.redis, sealer) if options.redis else None
        self._trouble = ""
        self._news = asyncio.Event()
        self._looked = 0.0
        self.on_round: list[collections.abc.Callable[[], None]] = []

    @property
    def trouble(self) -> str:
        """Return why Redis does not answer, empty while it does or is not asked."""
        return self._trouble

    def load(self) -> None:
        """Read what is on the disk; nothing may be answered before."""
        self._look()

    def publish(self, records: collections.abc.Sequence[revocation.Record]) -> None:
        """Take something back: here at once, and everywhere else soon."""
        self._journal.append(self._ledger.add(records, self._clock()))
        self._news.set()

    def look(self) -> None:
        """Read what is new on the disk, unless that was done just now."""
        if not self._looked <= self._clock() < self._looked + _LOOK_AGAIN:
            self._look()

    async def run(self) -> None:
        """Go on for as long as the service runs."""
        pruned = self._clock()
        redis_task = asyncio.create_task(self._run_redis())
        try:
            while not redis_task.done():
                self._look()
                self._take(await self._peers.ask())
                for tell in self.on_round:
                    tell()
                if self._clock() > pruned + _PRUNE:
                    pruned = self._clock()
                    self._ledger.prune(pruned)
                await asyncio.wait([redis_task], timeout=_ROUND)
            redis_task.result()
        finally:
            redis_task.cancel()
            await asyncio.wait([redis_task])
            await self._peers.close()

    async def _run_redis(self) -> None:
        """Exchange with Redis, in a loop of its own: one that does not answer must not hold up the others."""
        if self._stream is None:
            await asyncio.Event().wait()
            return
        while True:
            try:
                self._take(await self._stream.exchange(self._ledger))
                if self._trouble:
                    logger.info("redis answers again")
                self._trouble = ""
            except redis.RedisError as error:
                if not self._trouble:
                    logger.warning("redis: %s", error, extra={"fields": {"reason": "redis_unreachable"}})
                self._trouble = str(error)
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), _ROUND)
            except TimeoutError:
                continue

    def _look(self) -> None:
        self._looked = self._clock()
        # What others appended is on the disk already.
        while records := self._journal.news():
            self._ledger.add(records, self._clock())
        watched = self._watch.news()
        if watched is not None:
            self._peers.set_addresses(watched.peers)
            self._take(watched.records)

    def _take(self, records: collections.abc.Iterable[revocation.Record]) -> None:
        self._journal.append(self._ledger.add(records, self._clock()))
