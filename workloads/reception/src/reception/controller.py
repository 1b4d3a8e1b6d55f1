# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The profile controller: brings namespaces, accounts, bindings and quotas to what profiles ask for."""

import asyncio
import contextlib
import logging
import os
import socket
import typing

from reception import kube, lease, objects, profiles, settings, watching, work

logger = logging.getLogger(__name__)
Json = dict[str, typing.Any]
_WORKERS = 8
_OURS = {objects.MANAGER_LABEL: objects.MANAGER}
_KINDS = ("Namespace", "ServiceAccount", "RoleBinding", "ResourceQuota")


class _RefusedError(Exception):
    """A profile asks for what it cannot get; the text says why."""


class Controller:
    """Reconciles profiles, while it is the active one and no other controller does."""

    def __init__(
        self, options: settings.Settings, source: kube.Kube, *, afresh: float = 300.0, look: float = 60.0
    ) -> None:
        """Control nothing yet.

        Args:
            options: what the service is told.
            source: where profiles are.
            afresh: seconds after which everything is listed again.
            look: seconds between two looks for another controller beside this one.
        """
        self._look_every = look
        self._options = options
        self._kube = source
        self._afresh = afresh
        holder = f"{socket.gethostname()}-{os.getpid()}-{os.urandom(4).hex()}"
        self.lease = lease.Lease(source, options.namespace, holder)
        self.aside = ""
        self.done = 0
        self._begin()

    def _begin(self) -> None:
        """Forget everything, as a new leader must."""
        self.work = work.Work()
        self._profiles = watching.Watched(
            self._kube, "Profile", changed=lambda key: self.work.add(key[1]), afresh=self._afresh
        )
        self._have = {
            kind: watching.Watched(
                self._kube,
                kind,
                labels=_OURS,
                # What stands in a namespace is of the profile of its name.
                changed=lambda key: self.work.add(key[0] or key[1]),
                afresh=self._afresh,
            )
            for kind in _KINDS
        }

    @property
    def trouble(self) -> str:
        """Return why profiles cannot be kept, empty while they can, or while another does it."""
        watched = (self._profiles, *self._have.values())
        found = [one.trouble for one in watched if one.trouble] if self.lease.held else []
        return self.lease.trouble or (found[0] if found else "")

    @property
    def state(self) -> str:
        """Return what this replica does, in a few words."""
        if self.aside:
            return f"standing aside for the service {self.aside}"
        return "active" if self.lease.held else "waiting for the lease"

    async def run(self) -> None:
        """Keep profiles until cancelled."""
        await self._look()
        look = asyncio.create_task(self._keep_looking())
        try:
            while True:
                await self.lease.hold(lambda: bool(self.aside))
                self._begin()
                await self._lead()
        finally:
            look.cancel()
            # The next replica need not wait for the lease to run out.
            await asyncio.shield(self.lease.release())

    async def _lead(self) -> None:
        tasks = [asyncio.create_task(one.run()) for one in (self._profiles, *self._have.values())]
        tasks += [asyncio.create_task(self._work()) for _ in range(_WORKERS)]
        tasks += [asyncio.create_task(self.lease.keep()), asyncio.create_task(self._until_aside())]
        try:
            finished, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in finished:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await self.lease.release()

    async def _work(self) -> None:
        for one in (self._profiles, *self._have.values()):
            await one.synced.wait()
        await self.work.run(self._handle)

    async def _handle(self, name: str) -> bool:
        try:
            await self._reconcile(name)
        except work.AgainError:
            return False
        except kube.FAILURES as error:
            # Somebody else wrote at the same time; the next try sees what they wrote.
            if kube.code(error) != kube.CONFLICT:
                logger.warning("profile %s: %s", name, kube.sentence(error))
            return False
        self.done += 1
        return True

    async def _reconcile(self, name: str) -> None:
        data = self._profiles.get(name)
        if data is None:
            return
        what = profiles.read(data)
        if what.deleting:
            return await self._remove(what)
        finalizers = (*what.finalizers, *({objects.FINALIZER} - set(what.finalizers)))
        if finalizers != what.finalizers or not objects.STAYS.items() <= what.labels.items():
            await self._mark(what, finalizers)
        try:
            if not what.owner:
                raise _RefusedError("its owner must have the kind User and a name")
            for want in objects.wanted(what, self._options.labels):
                await self._bring(what, want)
        except _RefusedError as refused:
            return await self._tell(what, profiles.FAILED, str(refused))
        if not what.quota and self._have["ResourceQuota"].get(objects.QUOTA, name):
            await self._kube.delete("ResourceQuota", objects.QUOTA, name)
        await self._tell(what, profiles.SUCCESSFUL, "")

    async def _bring(self, what: profiles.Profile, want: Json) -> None:
        kind, name, namespace = want["kind"], want["metadata"]["name"], want["metadata"].get("namespace")
        cache = self._have[kind]
        have = cache.get(name, namespace or "")
        if have is None:
            try:
                return cache.keep(await self._kube.create(want))
            except kube.FAILURES as error:
                if kube.code(error) != kube.CONFLICT:
                    raise
            have = await self._kube.get(kind, name, namespace)
            if have is None:
                raise work.AgainError
        if kind == "Namespace":
            _check_namespace(have, what)
        if objects.replaced(have, want):
            await self._kube.delete(kind, name, namespace)
            cache.keep(await self._kube.create(want))
        elif objects.differs(have, want):
            cache.keep(await self._kube.patch(kind, name, objects.change(have, want), namespace))

    async def _remove(self, what: profiles.Profile) -> None:
        """Let a deleted profile go once its namespace is gone."""
        if objects.FINALIZER not in what.finalizers:
            return
        # Asked for anew: nothing is deleted on hearsay.
        found = await self._kube.get("Namespace", what.name)
        if found and objects.made_for(found, what):
            if not found["metadata"].get("deletionTimestamp"):
                logger.info("profile %s: deleting its namespace", what.name)
                await self._kube.delete("Namespace", what.name)
            raise work.AgainError
        await self._mark(what, tuple(name for name in what.finalizers if name != objects.FINALIZER))

    async def _mark(self, what: profiles.Profile, finalizers: tuple[str, ...]) -> None:
        # With the version: a list that somebody else has changed meanwhile is not overwritten.
        metadata = {"finalizers": list(finalizers), "labels": objects.STAYS, "resourceVersion": what.version}
        self._profiles.keep(await self._kube.patch("Profile", what.name, {"metadata": metadata}))

    async def _tell(self, what: profiles.Profile, kind: str, message: str) -> None:
        if kind == profiles.FAILED and what.trouble != message:
            logger.warning("profile %s: %s", what.name, message)
        elif kind == profiles.FAILED or (what.successful and not what.trouble):
            return
        status = profiles.condition(kind, message)
        self._profiles.keep(await self._kube.patch("ProfileStatus", what.name, {"status": status}))

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(self._look_every)
            await self._look()

    async def _look(self) -> None:
        """See whether another controller of profiles is deployed beside this one."""
        with contextlib.suppress(*kube.FAILURES):
            for name in self._options.stand_aside:
                if await self._kube.get("Service", name, self._options.namespace):
                    if name != self.aside:
                        logger.warning("standing aside: the service %s keeps profiles here", name)
                    self.aside = name
                    return
            self.aside = ""

    async def _until_aside(self) -> None:
        while not self.aside:
            await asyncio.sleep(1)


def _check_namespace(have: Json, what: profiles.Profile) -> None:
    if not objects.belongs(have, what):
        raise _RefusedError(f"the namespace {what.name} exists and belongs to somebody else; it was left as it is")
    if have["metadata"].get("deletionTimestamp"):
        raise work.AgainError
