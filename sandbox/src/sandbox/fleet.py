# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Gives every unit of a world its worker, its containers and its agent, and takes them away with the unit."""

import collections.abc
import concurrent.futures
import functools
import pathlib
import shutil
import threading
import time

from sandbox import agent, box, journal, live, model, processes, programs, words, world

# Seconds between two update-status, as in Juju.
_CLOCK = 300.0
# Seconds until what failed is tried again.
_AGAIN = 2.0


class Fleet:
    """The processes of all units."""

    def __init__(
        self,
        truth: world.World,
        log: journal.Journal,
        *,
        home: pathlib.Path,
        sockets: pathlib.Path,
        hosts: collections.abc.Mapping[str, str],
        found: collections.abc.Mapping[str, pathlib.Path],
    ) -> None:
        """Start nothing yet.

        Args:
            truth: the world whose units these are.
            log: the debug log.
            home: the sandbox's directory.
            sockets: a directory with a short path.
            hosts: the address of every application.
            found: the programs.
        """
        self._world = truth
        self._log = log
        self._home = home
        self._sockets = sockets
        self._hosts = hosts
        self._found = found
        self._ended = threading.Event()
        self._known: set[str] = set()
        self.engine = live.Live(home)
        self.agents = agent.Agents(truth, self.engine)

    def start(self) -> None:
        """Start what every unit needs, and follow the world from now on.

        Raises:
            BoxError: a container did not start.
        """
        self._follow()
        threading.Thread(target=self._watch_world, name="fleet", daemon=True).start()

    def stop(self, seconds: float) -> None:
        """End all of it."""
        self._ended.set()
        self.agents.stop_soon()
        self.engine.stop(seconds)

    def _follow(self) -> None:
        """Start what belongs to new units, and end what belonged to those that are gone."""
        with self._world.lock:
            units = {unit.name: unit for unit in self._world.units()}
        for name in self._known - set(units):
            self._known.discard(name)
            self.engine.forget(name)
            shutil.rmtree(self._directory(name), ignore_errors=True)
        new = [unit for name, unit in units.items() if name not in self._known]
        made = [(unit, name, self._box(unit, name)) for unit in new for name in self._containers(unit)]
        self._together(
            [functools.partial(self.engine.start_worker, unit) for unit in new] + [found.start for _, _, found in made]
        )
        for unit, container, found in made:
            self.engine.boxes.setdefault(unit.name, {})[container] = found
            self._world.pebble_ready(unit, container)
            threading.Thread(target=self._watch_box, args=(unit, container, found), daemon=True).start()
        for unit in new:
            self._known.add(unit.name)
            self.agents.start(unit)

    def _together(self, tasks: collections.abc.Sequence[collections.abc.Callable[[], object]]) -> None:
        pool = concurrent.futures.ThreadPoolExecutor(max_workers=8, thread_name_prefix="start")
        try:
            for future in [pool.submit(task) for task in tasks]:
                future.result()
        finally:
            # Whoever is interrupted here must not wait for what it is about to end.
            pool.shutdown(wait=False, cancel_futures=True)

    def _containers(self, unit: model.Unit) -> tuple[str, ...]:
        return self._world.charm(unit.app).containers

    def _box(self, unit: model.Unit, container: str) -> box.Box:
        charm = self._world.charm(unit.app)
        # A charm of the operator's own has no image here; its container then has this machine's programs.
        image = programs.IMAGES.get((charm.name, container)) or programs.Image(programs={}, directories=("/tmp",))  # noqa: S108
        directory = self._directory(unit.name) / container
        mounts = charm.mounts(container)
        volumes = {path: self._directory(unit.name) / "volumes" / name for path, name in mounts.items()}
        vocabulary = words.Words(
            hosts=self._hosts,
            model=self._world.model,
            address=unit.address,
            root=str(directory / "root"),
            tops=(*image.directories, *mounts),
            programs={path: str(self._found[name]) for path, name in image.programs.items()},
        )
        return box.Box(
            f"{unit.name} {container}",
            home=self._home,
            directory=directory,
            socket=self._sockets / f"{unit.app}-{unit.number}-{container}"[-48:],
            vocabulary=vocabulary,
            pebble=self._found["pebble"],
            volumes=volumes,
            inherited=image.inherited,
        )

    def _directory(self, unit: str) -> pathlib.Path:
        return self._home / "units" / unit.replace("/", "-")

    def _watch_world(self) -> None:
        """Follow scaling, and be the clock of update-status."""
        due = time.monotonic() + _CLOCK
        while not self._ended.is_set():
            with self._world.changed:
                self._world.changed.wait(timeout=1)
                current = {unit.name for unit in self._world.units()}
            if self._ended.is_set():
                return
            if current != self._known:
                self._try_to_follow()
            if time.monotonic() > due:
                due = time.monotonic() + _CLOCK
                self._world.update_status()

    def _try_to_follow(self) -> None:
        try:
            self._follow()
        except (box.BoxError, OSError) as error:
            self._log.write("sandbox", "ERROR", f"cannot start a unit, trying again: {error}")
            self._ended.wait(_AGAIN)

    def _watch_box(self, unit: model.Unit, container: str, found: box.Box) -> None:
        """Tell a unit of its checks, and start its Pebble again when that ends."""
        while self._wanted(unit, container, found):
            for change in found.watch(self._ended):
                self._world.check_changed(unit, container, change.check, change.kind)
            if self._wanted(unit, container, found):
                self._start_again(unit, container, found)

    def _wanted(self, unit: model.Unit, container: str, found: box.Box) -> bool:
        return not self._ended.is_set() and self.engine.boxes.get(unit.name, {}).get(container) is found

    def _start_again(self, unit: model.Unit, container: str, found: box.Box) -> None:
        entity = f"unit-{unit.app}-{unit.number}"
        self._log.write(entity, "WARNING", f"Pebble of container {container} ended, starting it again")
        try:
            # A Pebble that was killed leaves its services, and those keep their ports.
            processes.end_marked(self._home, PEBBLE_SOCKET=str(found.socket))
            found.restart()
        except (box.BoxError, OSError) as error:
            self._log.write(entity, "ERROR", f"Pebble of container {container} does not start: {error}")
            self._ended.wait(_AGAIN)
            return
        self._world.pebble_ready(unit, container)
