# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""A real Kubernetes API server on loopback with a real etcd and RBAC on; no nodes, so nothing runs in it."""

import collections.abc
import contextlib
import json
import os
import pathlib
import shutil
import signal
import ssl
import subprocess
import sys

import directory
import httpx
import lightkube
import lightkube.models.authentication_v1 as authentication
import live
from lightkube.config import kubeconfig as configurations
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ServiceAccountToken

from sandbox import processes, programs

_ADMIN = "admin-s3cret"
_SERVICES = "10.152.183.0/24"


# Who did what, of service accounts only: what these may do is for tests to look at.
_AUDITED = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "Metadata", "userGroups": ["system:serviceaccounts"], "resources": [{"group": group} for group in (
            "", "coordination.k8s.io", "kubeflow.org", "rbac.authorization.k8s.io"
        )]},
        {"level": "None"},
    ],
}  # fmt: skip


class Cluster:
    """One API server, that can be stopped and started again; what it knows stays in etcd."""

    def __init__(self, home: pathlib.Path, *, controllers: bool = False) -> None:
        self._home = home
        home.chmod(0o700)
        self._controllers = controllers
        self._etcd = f"http://127.0.0.1:{live.free_port()}"
        port = live.free_port()
        self.url = f"https://127.0.0.1:{port}"
        directory.certificates(home)
        self.ca = home / "ca.pem"
        self.kubeconfig = self.configuration(_ADMIN, "admin")
        (home / "audit.json").write_text(json.dumps(_AUDITED))
        (home / "tokens.csv").write_text(f"{_ADMIN},admin,1,system:masters\n")
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._clients = contextlib.ExitStack()

    def start(self) -> None:
        """Start what does not run, and return when the API server is ready."""
        home = self._home
        if "etcd" not in self._processes:
            peers = f"http://127.0.0.1:{live.free_port()}"
            words = ["--data-dir", f"{home}/etcd", "--unsafe-no-fsync", "--log-level", "error", "--logger", "zap"]
            words += ["--listen-client-urls", self._etcd, "--advertise-client-urls", self._etcd]
            words += ["--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers]
            self._run("etcd", _etcd(), *words, "--initial-cluster", f"default={peers}")
        self._run(
            "kube-apiserver",
            str(programs.built("kube-apiserver", _say)),
            f"--etcd-servers={self._etcd}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={self.url.rpartition(':')[2]}",
            "--authorization-mode=RBAC",
            f"--token-auth-file={home}/tokens.csv",
            f"--audit-policy-file={home}/audit.json",
            f"--audit-log-path={home}/audit.log",
            f"--tls-cert-file={home}/server.pem",
            f"--tls-private-key-file={home}/server.key",
            f"--service-cluster-ip-range={_SERVICES}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={home}/server.pem",
            f"--service-account-signing-key-file={home}/server.key",
        )
        live.wait(self._ready, seconds=60, hint=f"the API server is ready ({home}/kube-apiserver.log)")
        if self._controllers:
            self._run(
                "kube-controller-manager",
                str(programs.built("kube-controller-manager", _say)),
                f"--kubeconfig={self.kubeconfig}",
                "--bind-address=127.0.0.1",
                "--secure-port=0",
                "--leader-elect=false",
                f"--service-account-private-key-file={home}/server.key",
                f"--root-ca-file={self.ca}",
            )

    def stop(self) -> None:
        """End the API server as an outage would; etcd stays."""
        for name in ("kube-controller-manager", "kube-apiserver"):
            self._end(name, signal.SIGKILL)

    def close(self) -> None:
        """End everything, and remove what etcd kept."""
        self._clients.close()
        self.stop()
        self._end("etcd", signal.SIGKILL)
        shutil.rmtree(self._home / "etcd")

    def configuration(self, token: str, name: str) -> pathlib.Path:
        """Write the kubeconfig of a user who has a token, readable by its owner only, and return where."""
        cluster = {"server": self.url, "certificate-authority": str(self.ca)}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "tests", "cluster": cluster}],
            "users": [{"name": name, "user": {"token": token}}],
            "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": name}}],
            "current-context": "tests",
        }
        path = self._home / f"{name}.kubeconfig"
        path.touch(0o600)
        path.write_text(json.dumps(content))
        return path

    def token(self, namespace: str, account: str, audience: str | None = None, seconds: int = 3600) -> str:
        """Return a token of a service account, for an audience (the API server's own by default)."""
        spec = authentication.TokenRequestSpec(
            audiences=[audience] if audience else [], expirationSeconds=seconds, boundObjectRef=None
        )
        made = self.client().create(ServiceAccountToken(metadata=ObjectMeta(), spec=spec), account, namespace=namespace)
        assert made.status
        return made.status.token

    def asked(self, account: str) -> set[tuple[str, str]]:
        """Return what a service account (NAMESPACE/NAME) ever did: kinds of objects, in the plural, with the verbs."""
        user = "system:serviceaccount:" + account.replace("/", ":")
        events = [json.loads(line) for line in (self._home / "audit.log").read_text().splitlines()]
        objects = [(event["objectRef"], event["verb"]) for event in events if event["user"]["username"] == user]
        return {("/".join(filter(None, (one["resource"], one.get("subresource")))), verb) for one, verb in objects}

    def client(self, account: str | None = None, **options: object) -> lightkube.Client:
        """Return a client of the admin, or of a service account (NAMESPACE/NAME), that is closed with the cluster."""
        path = self.kubeconfig
        namespace = "default"
        if account:
            namespace, _, name = account.partition("/")
            path = self.configuration(self.token(namespace, name), f"{namespace}-{name}")
        config = configurations.KubeConfig.from_file(path)
        client = lightkube.Client(config=config, namespace=namespace, trust_env=False, **options)
        return self._clients.enter_context(client)

    def _run(self, name: str, *command: str) -> None:
        with (self._home / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                processes.mortal(command, signal.SIGKILL), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def _end(self, name: str, how: signal.Signals) -> None:
        process = self._processes.pop(name, None)
        if process is not None:
            process.send_signal(how)
            process.wait(timeout=20)

    def _ready(self) -> bool:
        process = self._processes["kube-apiserver"]
        assert process.poll() is None, (self._home / "kube-apiserver.log").read_text()[-2000:]
        try:
            answer = httpx.get(
                f"{self.url}/readyz",
                headers={"Authorization": f"Bearer {_ADMIN}"},
                verify=ssl.create_default_context(cafile=str(self.ca)),
                trust_env=False,
            )
        except httpx.HTTPError:
            return False
        return answer.status_code == 200


@contextlib.contextmanager
def running(home: pathlib.Path, *, controllers: bool = False) -> collections.abc.Generator[Cluster]:
    """Run an API server in a directory of its own.

    Args:
        home: where its keys, data and logs stand.
        controllers: run kube-controller-manager beside it, which empties namespaces that are deleted.
    """
    cluster = Cluster(home, controllers=controllers)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.close()


def _etcd() -> str:
    program = shutil.which("etcd", path=os.pathsep.join([os.environ["PATH"], "/usr/sbin"]))
    assert program, "etcd is missing: apt-get install etcd-server"
    return program


def _say(text: str) -> None:
    print(text, file=sys.stderr)
