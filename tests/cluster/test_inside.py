# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Parts of the reception in this process with a real API server, where a service would take too long to show it."""

import asyncio
import collections.abc
import contextlib
import time
import typing

import cluster
import lightkube
import pytest
import receptions
from lightkube.models.core_v1 import ServicePort, ServiceSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.coordination_v1 import Lease
from lightkube.resources.core_v1 import Service
from reception import controller, desk, kube, lease, objects, settings

# In seconds, of leases in these tests.
LASTING, EVERY = 3, 0.4
MERGE = lightkube.types.PatchType.MERGE
Cluster = typing.TypeVar("Cluster", bound=kube.Kube)


@pytest.fixture(scope="module")
def options(kube: cluster.Cluster, tmp_path_factory: pytest.TempPathFactory) -> settings.Settings:
    receptions.prepare(kube)
    place = receptions.Reception(tmp_path_factory.mktemp("inside"), kube, "inside")
    return settings.parse(place.config.read_text())


@contextlib.asynccontextmanager
async def source(
    options: settings.Settings, kind: collections.abc.Callable[[settings.Settings], Cluster] = kube.Kube
) -> collections.abc.AsyncGenerator[Cluster]:
    found = kind(options)
    try:
        yield found
    finally:
        await found.close()


@contextlib.asynccontextmanager
async def beside(*work: collections.abc.Coroutine) -> collections.abc.AsyncGenerator[list[asyncio.Task]]:
    """Run something in the background for as long as the block does."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(condition: collections.abc.Callable[[], bool], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.05)


def test_a_lease_that_is_renewed_is_never_taken_over_and_one_that_is_not_is(options: settings.Settings):
    async def scenario() -> None:
        async with source(options) as cluster:
            one, two = (lease.Lease(cluster, "inside", name, seconds=LASTING, every=EVERY) for name in ("one", "two"))
            await one.hold(lambda: False)
            async with beside(two.hold(lambda: False)):
                async with beside(one.keep()):
                    await asyncio.sleep(LASTING * 2.5)
                    assert (one.held, two.held) == (True, False)
                ended = time.monotonic()
                await until(lambda: two.held)
                assert LASTING - EVERY * 2 < time.monotonic() - ended < LASTING * 3
            await two.release()

    asyncio.run(scenario())


def test_who_has_lost_the_lease_stops_before_another_begins(options: settings.Settings, kube: cluster.Cluster):
    async def scenario() -> None:
        async with source(options) as cluster:
            one = lease.Lease(cluster, "inside", "one", seconds=LASTING, every=EVERY)
            await one.hold(lambda: False)
            async with beside(one.keep()) as (keeping,):
                await asyncio.sleep(EVERY * 2)
                change = {"spec": {"holderIdentity": "thief"}}
                kube.client().patch(Lease, lease.NAME, change, namespace="inside", patch_type=MERGE)
                since = time.monotonic()
                await asyncio.wait_for(keeping, 20)
                assert not one.held
                assert time.monotonic() - since < LASTING
            # What is another's is not given away either.
            await one.release()
            found = kube.client().get(Lease, lease.NAME, namespace="inside")
            assert found.spec.holderIdentity == "thief"

    asyncio.run(scenario())
    kube.client().delete(Lease, lease.NAME, namespace="inside")


def test_a_controller_steps_aside_while_that_of_kubeflow_is_there(options: settings.Settings, kube: cluster.Cluster):
    admin = kube.client()
    service = Service(
        metadata=ObjectMeta(name="profiles-kfam", namespace="inside"), spec=ServiceSpec(ports=[ServicePort(port=8081)])
    )

    async def scenario() -> None:
        async with source(options) as cluster:
            keeper = controller.Controller(options, cluster, look=0.3)
            async with beside(keeper.run()):
                await until(lambda: keeper.state == "active")
                admin.create(service)
                await until(
                    lambda: keeper.state == "standing aside for the service profiles-kfam" and not keeper.lease.held
                )
                admin.create(receptions.profile("inside-aside", "aside@example.com"))
                await asyncio.sleep(2)
                assert receptions.conditions(admin, "inside-aside") == {}
                admin.delete(Service, "profiles-kfam", namespace="inside")
                await until(lambda: keeper.state == "active")
                # What was there before it began is made too.
                await until(lambda: receptions.conditions(admin, "inside-aside") == {"Successful": ""})

    asyncio.run(scenario())


class Counting(kube.Kube):
    """A client that counts what it writes for the profiles of this test; others have left theirs."""

    writes = 0

    def _count(self, name: str, namespace: str | None) -> None:
        self.writes += (namespace or name).startswith("inside-")

    async def create(self, what: kube.Json) -> kube.Json:
        self._count(what["metadata"]["name"], what["metadata"].get("namespace"))
        return await super().create(what)

    async def replace(self, what: kube.Json) -> kube.Json:
        self._count(what["metadata"]["name"], what["metadata"].get("namespace"))
        return await super().replace(what)

    async def patch(self, kind: str, name: str, change: kube.Json, namespace: str | None = None) -> kube.Json:
        self._count(name, namespace)
        return await super().patch(kind, name, change, namespace)

    async def delete(self, kind: str, name: str, namespace: str | None = None) -> None:
        self._count(name, namespace)
        await super().delete(kind, name, namespace)


async def quiet(client: Counting) -> None:
    """Wait until a client has written nothing of these profiles for a while."""
    before = -1
    while client.writes != before:
        before = client.writes
        await asyncio.sleep(3)


def test_looking_at_everything_again_writes_nothing(options: settings.Settings, kube: cluster.Cluster):
    admin = kube.client()
    for number in range(5):
        admin.create(receptions.profile(f"inside-{number}", f"{number}@example.net"))
    admin.create(receptions.profile("inside-group", "admins", kind="Group"))

    async def scenario() -> None:
        async with source(options, Counting) as cluster:
            keeper = controller.Controller(options, cluster, afresh=1.0)
            async with beside(keeper.run()):
                await until(lambda: all(receptions.conditions(admin, f"inside-{number}") for number in range(5)))
                await until(lambda: receptions.conditions(admin, "inside-group") != {})
                await asyncio.wait_for(quiet(cluster), 60)
                before, looked = cluster.writes, keeper.done
                assert before >= 12, "what it makes is counted"
                await asyncio.sleep(4)
                assert keeper.done - looked >= 12, "everything was looked at at least twice"
                assert cluster.writes == before

    asyncio.run(scenario())


class Contested(kube.Kube):
    """A cluster in which somebody else is faster, once."""

    def __init__(self, options: settings.Settings, admin: lightkube.Client) -> None:
        super().__init__(options)
        self._admin = admin
        self.conflicts = 0

    async def patch(self, kind: str, name: str, change: kube.Json, namespace: str | None = None) -> kube.Json:
        if kind == "Profile" and not self.conflicts:
            theirs = {"metadata": {"finalizers": ["example.com/theirs"]}}
            self._admin.patch(receptions.Profile, name, theirs, patch_type=MERGE)
        try:
            return await super().patch(kind, name, change, namespace)
        except kube.FAILURES as error:
            self.conflicts += kube.code(error) == kube.CONFLICT
            raise


def test_what_somebody_wrote_at_the_same_time_stays(options: settings.Settings, kube: cluster.Cluster):
    admin = kube.client()
    admin.create(receptions.profile("inside-contested", "contested@example.com"))

    async def scenario() -> None:
        async with source(options, lambda options: Contested(options, admin)) as contested:
            async with beside(controller.Controller(options, contested).run()):
                await until(lambda: receptions.conditions(admin, "inside-contested") != {})
            assert contested.conflicts == 1

    asyncio.run(scenario())
    found = admin.get(receptions.Profile, "inside-contested")
    assert set(found.metadata.finalizers) == {"example.com/theirs", objects.FINALIZER}
    admin.patch(receptions.Profile, "inside-contested", {"metadata": {"finalizers": []}}, patch_type=MERGE)


class Forgetful(kube.Kube):
    """A cluster that has forgotten what happened since the first list of each kind."""

    def __init__(self, options: settings.Settings) -> None:
        super().__init__(options)
        self.asked: list[str] = []
        self.refused: list[int] = []

    async def watch(
        self, kind: str, labels: dict[str, typing.Any], version: str, seconds: int
    ) -> collections.abc.AsyncGenerator[tuple[str, kube.Json]]:
        known = version if kind in self.asked else "1"
        self.asked.append(kind)
        try:
            async for event in super().watch(kind, labels, known, seconds):
                yield event
        except kube.FAILURES as error:
            self.refused.append(kube.code(error))
            raise


def test_a_watch_that_is_lost_is_begun_anew(options: settings.Settings, kube: cluster.Cluster):
    admin = kube.client()

    async def scenario() -> None:
        async with source(options, Forgetful) as forgetful:
            async with beside(controller.Controller(options, forgetful).run()):
                await until(lambda: forgetful.asked.count("Profile") == 2)
                admin.create(receptions.profile("inside-lost", "lost@example.com"))
                await until(lambda: receptions.conditions(admin, "inside-lost") != {})
            assert 410 in forgetful.refused

    asyncio.run(scenario())


def test_before_profiles_are_known_nobody_gets_a_second_one(options: settings.Settings, kube: cluster.Cluster):
    admin = kube.client()
    admin.create(receptions.profile("inside-old-one", "early@example.com"))

    async def scenario() -> tuple[desk.Step, desk.Step]:
        async with source(options) as cluster:
            reception = desk.Desk(options, cluster)
            visitor = desk.Visitor(userid="early@example.com")
            return await reception.receive(visitor), await reception.named(visitor, "inside-early-example-com")

    for step in asyncio.run(scenario()):
        assert (step.kind, step.reason) == ("refused", "kubernetes_away")
    assert "inside-early-example-com" not in {found.metadata.name for found in admin.list(receptions.Profile)}


def test_what_is_gone_already_is_deleted_well(options: settings.Settings):
    async def scenario() -> None:
        async with source(options) as cluster:
            await cluster.delete("Profile", "inside-never-there")
            assert await cluster.get("Profile", "inside-never-there") is None
            with pytest.raises(lightkube.ApiError, match="forbidden"):
                await cluster.delete("Service", "kubernetes", "default")

    asyncio.run(scenario())
