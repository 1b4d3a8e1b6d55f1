# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Names that something must be done about: each once, never two of the same at a time, and again after a failure."""

import asyncio
import collections
import collections.abc
import random

_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 30.0


class AgainError(Exception):
    """It cannot be done yet, which is nobody's fault."""


class Work:
    """A queue of names."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._waiting: set[str] = set()
        self._busy: set[str] = set()
        self._failures: collections.Counter[str] = collections.Counter()

    def add(self, name: str) -> None:
        """Let something be done about a name, unless it waits already."""
        if name not in self._waiting:
            self._waiting.add(name)
            # One that is worked on now comes into the queue afterwards.
            if name not in self._busy:
                self._queue.put_nowait(name)

    def __len__(self) -> int:
        """Return how many names wait."""
        return len(self._waiting)

    async def run(self, handle: collections.abc.Callable[[str], collections.abc.Awaitable[bool]]) -> None:
        """Do what is to be done, until cancelled.

        Args:
            handle: does it for one name, and returns whether that went well; if not, it is called again later.
        """
        while True:
            name = await self._queue.get()
            self._waiting.discard(name)
            self._busy.add(name)
            try:
                well = await handle(name)
            finally:
                self._busy.discard(name)
            if well:
                self._failures.pop(name, None)
            else:
                self._failures[name] += 1
                pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(self._failures[name] - 1, 10))
                asyncio.get_running_loop().call_later(pause * random.uniform(0.7, 1), self.add, name)  # noqa: S311
            if name in self._waiting:
                self._queue.put_nowait(name)
