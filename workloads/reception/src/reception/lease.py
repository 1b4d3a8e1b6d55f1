# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""One active of several replicas: a Lease that is renewed, and that others take over when it is not."""

import asyncio
import collections.abc
import contextlib
import datetime
import logging
import time
import typing

from reception import kube, plain

logger = logging.getLogger(__name__)
Json = dict[str, typing.Any]
NAME = "kubeflow-auth-profile-controller"


class Lease:
    """A replica's view of the lease.

    Whether another replica still lives is judged by whether the lease has changed within its duration on this
    replica's own clock, so that clocks need not agree.
    """

    def __init__(
        self, source: kube.Kube, namespace: str, holder: str, *, seconds: int = 15, every: float = 4.0
    ) -> None:
        """Hold nothing yet.

        Args:
            source: where the lease is.
            namespace: its namespace.
            holder: the name of this replica; another one for each process.
            seconds: how long the lease lasts without being renewed.
            every: seconds between two looks.
        """
        self._kube = source
        self._namespace = namespace
        self._holder = holder
        self._seconds = seconds
        self._every = every
        self._seen: tuple[object, ...] = ()
        self._since = 0.0
        self.held = False
        self.trouble = ""

    async def hold(self, stay_away: collections.abc.Callable[[], bool]) -> None:
        """Return when the lease is this replica's; while stay_away says so, do not even try."""
        while stay_away() or not await self._turn():
            await asyncio.sleep(self._every)
        self.held = True
        logger.info("this replica is the active one")

    async def keep(self) -> None:
        """Renew the lease, and return when it is lost."""
        renewed = time.monotonic()
        # Stops before anybody else may begin.
        while time.monotonic() - renewed < self._seconds * 2 / 3:
            await asyncio.sleep(self._every)
            # What takes longer than this comes too late anyway.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._every):
                    now = time.monotonic()
                    if await self._turn():
                        renewed = now
        self.held = False
        logger.warning("the lease is lost")

    async def release(self) -> None:
        """Give the lease up, so that another replica need not wait."""
        if self.held:
            self.held = False
            with contextlib.suppress(*kube.FAILURES):
                found = await self._kube.get("Lease", NAME, self._namespace)
                if found and plain.mapping(found, "spec").get("holderIdentity") == self._holder:
                    await self._kube.replace(self._written(found, holder=""))

    async def _turn(self) -> bool:
        """Take or renew the lease; return whether it is this replica's."""
        try:
            found = await self._kube.get("Lease", NAME, self._namespace)
            self.trouble = ""
            if found is None:
                await self._kube.create(self._written(None))
                return True
            if not self._free(found):
                return False
            await self._kube.replace(self._written(found))
        except kube.FAILURES as error:
            # Another replica was faster, which is no trouble.
            trouble = "" if kube.code(error) == kube.CONFLICT else kube.sentence(error)
            if trouble and trouble != self.trouble:
                logger.warning("cannot renew the lease: %s", trouble)
            self.trouble = trouble
            return False
        return True

    def _free(self, found: Json) -> bool:
        spec = plain.mapping(found, "spec")
        holder, state = spec.get("holderIdentity"), (found["metadata"].get("resourceVersion"),)
        if state != self._seen:
            self._seen, self._since = state, time.monotonic()
        lasting = spec.get("leaseDurationSeconds") or self._seconds
        return holder in (None, "", self._holder) or time.monotonic() - self._since > lasting

    def _written(self, found: Json | None, *, holder: str | None = None) -> Json:
        metadata: Json = {"name": NAME, "namespace": self._namespace}
        old = plain.mapping(found or {}, "spec")
        now = datetime.datetime.now(datetime.UTC)
        same = old.get("holderIdentity") == self._holder
        if found:
            metadata["resourceVersion"] = found["metadata"]["resourceVersion"]
        return {
            "kind": "Lease",
            "metadata": metadata,
            "spec": {
                "holderIdentity": self._holder if holder is None else holder,
                "leaseDurationSeconds": self._seconds,
                "acquireTime": old.get("acquireTime") if same else now,
                "renewTime": now,
                "leaseTransitions": int(old.get("leaseTransitions") or 0) + (0 if same else 1),
            },
        }
