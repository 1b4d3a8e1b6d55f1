# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The engine of the sandbox: a process for each unit that runs its hooks, and the boxes of its containers."""

import collections.abc
import dataclasses
import pathlib
import subprocess
import sys
import threading
import time

import scenario

from sandbox import box, model, processes, worker


class Live:
    """Runs hooks in workers, with real Pebbles."""

    def __init__(self, home: pathlib.Path) -> None:
        """Start nothing yet."""
        self._home = home
        self._workers: dict[str, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()
        self._ended = False
        self.boxes: dict[str, dict[str, box.Box]] = {}

    def containers(self, unit: model.Unit) -> collections.abc.Iterable[scenario.Container]:
        """Return none: the worker asks the Pebbles itself, at the last moment."""
        del unit
        return ()

    def start_worker(self, unit: model.Unit) -> "subprocess.Popen[bytes]":
        """Return the worker of a unit, starting it if there is none."""
        with self._lock:
            if self._ended:
                raise ProcessLookupError("the sandbox ends")
            found = self._workers.get(unit.name)
            if found is None or found.poll() is not None:
                with (self._home / "workers.log").open("ab") as log:
                    found = processes.start(
                        [sys.executable, "-c", "from sandbox import worker; worker.main()"],
                        env=processes.environment(self._home),
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        stderr=log,
                    )
                self._workers[unit.name] = found
            return found

    def run(self, unit: model.Unit, charm: model.Charm, event: model.Event, state: scenario.State) -> worker.Reply:
        """Run one hook in the unit's worker."""
        boxes = {name: (str(found.socket), found.words) for name, found in self.boxes.get(unit.name, {}).items()}
        event = dataclasses.replace(event, outcome=None)
        job = worker.Job(charm=charm, app=unit.app, number=unit.number, event=event, state=state, boxes=boxes)
        try:
            process = self.start_worker(unit)
            assert process.stdin
            assert process.stdout
            worker.send(process.stdin, job)
            reply = worker.receive(process.stdout)
        except OSError:
            reply = None
        if isinstance(reply, worker.Reply):
            return reply
        return worker.Reply(trace=f"the process of {unit.name} ended while it ran {event.hook}")

    def forget(self, unit: str) -> None:
        """End the worker and the containers of a unit that is gone."""
        with self._lock:
            process = self._workers.pop(unit, None)
        if process:
            process.kill()
            process.wait()
        boxes = self.boxes.pop(unit, {})
        for found in boxes.values():
            found.signal_stop()
        for found in boxes.values():
            found.wait(6)

    def stop(self, seconds: float) -> None:
        """End all workers and containers: first ask all of them, then wait for each until their time is up."""
        with self._lock:
            self._ended = True
            workers = list(self._workers.values())
        boxes = [found for unit in list(self.boxes.values()) for found in unit.values()]
        for found in boxes:
            found.signal_stop()
        for process in workers:
            process.kill()
        for process in workers:
            process.wait()
        end = time.monotonic() + seconds
        for found in boxes:
            found.wait(max(0.0, end - time.monotonic()))
