# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Objects of one kind, kept in memory: listed once, then followed, and listed again whenever the thread was lost."""

import asyncio
import collections.abc
import logging
import random
import typing

from reception import kube

logger = logging.getLogger(__name__)
Json = dict[str, typing.Any]
Key = tuple[str, str]
# Seconds after which everything is listed again, whether or not anything was lost: what has silently gone astray
# until then comes right.
_AFRESH = 300
_LONGEST_PAUSE = 20.0


class Watched:
    """All objects of a kind that carry some labels."""

    def __init__(
        self,
        source: kube.Kube,
        kind: str,
        *,
        labels: dict[str, str] | None = None,
        changed: collections.abc.Callable[[Key], None] | None = None,
        afresh: float = _AFRESH,
    ) -> None:
        """Follow nothing yet.

        Args:
            source: where they are.
            kind: which objects.
            labels: what they all carry.
            changed: hears the namespace and name of what was added, changed or is gone.
            afresh: seconds after which all are listed again.
        """
        self._kube = source
        self._kind = kind
        self._labels = dict[str, typing.Any](labels or {})
        self._changed = changed or _ignore
        self._afresh = afresh
        self._objects: dict[Key, Json] = {}
        # The version of the last list or event.
        self._told = 0
        self.synced = asyncio.Event()
        self.trouble = ""

    def get(self, name: str, namespace: str = "") -> Json | None:
        """Return an object, None where there is none."""
        return self._objects.get((namespace, name))

    def values(self) -> collections.abc.Iterable[Json]:
        """Return all of them."""
        return self._objects.values()

    def keep(self, what: Json) -> None:
        """Remember an object that was just written, so that nobody writes it again before the watch tells of it.

        The watch may have told of it already, and of what somebody did to it afterwards: that stays.
        """
        version = _version(what["metadata"])
        if not version or version > self._told:
            self._objects[_key(what)] = what

    async def run(self) -> None:
        """Follow the objects until cancelled."""
        failures = 0
        while True:
            try:
                async with asyncio.timeout(self._afresh * random.uniform(1, 1.2)):  # noqa: S311 - so that not all come at once
                    version = await self._list()
                    failures, self.trouble = 0, ""
                    await self._follow(version)
            except TimeoutError:
                continue
            except kube.FAILURES as error:
                failures += 1
                self._lost(error, failures)
            await asyncio.sleep(min(_LONGEST_PAUSE, 0.2 * 2 ** min(failures, 10)) * random.uniform(0.5, 1))  # noqa: S311

    async def _list(self) -> str:
        found, version = await self._kube.list(self._kind, self._labels)
        before, self._objects = self._objects, {_key(one): one for one in found}
        self._told = _version({"resourceVersion": version})
        self.synced.set()
        for key in before.keys() | self._objects.keys():
            self._changed(key)
        return version

    async def _follow(self, version: str) -> None:
        # The server ends a watch in its own time, and the client goes on where it stood.
        async for word, what in self._kube.watch(self._kind, self._labels, version, int(self._afresh * 2)):
            key = _key(what)
            self._told = _version(what["metadata"])
            if word == "DELETED":
                self._objects.pop(key, None)
            else:
                self._objects[key] = what
            self._changed(key)

    def _lost(self, error: Exception, failures: int) -> None:
        trouble = kube.sentence(error)
        # A list that is too old, or a connection that ended, happens to everybody now and then.
        if failures > 1:
            if trouble != self.trouble:
                logger.warning("cannot follow %s: %s", self._kind, trouble)
            self.trouble = trouble


def _key(what: Json) -> Key:
    return what["metadata"].get("namespace") or "", what["metadata"]["name"]


def _version(metadata: Json) -> int:
    """Return a version, which grows with every change of the kind; 0 where it is not a number."""
    version = str(metadata.get("resourceVersion"))
    return int(version) if version.isdecimal() else 0


def _ignore(_: Key) -> None:
    """Do nothing."""
