# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Brings the whole sandbox up, keeps it running, and takes it down without leaving anything."""

import collections.abc
import contextlib
import dataclasses
import errno
import os
import pathlib
import shutil
import threading
import time

import httpx

from sandbox import box, bundle, fleet, home, journal, kubernetes, model, outside, ports, processes, programs, world

Progress = collections.abc.Callable[[str], None]
# The charm whose application is the gateway.
_GATEWAY = "ambassador-route"
_PORT = 8080
# What an ordinary user may bind, and the gateway's charm accepts.
PORTS = (1024, 65535)
# Seconds for a clean end; what is left then is killed.
_END = 1.0
# MiB that files and logs of a running sandbox take, with some to spare.
_ROOM = 50
# Seconds of silence while there is something to wait for.
_SPEAK = 5.0


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
        kubernetes: whether to use the cluster of KUBECONFIG.
    """

    home: pathlib.Path
    bundle: pathlib.Path
    overlays: tuple[pathlib.Path, ...]
    port: int | None = None
    programs: tuple[outside.Program, ...] = ()
    kubernetes: bool = False


class Supervisor:
    """A running sandbox."""

    def __init__(self, plan: Plan, progress: Progress) -> None:
        """Start nothing yet."""
        self._plan = plan
        self._progress = progress
        self._resources = contextlib.ExitStack()
        self._ended = threading.Event()
        self._fleet: fleet.Fleet | None = None
        self._gateway = ""
        self.home: home.Home
        self.world: world.World
        self.journal: journal.Journal
        self.url = ""

    def boxes(self, unit: str) -> dict[str, box.Box]:
        """Return the containers of a unit by their names."""
        return dict(self._fleet.engine.boxes.get(unit, {})) if self._fleet else {}

    def claim(self) -> None:
        """Take the home, and end what an earlier run left in it.

        Raises:
            SandboxError: another sandbox runs here, or the home cannot be used.
        """
        with self._sentences():
            self.home = home.Home(self._plan.home)
            # In the end, the other way round: each of them, whatever happens to the one before.
            self._resources.callback(self.home.close)
            check_space(self.home.path)
            self._resources.callback(processes.end_marked, self.home.path, grace=_END / 4)
            stale = processes.end_marked(self.home.path)
            if stale:
                self._progress(f"ended {stale} {'process' if stale == 1 else 'processes'} of an earlier run")
            self.home.clear()
            processes.mark_own(self.home.path)

    def up(self) -> None:
        """Start everything; hooks run from then on.

        Raises:
            SandboxError: something is in the way.
        """
        with self._sentences():
            spec = bundle.read(self._plan.bundle, self._plan.overlays)
            gateways = [app.name for app in spec.applications if app.charm.name == _GATEWAY]
            self._gateway = gateways[0] if gateways else ""
            port = self._choose_port(spec)
            spec = kubernetes.fitting(spec, self._progress, wanted=self._plan.kubernetes)
            own = outside.merge(spec.sandbox.get("outside"), self._plan.programs) if self._gateway else ()
            found = programs.ensure(self._progress)
            block, lock = ports.claim_block()
            self._resources.enter_context(contextlib.closing(lock))
            self._progress("starting")
            self._make_world(spec, block, port, own)
            hosts = {app.name: self._address(spec, block, app.name, 0) for app in spec.applications}
            hosts |= {program.name: program.host for program in own}
            self._check_ports()
            self._start(hosts, found, own)

    def down(self) -> None:
        """End everything that was started."""
        self._ended.set()
        if hasattr(self, "journal"):
            # Hooks that are cut off now are nobody's mistake.
            self.journal.close()
        self._resources.close()

    def settled(self, seconds: float, waiting: Progress) -> bool:
        """Wait until every unit is active and idle and the gateway answers; return false when that takes too long.

        Args:
            seconds: how long to wait.
            waiting: hears every few seconds what there is to wait for.

        Raises:
            SandboxError: the disk is full.
        """
        assert self._fleet
        said = ""
        now = began = spoke = time.monotonic()
        while now < began + seconds:
            if self._fleet.agents.wait_idle(min(1.0, began + seconds - now)) and not self._missing():
                return True
            now = time.monotonic()
            if now > spoke + _SPEAK:
                spoke, before, said = now, said, self._missing() or "hooks are running"
                if self._disk_is_full():
                    raise SandboxError(self._full_disk())
                if said != before:
                    waiting(said)
            time.sleep(0.1)
        return False

    def credentials(self) -> tuple[str, str] | None:
        """Return the static user and password of Dex, if there is one."""
        try:
            event = self.world.action("dex-auth/leader", "get-credentials", {})
            assert event.outcome
            results = event.outcome.result(timeout=20)
            return results["username"], results["password"]
        except (model.WorldError, TimeoutError, KeyError):
            return None

    # Up, step by step.

    @contextlib.contextmanager
    def _sentences(self) -> collections.abc.Generator[None]:
        """Turn what can go wrong into one sentence."""
        try:
            yield
        except OSError as error:
            raise SandboxError(home.sentence(error, self._plan.home)) from None
        except box.BoxError as error:
            raise SandboxError(self._full_disk() if self._disk_is_full() else str(error)) from None
        except (
            bundle.BundleError,
            home.HomeError,
            kubernetes.ClusterError,
            model.WorldError,
            outside.OutsideError,
            programs.ProgramError,
        ) as error:
            raise SandboxError(str(error)) from None

    def _disk_is_full(self) -> bool:
        """Return whether the reason of trouble may be a full disk."""
        return shutil.disk_usage(self.home.path).free < 2**20

    def _full_disk(self) -> str:
        return home.sentence(OSError(errno.ENOSPC, ""), self.home.path)

    def _choose_port(self, spec: bundle.Bundle) -> int:
        port = self._plan.port or spec.sandbox.get("port", _PORT)
        if type(port) is not int or not PORTS[0] <= port <= PORTS[1]:
            raise SandboxError(
                f"sandbox.port in the overlay must be a number from {PORTS[0]} to {PORTS[1]}, not {port!r}"
            )
        if self._gateway:
            holder = ports.taken(port)
            if holder:
                raise SandboxError(f"port {port} is taken by {holder}: choose another with --port N")
            self.url = f"http://127.0.0.1:{port}"
        self.home.tell(home.Running(pid=os.getpid(), url=self.url, runtime=str(self.home.runtime)))
        return port

    def _address(self, spec: bundle.Bundle, block: int, app: str, unit: int) -> str:
        """Return a unit's own loopback address: its number starts again where the last byte ends."""
        if app == self._gateway and unit == 0:
            return "127.0.0.1"
        names = [found.name for found in spec.applications]
        return f"127.{block}.{names.index(app) + 1 if app in names else 254}.{unit % 254 + 1}"

    def _make_world(
        self, spec: bundle.Bundle, block: int, port: int, own: collections.abc.Iterable[outside.Program]
    ) -> None:
        self.journal = journal.Journal(self.home.open("debug.log"))
        self.world = world.World(
            address=lambda app, unit: self._address(spec, block, app, unit), log=self.journal.write
        )
        self.journal.hide_secrets_of(self.world)
        for app in spec.applications:
            settings = dict(app.options)
            if app.name == self._gateway:
                settings |= {"http-port": str(port), "external-url": self.url}
            self.world.deploy(app.name, app.charm, units=app.scale, settings=settings)
        for one, two in spec.relations:
            self.world.integrate(one, two)
        for program in own:
            self.world.outside(program.name, {"ingress": ("requires", "ingress", program.databag())})
            self.world.integrate(program.name, f"{self._gateway}:{program.endpoint}")

    def _check_ports(self) -> None:
        """Refuse to start beside a program that listens on all addresses with a port that a unit needs."""
        for unit in self.world.units():
            charm = self.world.charm(unit.app)
            for container in charm.containers:
                image = programs.IMAGES.get((charm.name, container))
                for port in image.ports if image else ():
                    holder = ports.taken(port, unit.address)
                    if holder:
                        raise SandboxError(
                            f"port {port}, which {unit.name} needs on {unit.address}, is taken on all addresses by "
                            f"{holder}: end that, or let it listen on one address only"
                        )

    def _start(
        self,
        hosts: collections.abc.Mapping[str, str],
        found: collections.abc.Mapping[str, pathlib.Path],
        own: collections.abc.Iterable[outside.Program],
    ) -> None:
        for program in own:
            if program.command:
                threading.Thread(target=self._keep, args=(program,), name=program.name, daemon=True).start()
            elif not program.answers():
                self._progress(f"nothing listens on {program.host}:{program.port} for {program.prefix} yet")
        self._fleet = fleet.Fleet(
            self.world, self.journal, home=self.home.path, sockets=self.home.runtime, hosts=hosts, found=found
        )
        self._resources.callback(self._fleet.stop, _END)
        self._fleet.start()

    # While it runs.

    def _keep(self, program: outside.Program) -> None:
        """Run a program of this package, again and again when it ends."""
        while not self._ended.is_set():
            with self.home.open("outside.log") as out:
                process = processes.start(
                    program.argv(), env=processes.environment(self.home.path), stdout=out, stderr=out
                )
            process.wait()
            self._ended.wait(0.5)

    def _missing(self) -> str:
        """Say what is not as it should be, or nothing."""
        with self.world.lock:
            for unit in self.world.units():
                if unit.status.current != "active" or unit.failed:
                    return f"{unit.name}: {unit.status.current} {unit.status.message}".strip()
        return "" if not self.url or self._answers() else f"{self.url}/ does not answer"

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/", timeout=2, trust_env=False).status_code < 500
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
