# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""One container: a directory that holds its files, and a real Pebble that runs its services."""

import collections.abc
import contextlib
import dataclasses
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import threading
import time
import typing

import httpx

from sandbox import client, processes, words

Json = typing.Any


class BoxError(Exception):
    """A container did not come up."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class CheckChange:
    """A check failed, or recovered."""

    check: str
    kind: str


class Box:
    """A container of a unit."""

    def __init__(
        self,
        name: str,
        *,
        home: pathlib.Path,
        directory: pathlib.Path,
        socket: pathlib.Path,
        vocabulary: words.Words,
        pebble: pathlib.Path,
        volumes: collections.abc.Mapping[str, pathlib.Path] | None = None,
        inherited: tuple[str, ...] = (),
    ) -> None:
        """Start nothing yet.

        Args:
            name: what messages call it: the unit and the container.
            home: the sandbox's directory, the mark of its processes.
            directory: the container's own directory.
            socket: where Pebble shall listen; a short path, because the kernel takes 107 bytes at most.
            vocabulary: the words of the container.
            pebble: the program.
            volumes: by path in the container, the directories that outlive it.
            inherited: variables of this process that its services get too.
        """
        self.name = name
        self.directory = directory
        self.socket = socket
        self.words = vocabulary
        self._home = home
        self._pebble = pebble
        self._volumes = dict(volumes or {})
        self._lost = False
        self._inherited = {name: os.environ[name] for name in inherited if name in os.environ}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Make the container anew, start its Pebble, and return when that answers.

        Raises:
            BoxError: it ended, or did not answer within ten seconds.
        """
        shutil.rmtree(self.directory, ignore_errors=True)
        for top in set(self.words.tops) - set(self._volumes):
            pathlib.Path(f"{self.words.root}{top}").mkdir(parents=True, mode=0o700)
        for path, volume in self._volumes.items():
            volume.mkdir(parents=True, exist_ok=True, mode=0o700)
            place = pathlib.Path(f"{self.words.root}{path}")
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            place.symlink_to(volume)
        self._run()

    def lose(self) -> None:
        """Kill Pebble, as when a pod is lost: at its next start the container is made anew."""
        self._lost = True
        if self._process is not None:
            self._process.kill()

    def restart(self) -> None:
        """Start Pebble again in the same directory; its plan is empty, the files are there unless the pod was lost."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._lost:
            self._lost = False
            self.start()
            return
        (self.directory / "pebble" / ".pebble.state").unlink(missing_ok=True)
        pathlib.Path(f"{self.words.root}.seen/layers.json").unlink(missing_ok=True)
        self._run()

    def _run(self) -> None:
        state = self.directory / "pebble"
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.socket.unlink(missing_ok=True)
        env = processes.environment(self._home, PEBBLE=str(state), PEBBLE_SOCKET=str(self.socket), **self._inherited)
        with (self.directory / "pebble.log").open("ab") as log:
            self._process = processes.start(
                [str(self._pebble), "run", "--create-dirs", "--hold"],
                env=env,
                on_death=signal.SIGTERM,
                cwd=self.directory,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        end = time.monotonic() + 10
        while not self.answers():
            if self._process.poll() is not None or time.monotonic() > end:
                raise BoxError(f"{self.name}: Pebble did not start: {self._last_words()}")
            time.sleep(0.01)

    def answers(self) -> bool:
        """Return whether Pebble answers."""
        try:
            # The HTTP client leaves a socket open that it could not connect.
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(str(self.socket))
        except OSError:
            return False
        try:
            with self._http(timeout=1) as http:
                return http.get("/v1/health").status_code < 500
        except httpx.HTTPError:
            return False

    @property
    def alive(self) -> bool:
        """Return whether Pebble's process runs."""
        return self._process is not None and self._process.poll() is None

    def signal_stop(self) -> None:
        """Ask Pebble to stop its services and to end."""
        if self._process and self.alive:
            self._process.terminate()

    def wait(self, seconds: float) -> None:
        """Wait for Pebble's end, and enforce it afterwards."""
        if self._process is None:
            return
        try:
            self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self.socket.unlink(missing_ok=True)

    def client(self) -> client.LiveClient:
        """Return a client in the charm's words."""
        return client.LiveClient(str(self.socket), self.words)

    def service_pid(self, service: str) -> int | None:
        """Return the process of a running service: the child of Pebble that has its command."""
        if self._process is None:
            return None
        command = self.words.command(self.client().get_plan().services[service].command)
        for thread in pathlib.Path(f"/proc/{self._process.pid}/task").iterdir():
            with contextlib.suppress(OSError):
                for child in (thread / "children").read_text().split():
                    words = pathlib.Path(f"/proc/{child}/cmdline").read_text().split("\0")
                    if " ".join(words).strip().endswith(command.strip()):
                        return int(child)
        return None

    def watch(self, ended: threading.Event) -> collections.abc.Iterator[CheckChange]:
        """Yield the checks that fail and recover, from now until an event is set or Pebble ends."""
        after = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        while not ended.is_set() and self.alive:
            try:
                with self._http(timeout=8) as http:
                    notices = http.get(
                        "/v1/notices", params={"types": "change-update", "after": after, "timeout": "5s"}
                    ).json()["result"]
                    for notice in typing.cast("list[dict[str, Json]]", notices or []):
                        after = max(after, notice["last-repeated"], key=_instant)
                        change = http.get(f"/v1/changes/{notice['key']}").json()["result"]
                        found = _check_change(change, notice)
                        if found:
                            yield found
            except (httpx.HTTPError, ValueError, KeyError):
                ended.wait(0.2)

    def _http(self, *, timeout: float) -> httpx.Client:
        transport = httpx.HTTPTransport(uds=str(self.socket))
        return httpx.Client(transport=transport, base_url="http://pebble", timeout=timeout)

    def _last_words(self) -> str:
        text = (self.directory / "pebble.log").read_text(errors="replace").strip()
        return text.splitlines()[-1] if text else "it said nothing"


def _check_change(change: dict[str, Json], notice: dict[str, Json]) -> CheckChange | None:
    name = notice.get("last-data", {}).get("check-name", "")
    if (change.get("kind"), change.get("status")) == ("perform-check", "Error"):
        return CheckChange(check=name, kind="failed")
    if (change.get("kind"), change.get("status")) == ("recover-check", "Done"):
        return CheckChange(check=name, kind="recovered")
    return None


def _instant(text: str) -> tuple[str, str]:
    """Order RFC 3339 times in UTC, whose fractions have different lengths."""
    seconds, _, fraction = text.rstrip("Z").partition(".")
    return seconds, fraction.ljust(9, "0")
