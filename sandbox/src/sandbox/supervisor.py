# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Brings the whole sandbox up, keeps it running, and takes it down without leaving anything."""

import collections.abc
import concurrent.futures
import contextlib
import dataclasses
import fcntl
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading
import time
import typing

import httpx

from sandbox import agent, box, bundle, live, model, outside, ports, processes, programs, words, world

Progress = collections.abc.Callable[[str], None]
GATEWAY = "ambassador-route"
# Seconds between two update-status, as in Juju.
_CLOCK = 300.0
# MiB that files and logs of a running sandbox take, with some to spare.
_ROOM = 50


class SandboxError(Exception):
    """The sandbox cannot start; the text is one sentence that says what to do."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What to run.

    Attributes:
        home: the sandbox's own directory.
        bundle: the bundle file.
        overlays: its overlays, in order.
        port: the gateway's port, or None for the overlay's.
        programs: the operator's own programs behind the gateway.
    """

    home: pathlib.Path
    bundle: pathlib.Path
    overlays: tuple[pathlib.Path, ...]
    port: int | None = None
    programs: tuple[outside.Program, ...] = ()


class Supervisor:
    """A running sandbox."""

    def __init__(self, plan: Plan, progress: Progress) -> None:
        """Start nothing yet."""
        self._plan = plan
        self._progress = progress
        self._resources = contextlib.ExitStack()
        self._ended = threading.Event()
        self._claimed = False
        self._running_programs: dict[outside.Program, subprocess.Popen[bytes]] = {}
        self.home = plan.home
        self.url = ""
        self.runtime = pathlib.Path()
        self.world: world.World
        self.engine: live.Live
        self._agents: agent.Agents

    def up(self) -> None:
        """Start everything, and return when no hook is left to run.

        Raises:
            SandboxError: something is in the way.
        """
        try:
            self._claim()
            spec = self._read()
            found = programs.ensure(self._progress)
            self._build(spec, found)
            self._start()
        except (bundle.BundleError, programs.ProgramError, model.WorldError, box.BoxError) as error:
            raise SandboxError(str(error)) from None
        except OSError as error:
            place = f"{error.filename}: " if error.filename else ""
            raise SandboxError(f"{place}{error.strerror or error}") from None

    def down(self) -> None:
        """End everything that was started."""
        self._ended.set()
        if not self._claimed:
            # What runs here is another's.
            self._resources.close()
            return
        if hasattr(self, "_agents"):
            self._agents.stop_soon()
        if hasattr(self, "engine"):
            self.engine.stop()
        processes.end_marked(self.home)
        self._resources.close()

    def settled(self, seconds: float) -> bool:
        """Wait until every unit is active and idle and the gateway answers; return false when that takes too long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self._agents.wait_idle(max(0.0, end - time.monotonic())) and self._active() and self._answers():
                return True
            time.sleep(0.1)
        return False

    def credentials(self) -> tuple[str, str] | None:
        """Return the static user and password of Dex, if there is one."""
        try:
            event = self.world.action("dex-auth/leader", "get-credentials", {})
            assert event.outcome
            results = event.outcome.result(timeout=20)
        except (model.WorldError, TimeoutError):
            return None
        return results["username"], results["password"]

    # Up, step by step.

    def _claim(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        check_space(self.home)
        lock = self._resources.enter_context((self.home / "lock").open("a+"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SandboxError(
                f"a sandbox is already running here ({running(self.home)}): stop it with 'sandbox down'"
            ) from None
        self._claimed = True
        stale = processes.end_marked(self.home)
        if stale:
            self._progress(f"ended {stale} processes of an earlier run")
        old = self.home / "runtime"
        if old.is_file():
            shutil.rmtree(old.read_text(), ignore_errors=True)
        for name in ("units", "debug.log", "workers.log", "echo.log"):
            path = self.home / name
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        self.runtime = pathlib.Path(tempfile.mkdtemp(prefix="auth-", dir=_runtime_base()))
        self._resources.callback(shutil.rmtree, self.runtime, ignore_errors=True)
        (self.home / "runtime").write_text(str(self.runtime))

    def _read(self) -> bundle.Bundle:
        spec = bundle.read(self._plan.bundle, self._plan.overlays)
        port = self._plan.port or int(spec.sandbox.get("port", 8080))
        holder = ports.taken(port)
        if holder:
            raise SandboxError(f"port {port} is taken by {holder}: choose another with --port N")
        self.url = f"http://127.0.0.1:{port}"
        (self.home / "url").write_text(f"pid {os.getpid()}, {self.url}")
        return spec

    def _build(self, spec: bundle.Bundle, found: dict[str, pathlib.Path]) -> None:
        block, lock = ports.claim_block()
        self._resources.callback(lock.close)
        numbers = {app.name: number for number, app in enumerate(spec.applications, 1)}

        def address(app: str, unit: int) -> str:
            if app == GATEWAY and unit == 0:
                return "127.0.0.1"
            return f"127.{block}.{numbers.get(app, 250)}.{unit + 1}"

        log = self._resources.enter_context(_open_private(self.home / "debug.log"))
        self.world = world.World(address=address, log=lambda entity, level, text: _log(log, entity, level, text))
        self.engine = live.Live(self.home)
        self._agents = agent.Agents(self.world, self.engine)
        self._found = found
        self._outside = outside.merge(spec.sandbox.get("outside") or {}, self._plan.programs)
        self._hosts = {app.name: address(app.name, 0) for app in spec.applications}
        self._hosts |= {program.name: program.host for program in self._outside}
        self._deploy(spec)

    def _deploy(self, spec: bundle.Bundle) -> None:
        for app in spec.applications:
            settings = dict(app.options)
            if app.name == GATEWAY:
                settings |= {"http-port": self.url.rsplit(":", 1)[1], "external-url": self.url}
            self.world.deploy(app.name, app.charm, units=app.scale, settings=settings)
        for one, two in spec.relations:
            self.world.integrate(one, two)
        for program in self._outside:
            self.world.outside(program.name, {"ingress": ("requires", "ingress", program.databag())})
            self.world.integrate(program.name, f"{GATEWAY}:{program.endpoint}")

    def _start(self) -> None:
        self._progress("starting")
        self._follow_programs()
        self._follow_units()
        threading.Thread(target=self._watch_world, name="units", daemon=True).start()

    def _follow_programs(self) -> None:
        """Start our own programs outside, and start again what ended."""
        for program in self._outside:
            process = self._running_programs.get(program)
            if program.command and (process is None or process.poll() is not None):
                with (self.home / "echo.log").open("ab") as out:
                    self._running_programs[program] = processes.start(
                        program.argv(), env=processes.environment(self.home), stdout=out, stderr=out
                    )

    def _follow_units(self) -> None:
        """Start what belongs to new units, and end what belonged to those that are gone."""
        with self.world.lock:
            units = {unit.name: unit for unit in self.world.units()}
        new = [unit for name, unit in units.items() if name not in self.engine.boxes]
        for name in [name for name in self.engine.boxes if name not in units]:
            self.engine.forget(name)
        made = [(unit, container, self._box(unit, container)) for unit in new for container in self._containers(unit)]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            workers = [pool.submit(self.engine.start_worker, unit) for unit in new]
            boxes = [pool.submit(found.start) for _, _, found in made]
            for future in [*workers, *boxes]:
                future.result()
        for unit, container, found in made:
            self.engine.boxes.setdefault(unit.name, {})[container] = found
            self.world.pebble_ready(unit, container)
            threading.Thread(target=self._watch_box, args=(unit, container, found), daemon=True).start()
        for unit in new:
            self._agents.start(unit)

    def _containers(self, unit: model.Unit) -> tuple[str, ...]:
        return self.world.charm(unit.app).containers

    def _box(self, unit: model.Unit, container: str) -> box.Box:
        charm = self.world.charm(unit.app)
        image = programs.IMAGES.get((charm.name, container))
        if image is None:
            raise SandboxError(f"no image is known for container {container} of charm {charm.name}")
        directory = self.home / "units" / unit.name.replace("/", "-") / container
        vocabulary = words.Words(
            hosts=self._hosts,
            model=self.world.model,
            address=unit.address,
            root=str(directory / "root"),
            tops=image.directories,
            programs={path: str(self._found[name]) for path, name in image.programs.items()},
        )
        socket = self.runtime / f"{unit.name.replace('/', '-')}-{container}"[:40]
        return box.Box(
            f"{unit.name} {container}",
            home=self.home,
            directory=directory,
            socket=socket,
            vocabulary=vocabulary,
            pebble=self._found["pebble"],
        )

    # While it runs.

    def _watch_world(self) -> None:
        """Follow scaling, and be the clock of update-status."""
        due = time.monotonic() + _CLOCK
        while not self._ended.is_set():
            with self.world.changed:
                self.world.changed.wait(timeout=1)
                known = {unit.name for unit in self.world.units()}
            if self._ended.is_set():
                return
            self._follow_programs()
            if known != set(self.engine.boxes):
                self._follow_units()
            if time.monotonic() > due:
                due = time.monotonic() + _CLOCK
                self.world.update_status()

    def _watch_box(self, unit: model.Unit, container: str, found: box.Box) -> None:
        """Tell a unit of its checks, and start its Pebble again when that ends."""
        while not self._ended.is_set():
            for change in found.watch(self._ended):
                self.world.check_changed(unit, container, change.check, change.kind)
            if self._ended.is_set() or unit.dying:
                return
            with contextlib.suppress(box.BoxError):
                found.restart()
                self.world.pebble_ready(unit, container)

    def _active(self) -> bool:
        with self.world.lock:
            return all(unit.status.current == "active" and not unit.failed for unit in self.world.units())

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/", timeout=2).status_code < 500
        except httpx.HTTPError:
            return False


def check_space(directory: pathlib.Path) -> None:
    """Refuse to start where services would run out of room for their files and logs.

    Raises:
        SandboxError: the disk is full, or nearly so.
    """
    free = shutil.disk_usage(directory).free // 2**20
    if free < _ROOM:
        raise SandboxError(f"the disk of {directory} is full: {free} MiB are free, {_ROOM} are needed")


def running(home: pathlib.Path) -> str:
    """Return pid and URL of the sandbox that runs in a home."""
    path = home / "url"
    return path.read_text() if path.is_file() else "starting"


def _runtime_base() -> str | None:
    base = os.environ.get("XDG_RUNTIME_DIR")
    # Sockets have at most 107 bytes, so a deep directory will not do.
    return base if base and os.access(base, os.W_OK) and len(base) < 40 else None


def _open_private(path: pathlib.Path) -> typing.TextIO:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    return os.fdopen(descriptor, "a", buffering=1)


def _log(stream: typing.TextIO, entity: str, level: str, text: str) -> None:
    stamp = time.strftime("%H:%M:%S")
    for line in text.splitlines() or [""]:
        print(f"{entity}: {stamp} {level} {line}", file=stream)
