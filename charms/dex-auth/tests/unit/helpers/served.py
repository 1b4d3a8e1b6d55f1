# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Real Dexes with the files that the charm would write, and a client that logs in step by step."""

import collections.abc
import contextlib
import os
import pathlib
import re
import subprocess
import typing

import connectors
import dex
import httpx
import live
from charmkit.interfaces import postgresql_client

HASH = "$2b$10$2b2cU8CPhOTaGrs1HRQuAueS7JTT5ZHsHSzYiFPm1leZck7Mc8T4W"
CALLBACK = "http://127.0.0.1:1/callback"


class Unit:
    """One Dex, on a port of its own."""

    def __init__(self, home: pathlib.Path, port: int, given: dex.Inputs) -> None:
        self.url = f"http://127.0.0.1:{port}/dex"
        self._home = home
        self.telemetry = live.free_port()
        self._port = port
        self._given = given
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        state = dex.configure(self._given)
        for file in state.files:
            path = self._home / pathlib.Path(file.path).relative_to("/tmp/dex")
            path.parent.mkdir(exist_ok=True)
            path.write_text(self._here(file.text))
        layer: typing.Any = state.layer
        environment = {name: self._here(text) for name, text in layer["services"][dex.SERVICE]["environment"].items()}
        quiet = subprocess.DEVNULL
        command = [os.environ["DEX"], "serve", str(self._home / "config.yaml")]
        self._process = subprocess.Popen(command, stdout=quiet, stderr=quiet, env=environment)
        live.wait(self._answers, hint="Dex answers")

    def _here(self, text: str) -> str:
        for there, here in (
            ("0.0.0.0:5556", f"127.0.0.1:{self._port}"),
            ("0.0.0.0:5558", f"127.0.0.1:{self.telemetry}"),
            ("/tmp/dex", self._home),
            ("/var/lib/dex", self._home / "volume"),
        ):
            text = text.replace(there, str(here))
        return text

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz").status_code == 200
        except httpx.HTTPError:
            return False


@contextlib.contextmanager
def units(
    home: pathlib.Path,
    count: int = 1,
    *,
    database: postgresql_client.Database | None = None,
    volume: bool = False,
    authorities: str = "",
    make: collections.abc.Callable[[str], tuple[connectors.Connector, ...]] = lambda _: (),
) -> collections.abc.Iterator[list[Unit]]:
    """Run some Dexes as the charm would, all with one issuer; make returns the connectors for a callback URL."""
    ports = [live.free_port() for _ in range(count)]
    issuer = f"http://127.0.0.1:{ports[0]}/dex"
    given = dex.Inputs(
        issuer=issuer,
        port=5556,
        clients=(dex.Client(id="c", name="C", redirect_uris=(CALLBACK,), secret="client-s3cret"),),
        users=(dex.User(username="a@b", hash=HASH, id="1"),),
        database=database,
        volume=volume,
        authorities=authorities,
        connectors=make(f"{issuer}/callback"),
    )
    found = [Unit(home, port, given) for port in ports]
    try:
        for unit in found:
            unit.start()
        yield found
    finally:
        for unit in found:
            unit.kill()


def keys(unit: Unit) -> set[str]:
    return {key["kid"] for key in httpx.get(f"{unit.url}/keys").json()["keys"]}


def form(unit: Unit) -> str:
    """Begin a login, and return the path of its form."""
    query = {"client_id": "c", "redirect_uri": CALLBACK, "response_type": "code", "scope": "openid offline_access"}
    page = httpx.get(f"{unit.url}/auth/local", params=query, follow_redirects=True)
    (action,) = re.findall(r'action="([^"]*)"', page.text)
    return action.replace("&amp;", "&").removeprefix("/dex")


def code(unit: Unit, path: str) -> str:
    """Send the form to a unit, and return the code in its answer."""
    answer = httpx.post(unit.url + path, data={"login": "a@b", "password": "password"})
    while "code=" not in answer.headers["location"]:
        location = answer.headers["location"]
        answer = httpx.get(unit.url + re.sub(r"^.*?/dex", "", location))
    return re.findall(r"code=([^&]*)", answer.headers["location"])[0]


def token(unit: Unit, **fields: str) -> dict:
    answer = httpx.post(f"{unit.url}/token", data={**fields, "redirect_uri": CALLBACK}, auth=("c", "client-s3cret"))
    assert answer.status_code == 200, answer.text
    return answer.json()
