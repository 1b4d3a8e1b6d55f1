# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The real reception and profile controller as processes, with the rights that the charm's manifest gives them."""

import collections.abc
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import typing

import cluster
import httpx
import lightkube
import live
from lightkube import codecs, generic_resource
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Namespace, ServiceAccount
from lightkube.resources.rbac_authorization_v1 import RoleBinding

from sandbox import processes

MANIFESTS = live.ROOT / "charms" / "reception" / "kubernetes"
Profile = generic_resource.create_global_resource("kubeflow.org", "v1", "Profile", "profiles")
PROGRAM = pathlib.Path(sys.executable).with_name("reception")


def prepare(kube: cluster.Cluster) -> None:
    """Give the cluster what a cluster administrator would: the definition of profiles, and roles."""
    apply(kube.client(), codecs.load_all_yaml((MANIFESTS / "profiles.yaml").read_text()))
    live.wait(lambda: knows_profiles(kube.client()), hint="profiles are served")


def knows_profiles(client: lightkube.Client) -> bool:
    """Return whether a cluster has the definition of profiles."""
    try:
        return list(client.list(Profile)) is not None
    except lightkube.ApiError:
        return False


def access(namespace: str) -> list[typing.Any]:
    """Return all that the application "reception" of a namespace may do, under names that no other has."""
    text = (MANIFESTS / "access.yaml").read_text()
    text = re.sub(r"namespace: kubeflow\b", f"namespace: {namespace}", text)
    return list(codecs.load_all_yaml(text.replace("name: kubeflow-auth:reception", f"name: {namespace}:reception")))


def apply(client: lightkube.Client, wanted: collections.abc.Iterable[typing.Any]) -> None:
    """Bring objects into a cluster."""
    for what in wanted:
        client.apply(what, field_manager="tests", force=True)


class Reception:
    """The two services of one application, in a namespace of its own."""

    def __init__(
        self,
        home: pathlib.Path,
        kube: cluster.Cluster,
        namespace: str,
        *,
        dashboard: bool = False,
        **options: typing.Any,
    ) -> None:
        home.mkdir(exist_ok=True)
        self.kube = kube
        self.home = home
        self.namespace = namespace
        ports = [live.free_port() for _ in range(4)]
        self.url, self.management, self.controller, self.kfam = (f"http://127.0.0.1:{port}" for port in ports)
        self._give(namespace)
        kubeconfig = kube.configuration(kube.token(namespace, "reception"), f"{namespace}-reception")
        places = [f"127.0.0.1:{port}" for port in ports]
        content = {"listen": places[0], "management": places[1], "controller_listen": places[2]}
        content |= {"kfam_listen": places[3]} if dashboard else {}
        content |= {"kubeconfig": str(kubeconfig), "namespace": namespace, "profile_prefix": namespace, **options}
        self.config = home / "config.json"
        self.config.write_text(json.dumps(content))
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def _give(self, namespace: str) -> None:
        admin = self.kube.client()
        if namespace not in [found.metadata.name for found in admin.list(Namespace)]:
            admin.create(Namespace(metadata=ObjectMeta(name=namespace)))
            admin.create(ServiceAccount(metadata=ObjectMeta(name="reception", namespace=namespace)))
        apply(admin, access(namespace))

    def start(self, command: str, name: str = "") -> subprocess.Popen[bytes]:
        """Start the service "serve" or "control"."""
        words = processes.mortal([str(PROGRAM), "--config", str(self.config), command], signal.SIGKILL)
        with (self.home / f"{command}.log").open("ab") as log:
            process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.running[name or command] = process
        return process

    def up(self) -> typing.Self:
        """Start both, and return when both are well."""
        self.start("serve")
        self.start("control")
        live.wait(lambda: self.ready(self.management), hint="the reception is ready")
        live.wait(lambda: self.ready(self.controller) == "active", hint="the controller is active")
        return self

    def ready(self, place: str) -> str:
        """Return what a service says at /ready, nothing where it is not well."""
        try:
            answer = httpx.get(f"{place}/ready", trust_env=False)
        except httpx.HTTPError:
            return ""
        return answer.text if answer.status_code == 200 else ""

    def log(self, command: str) -> str:
        """Return what a service has logged."""
        return (self.home / f"{command}.log").read_text()

    def end(self, name: str, how: signal.Signals = signal.SIGTERM) -> int:
        """End one process, and return its exit code."""
        process = self.running.pop(name)
        process.send_signal(how)
        return process.wait(timeout=20)

    def down(self) -> None:
        """End both; they must end well."""
        codes = [self.end(name) for name in list(self.running)]
        assert codes == [0] * len(codes), codes

    def visitor(self, user: str, **headers: str) -> httpx.Client:
        """Return a client as the gateway would send somebody here."""
        return httpx.Client(
            base_url=self.url, headers={"kubeflow-userid": user, **headers}, timeout=20, trust_env=False
        )

    def dashboard(self, user: str | None = None) -> httpx.Client:
        """Return a client of the API of access management, as Kubeflow's dashboard asks it; it rarely says for whom."""
        headers = {"kubeflow-userid": user} if user else {}
        return httpx.Client(base_url=f"{self.kfam}/kfam", headers=headers, timeout=20, trust_env=False)

    def admin(self, *words: str, code: int = 0) -> typing.Any:
        """Run a command of the program, and return what it says."""
        command = [PROGRAM, "--config", self.config, *words]
        done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ))
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout) if code == 0 else done.stderr


def profile(name: str, owner: str, *, kind: str = "User", **spec: typing.Any) -> Profile:
    """Return a profile as somebody other than the reception writes it."""
    return Profile(metadata=ObjectMeta(name=name), spec={"owner": {"kind": kind, "name": owner}, **spec})


def conditions(client: lightkube.Client, name: str) -> dict[str, str]:
    """Return the conditions of a profile with their messages."""
    found = (client.get(Profile, name).status or {}).get("conditions") or []
    return {one["type"]: one["message"] for one in found}


def bindings(client: lightkube.Client, namespace: str) -> dict[str, tuple[str, str]]:
    """Return the role bindings of a namespace: who has which role."""
    return {
        found.metadata.name: (found.subjects[0].name, found.roleRef.name)
        for found in client.list(RoleBinding, namespace=namespace)
    }
