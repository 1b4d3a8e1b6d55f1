# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import asyncio
import typing

from reception import watching


def profile(version: int, **metadata: str) -> dict[str, typing.Any]:
    return {"metadata": {"name": "a", "resourceVersion": str(version), **metadata}}


class Told:
    """A cluster with one profile, of which a test tells what happens to it."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[tuple[str, dict]] = asyncio.Queue()

    async def list(self, *_) -> tuple[list[dict], str]:
        return [profile(5)], "5"

    async def watch(self, *_):
        while True:
            yield await self.events.get()


def after(written: dict, *events: tuple[str, dict]) -> dict | None:
    """Return what is known of the profile when the answer to a write comes after some events."""

    async def scenario() -> dict | None:
        source = Told()
        watched = watching.Watched(source, "Profile")
        following = asyncio.create_task(watched.run())
        await watched.synced.wait()
        for event in events:
            source.events.put_nowait(event)
        await asyncio.sleep(0.05)
        watched.keep(written)
        following.cancel()
        return watched.get("a")

    return asyncio.run(scenario())


def test_what_was_written_is_known_before_the_watch_tells():
    assert after(profile(6)) == profile(6)
    assert after(profile(10), ("MODIFIED", profile(9))) == profile(10)


def test_the_answer_to_a_write_undoes_nothing_that_came_after_it():
    """Else a deletion right after it would be seen only when everything is listed again."""
    deleted = profile(7, deletionTimestamp="now")
    assert after(profile(6), ("MODIFIED", profile(6)), ("MODIFIED", deleted)) == deleted
    assert after(profile(6), ("MODIFIED", profile(6)), ("DELETED", profile(8))) is None
