# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Takes hooks from a world and has an engine run them: in a thread for each unit, or one by one in a chosen order."""

import collections.abc
import dataclasses
import pathlib
import random
import shutil
import tempfile
import threading
import typing
import weakref

import ops
import scenario

from sandbox import model, worker, world

# Seconds until a failed hook is run again, as Juju does; the last one repeats.
RETRIES = (5.0, 10.0, 20.0, 40.0, 60.0)
# The directories of a container in which charms write.
_TOPS = ("etc", "tmp", "var")


class Engine(typing.Protocol):
    """Runs a charm's hooks."""

    def containers(self, unit: model.Unit) -> collections.abc.Iterable[scenario.Container]:
        """Return the containers of a unit as they are now."""
        ...

    def run(self, unit: model.Unit, charm: model.Charm, event: model.Event, state: scenario.State) -> worker.Reply:
        """Run one hook."""
        ...


def step(truth: world.World, unit: model.Unit, engine: Engine) -> bool:
    """Run the next hook of a unit, and return whether there was one."""
    event = truth.take(unit)
    if event is None:
        return False
    before = truth.build(unit, engine.containers(unit))
    if not worker.applicable(dataclasses.replace(event, check=""), before):
        truth.commit(unit, before, before)
        return True
    reply = engine.run(unit, truth.charm(unit.app), event, before)
    for level, text in reply.logs:
        truth.log(f"unit-{unit.app}-{unit.number}", level, f"unit.{unit.name}.juju-log {text}")
    _finish(truth, unit, event, before, reply)
    return True


def _finish(
    truth: world.World, unit: model.Unit, event: model.Event, before: scenario.State, reply: worker.Reply
) -> None:
    failure = reply.failure
    if reply.state is not None:
        truth.commit(unit, before, reply.state)
    elif event.outcome:
        # An action that raises fails; its unit does not.
        truth.log(f"unit-{unit.app}-{unit.number}", "ERROR", reply.trace)
        truth.commit(unit, before, before)
        failure = f"action {event.action} raised: the traceback is in debug-log"
    else:
        truth.fail(unit, reply.trace)
    if event.outcome:
        if failure is None:
            event.outcome.set_result(reply.results)
        else:
            event.outcome.set_exception(model.WorldError(failure))


class InMemory:
    """An engine without processes: ops.testing's own Pebble, in which files stay and nothing runs."""

    def __init__(self) -> None:
        """Keep the containers' files in a temporary directory, which goes with this engine."""
        self._directory = pathlib.Path(tempfile.mkdtemp(prefix="world-"))
        weakref.finalize(self, shutil.rmtree, self._directory, ignore_errors=True)
        self._containers: dict[tuple[str, str], scenario.Container] = {}
        self._classes: dict[pathlib.Path, type[ops.CharmBase]] = {}

    def containers(self, unit: model.Unit) -> tuple[scenario.Container, ...]:
        """Return the unit's containers as its last hook left them."""
        return tuple(found for (name, _), found in self._containers.items() if name == unit.name)

    def start(self, truth: world.World, unit: model.Unit) -> None:
        """Let Pebble come up in every container of a unit, with no file but those on volumes, and no plan."""
        for name in truth.charm(unit.app).containers:
            home = self._directory / unit.name.replace("/", "-") / name
            _wipe(home)
            for path, volume in truth.charm(unit.app).mounts(name).items():
                place, kept = home / path.removeprefix("/"), home.parent / "volumes" / volume
                kept.mkdir(parents=True, exist_ok=True)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.symlink_to(kept)
            mounts = {top: scenario.Mount(location=f"/{top}", source=home / top) for top in _TOPS}
            anything = scenario.Exec([], return_code=0)
            self._containers[unit.name, name] = scenario.Container(
                name, can_connect=True, mounts=mounts, execs={anything}
            )
            truth.pebble_ready(unit, name)

    def files(self, unit: model.Unit) -> dict[str, str]:
        """Return the text of every file in the unit's containers, by container and path."""
        home = self._directory / unit.name.replace("/", "-")
        return {str(path.relative_to(home)): path.read_text() for path in sorted(home.rglob("*")) if path.is_file()}

    def run(self, unit: model.Unit, charm: model.Charm, event: model.Event, state: scenario.State) -> worker.Reply:
        """Run one hook in this process."""
        if charm.source not in self._classes:
            self._classes[charm.source] = worker.load(charm.source)
        if event.check and not worker.applicable(event, state):
            return worker.Reply(state=state)
        job = worker.Job(charm=charm, app=unit.app, number=unit.number, event=event, state=state)
        reply = worker.run(self._classes[charm.source], job)
        if reply.state is not None:
            for found in reply.state.containers:
                self._containers[unit.name, found.name] = found
        return reply


def _wipe(home: pathlib.Path) -> None:
    shutil.rmtree(home, ignore_errors=True)
    for top in _TOPS:
        (home / top).mkdir(parents=True)


def settle(truth: world.World, engine: Engine, order: random.Random, *, bound: int = 1000) -> int:
    """Run hooks one at a time, each time of a unit chosen by chance, until there are none; return how many.

    Raises:
        AssertionError: there is no end to it within the bound, or a hook raised.
    """
    ran: list[str] = []
    while waiting := [unit for unit in truth.units() if unit.queue]:
        unit = order.choice(waiting)
        ran.append(f"{unit.name} {unit.queue[0].hook}")
        assert step(truth, unit, engine)
        assert not unit.failed, f"{ran[-1]} raised after {ran[-10:]}"
        assert len(ran) < bound, f"not settled after {bound} hooks, the last were {ran[-20:]}"
    return len(ran)


class Agents:
    """A thread for each unit, which runs its hooks in order, and those that failed again."""

    def __init__(self, truth: world.World, engine: Engine) -> None:
        """Start nothing yet."""
        self._world = truth
        self._engine = engine
        self._threads: dict[str, threading.Thread] = {}
        self._ending = False

    def start(self, unit: model.Unit) -> None:
        """Run a unit's hooks from now on, until it is removed."""
        thread = threading.Thread(target=self._live, args=(unit,), name=unit.name, daemon=True)
        self._threads[unit.name] = thread
        thread.start()

    def stop_soon(self) -> None:
        """Run no further hook, without waiting for those that run."""
        self._ending = True

    def wait_idle(self, seconds: float) -> bool:
        """Wait until no hook runs or waits; return false when that takes too long."""
        with self._world.changed:
            return self._world.changed.wait_for(lambda: not self._world.busy(), timeout=seconds)

    def _live(self, unit: model.Unit) -> None:
        while not self._ending and unit.number in self._world.apps[unit.app].units:
            with self._world.changed:
                delay = RETRIES[min(unit.failures, len(RETRIES)) - 1] if unit.failed else None
                woken = self._world.changed.wait_for(lambda: self._ready(unit), timeout=delay)
            if self._ending:
                return
            if not woken:
                self._world.retry(unit)
            step(self._world, unit, self._engine)

    def _ready(self, unit: model.Unit) -> bool:
        return self._ending or bool(unit.queue and not unit.failed)
