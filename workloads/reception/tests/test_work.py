# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import asyncio
import contextlib
import itertools

from reception import work


async def _run(queue: work.Work, handle, workers: int, seconds: float) -> None:
    tasks = [asyncio.create_task(queue.run(handle)) for _ in range(workers)]
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*tasks)


def test_a_name_is_never_worked_on_twice_at_a_time_and_never_forgotten():
    busy: list[str] = []
    done: list[str] = []

    async def scenario() -> None:
        queue = work.Work()

        async def handle(name: str) -> bool:
            assert name not in busy
            busy.append(name)
            queue.add(name) if len(done) < 3 else None
            await asyncio.sleep(0.01)
            busy.remove(name)
            done.append(name)
            return True

        queue.add("a")
        queue.add("a")
        await _run(queue, handle, 4, 0.3)
        assert len(queue) == 0

    asyncio.run(scenario())
    assert done == ["a"] * 4


def test_what_fails_is_tried_again():
    tries: list[str] = []

    async def scenario() -> None:
        queue = work.Work()

        async def handle(name: str) -> bool:
            tries.append(name)
            return len(tries) > 2

        queue.add("a")
        await _run(queue, handle, 2, 1.5)

    asyncio.run(scenario())
    assert tries == ["a"] * 3


def test_what_fails_again_and_again_is_tried_ever_more_rarely():
    tries: list[float] = []

    async def scenario() -> None:
        queue = work.Work()

        async def handle(name: str) -> bool:
            tries.append(asyncio.get_running_loop().time())
            return False

        queue.add("a")
        await _run(queue, handle, 1, 1.6)

    asyncio.run(scenario())
    pauses = [after - before for before, after in itertools.pairwise(tries)]
    assert len(pauses) in (2, 3)
    assert pauses == sorted(pauses)
    assert pauses[-1] > 0.34
