# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The bundle in a Juju model on a real Kubernetes, and an application behind it that tells what it was asked."""

import collections.abc
import json
import pathlib
import time
import zipfile

import httpx
import jubilant
import lightkube
import live
import yaml
from lightkube.resources.core_v1 import Pod

UPSTREAM = live.ROOT / "tests" / "integration" / "upstream"
BUNDLE: dict[str, dict] = yaml.safe_load((live.ROOT / "bundle.yaml").read_text())["applications"]
# As in `make deploy`: the rest needs what only a cluster's administrator gives it.
APPLICATIONS = ("dex-auth", "gatekeeper", "ambassador-route")
# Seconds: images may have to be fetched, and Juju removes a relation in about ten.
PATIENCE = 900
# Seconds for one hook, and what follows it, on a machine with little time.
_ANSWER = 300
_PORT = 8080


class Deployed(live.Front):
    """A model with the bundle in it.

    Attributes:
        juju: the model.
        kube: the cluster; None where no test needs it.
        seen: every status that a unit had while somebody waited here, as (unit, status, message).
    """

    def __init__(self, juju: jubilant.Juju, kube: lightkube.Client | None = None) -> None:
        assert juju.model
        self.juju = juju
        self.namespace = juju.model.rpartition(":")[2]
        self.kube = kube or lightkube.Client(namespace=self.namespace)
        self.seen: set[tuple[str, str, str]] = set()
        self.port = _PORT
        self._address = ""

    @property
    def url(self) -> str:
        """Return where the gateway's Service is, by its address in the cluster."""
        self._address = self._address or self.juju.status().apps["ambassador-route"].address
        return f"http://{self._address}:{self.port}"

    def deploy(self, charms: collections.abc.Mapping[str, dict], scratch: pathlib.Path) -> None:
        """Deploy the bundle and an application behind it, and wait until everything is active.

        Args:
            charms: for each application its charm and its resources, as an overlay of the bundle has them; the rest
                of the bundle is left out.
            scratch: a directory that Juju can read.
        """
        overlay = scratch / "overlay.yaml"
        overlay.write_text(yaml.safe_dump({"applications": {name: charms.get(name) for name in BUNDLE}}))
        self.juju.deploy(live.ROOT / "bundle.yaml", overlays=[overlay], trust=True)
        packed = scratch / "upstream.charm"
        with zipfile.ZipFile(packed, "w") as archive:
            for file in sorted(UPSTREAM.iterdir()):
                archive.write(file, file.name)
        self.juju.deploy(packed, "upstream")
        self.juju.integrate("upstream:ingress", "ambassador-route:ingress")
        self.settle()

    def settle(self, seconds: float = PATIENCE) -> None:
        """Wait until everything is active and no hook runs."""
        self.until(lambda status: jubilant.all_active(status) and jubilant.all_agents_idle(status), seconds)

    def until(self, ready: collections.abc.Callable[[jubilant.Status], bool], seconds: float = _ANSWER) -> None:
        """Wait until something is true of the model."""

        def look(status: jubilant.Status) -> bool:
            for name in APPLICATIONS:
                for unit, found in status.apps[name].units.items():
                    self.seen.add((unit, found.workload_status.current, found.workload_status.message))
            return ready(status)

        self.juju.wait(look, timeout=seconds)

    def blocked(self, application: str) -> str:
        """Wait until a unit is blocked, and return why."""
        self.until(lambda status: status.apps[application].app_status.current == "blocked")
        return self.juju.status().apps[application].app_status.message

    def config(self, application: str, *words: str) -> None:
        """Set options as an operator types them."""
        self.juju.cli("config", application, *words)

    def credentials(self) -> tuple[str, str]:
        """Return the static user and password."""
        results = self.juju.run("dex-auth/leader", "get-credentials", wait=_ANSWER).results
        return results["username"], results["password"]

    def logs_in(self, user: str = "", password: str = "", *, connector: str = "local") -> None:
        """Wait until a login works: the services of a change follow its hooks by seconds."""
        if not user:
            user, password = self.credentials()
        live.wait(
            lambda: self.can_log_in(user, password, connector=connector), seconds=_ANSWER, hint=f"{user} can log in"
        )

    def answers(self, client: httpx.Client, code: int, path: str = "/") -> None:
        """Wait until the gateway answers in a certain way."""
        live.wait(lambda: _code(client, path) == code, seconds=_ANSWER, hint=f"GET {path} answers {code}")

    def kill(self, unit: str) -> None:
        """End a unit's pod at once, and return when its containers have ended too."""
        name = unit.replace("/", "-")
        before = self.kube.get(Pod, name, namespace=self.namespace)
        self.kube.delete(Pod, name, namespace=self.namespace, grace_period=1)
        assert before.metadata
        live.wait(lambda: before.metadata.uid not in self._pods(), seconds=_ANSWER, hint=f"{name} is gone")

    def _pods(self) -> set[str | None]:
        return {pod.metadata.uid for pod in self.kube.list(Pod, namespace=self.namespace) if pod.metadata}

    def part(self, one: str, two: str) -> None:
        """Remove a relation, and return when Juju has really done so."""
        self.juju.remove_relation(one, two)
        application, _, endpoint = one.partition(":")
        self.until(lambda status: endpoint not in status.apps[application].relations)

    def join(self, one: str, two: str) -> None:
        """Add a relation; Juju goes on refusing one that its status does not show any more for some seconds."""
        end = time.monotonic() + _ANSWER
        while True:
            try:
                return self.juju.integrate(one, two)
            except jubilant.CLIError as error:
                assert "already exists" in error.stderr, error
                assert time.monotonic() < end, error
            time.sleep(2)


def asked(page: httpx.Response) -> dict[str, list[str]]:
    """Return the headers with which the application behind the gateway was asked."""
    headers = collections.defaultdict(list)
    for name, value in json.loads(page.text)["headers"]:
        headers[name].append(value)
    return headers


def _code(client: httpx.Client, path: str) -> int:
    try:
        return client.get(path).status_code
    except httpx.HTTPError:
        return 0
