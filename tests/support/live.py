# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""A running sandbox, driven through its command line as a person would, and a client that logs in."""

import collections.abc
import contextlib
import html
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import time
import urllib.parse

import httpx

ROOT = pathlib.Path(__file__).resolve().parents[2]
SANDBOX = pathlib.Path(sys.executable).with_name("sandbox")
SESSION = "authservice_session"


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait(what: collections.abc.Callable[[], object], *, seconds: float = 30, hint: str = "") -> None:
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, f"not within {seconds} s: {hint}"
        time.sleep(0.1)


class Front:
    """The gateway, as somebody before it sees it.

    Attributes:
        url: where it is.
    """

    url: str

    def credentials(self) -> tuple[str, str]:
        """Return the static user and password."""
        raise NotImplementedError

    def client(self) -> httpx.Client:
        """Return a browser-like client with a cookie jar of its own."""
        return httpx.Client(base_url=self.url, follow_redirects=True, timeout=20)

    def login(
        self,
        user: str | None = None,
        password: str | None = None,
        *,
        path: str = "/",
        connector: str = "local",
        client: httpx.Client | None = None,
    ) -> tuple[httpx.Client, httpx.Response]:
        """Log in as a person would, and return the client and the page it ended on."""
        if user is None or password is None:
            user, password = self.credentials()
        client, page = self.begin(path=path, connector=connector, client=client)
        try:
            page = submit(client, page, login=user, password=password)
        except BaseException:
            client.close()
            raise
        return client, page

    def begin(
        self, *, path: str = "/", connector: str = "local", client: httpx.Client | None = None
    ) -> tuple[httpx.Client, httpx.Response]:
        """Ask for a page without a session, and return the client and the login form that it ended on."""
        client = client or self.client()
        try:
            return client, choose(client, client.get(path), connector)
        except BaseException:
            client.close()
            raise

    def can_log_in(self, user: str | None = None, password: str | None = None, *, connector: str = "local") -> bool:
        """Return whether a login with this password ends on the page first asked for, with a session."""
        try:
            client, page = self.login(user, password, connector=connector)
        except (NoLoginError, httpx.HTTPError):
            return False
        with contextlib.closing(client):
            return page.status_code == 200 and page.url.path == "/" and SESSION in client.cookies


class Live(Front):
    """The bundle of this repository, running."""

    def __init__(self, home: pathlib.Path, *arguments: str) -> None:
        self.home = home
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._arguments = arguments
        # Whether a command could have changed something since this was last set to false.
        self.touched = False

    def cli(self, *words: str, code: int = 0, seconds: float = 120) -> str:
        """Run one command, and return what it printed (both streams)."""
        self.touched = self.touched or words[0] not in ("status", "run", "url", "debug-log")
        done = subprocess.run(
            [SANDBOX, *words],
            env={**os.environ, "SANDBOX_HOME": str(self.home)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
        )
        assert done.returncode == code, f"sandbox {' '.join(words)}: exit {done.returncode}\n{done.stdout}"
        return done.stdout

    def up(self) -> str:
        """Start everything, and return when it serves."""
        return self.cli("up", "--detach", "--port", str(self.port), *self._arguments, seconds=600)

    def down(self) -> None:
        """End everything."""
        self.cli("down")

    def status(self) -> dict:
        """Return what `sandbox status` says."""
        return json.loads(self.cli("status", "--format", "json"))

    def message(self, unit: str) -> str:
        """Return a unit's status and message, as one text."""
        units = self.status()["applications"][unit.split("/")[0]]["units"]
        status = units[unit]["workload-status"]
        return f"{status['current']}: {status.get('message', '')}".removesuffix(": ")

    def settled(self) -> bool:
        """Return whether no hook is running or waiting."""
        applications = self.status()["applications"].values()
        return all(unit["juju-status"]["current"] == "idle" for app in applications for unit in app["units"].values())

    def active(self) -> bool:
        """Return whether every unit is active and idle."""
        applications = self.status()["applications"].values()
        units = [unit for app in applications for unit in app.get("units", {}).values()]
        states = {(unit["workload-status"]["current"], unit["juju-status"]["current"]) for unit in units}
        return states == {("active", "idle")}

    def config(self, app: str, *words: str) -> None:
        """Set options, and wait until everything has followed."""
        self.cli("config", app, *words)
        wait(self.settled, hint="settle after config")

    def run(self, unit: str, action: str, *words: str) -> dict:
        """Run an action and return its results."""
        return json.loads(self.cli("run", unit, action, *words, "--format", "json"))

    def credentials(self) -> tuple[str, str]:
        """Return the static user and password."""
        results = self.run("dex-auth/leader", "get-credentials")
        return results["username"], results["password"]

    def file(self, unit: str, container: str, path: str) -> pathlib.Path:
        """Return where a file of a container really is."""
        return self.home / "units" / unit.replace("/", "-") / container / f"root{path}"


class NoLoginError(AssertionError):
    """There was no login page where one was expected."""


def choose(client: httpx.Client, page: httpx.Response, connector: str) -> httpx.Response:
    """Pick a connector, where Dex offers more than one."""
    if 'name="password"' in page.text:
        return page
    link = re.search(rf'href="([^"]*/dex/auth/{connector}[?][^"]*)"', page.text)
    if not link:
        raise NoLoginError(f"no connector {connector} on {page.url}: {page.text[:2000]}")
    return client.get(urllib.parse.urljoin(str(page.url), html.unescape(link[1])))


def submit(client: httpx.Client, page: httpx.Response, **fields: str) -> httpx.Response:
    """Fill in the form of a login page."""
    if page.status_code != 200:
        raise NoLoginError(f"{page.status_code} on {page.url}: {page.text[:2000]}")
    action = re.search(r'<form[^>]*action="([^"]*)"', page.text)
    target = urllib.parse.urljoin(str(page.url), html.unescape(action[1]) if action else "")
    return client.post(target, data=fields)


def marked(marker: str) -> list[int]:
    """Return the processes whose environment or command line contains a text."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        try:
            text = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if marker.encode() in text:
            found.append(int(entry.name))
    return found
