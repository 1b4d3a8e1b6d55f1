# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""A real Emissary-ingress under a real Pebble, in a file system like that of its image, with an API server to ask.

Its programs (busyambassador, diagd and envoy) are not part of this repository: a directory that has them is given. It
listens on fixed ports of loopback, so there is one at a time, and it wants root, for a mount namespace.
"""

import collections.abc
import contextlib
import os
import pathlib
import shlex
import signal
import subprocess
import sys
import types
import typing

import cluster
import lightkube
import live
import ops
from lightkube.models.core_v1 import ServicePort, ServiceSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.models.rbac_v1 import PolicyRule, RoleRef, Subject
from lightkube.resources.core_v1 import Namespace, Service, ServiceAccount
from lightkube.resources.rbac_authorization_v1 import Role, RoleBinding

from sandbox import programs

# Whom Juju makes of the charm's container; the group is Emissary's own.
_USER, _GROUP = 584792, 0
# Whatever a program needs of this machine; all else is the image's.
_SHARED = ("bin", "etc", "lib", "lib64", "proc", "dev", "sbin", "usr", "root", "opt")


@contextlib.contextmanager
def running(
    home: pathlib.Path, source: pathlib.Path, kube: cluster.Cluster, namespace: str
) -> collections.abc.Generator[ops.Container]:
    """Run Pebble as the container of Emissary would, and give the container; its charm starts Emissary.

    Args:
        home: an empty directory.
        source: where Emissary's programs are.
        kube: the API server.
        namespace: the Juju model, whose namespace is made.
    """
    deploy(kube, namespace)
    token = home / "token"
    token.mkdir()
    (token / "token").write_text(kube.token(namespace, "gateway"))
    (token / "ca.crt").write_bytes(kube.ca.read_bytes())
    (token / "namespace").write_text(namespace)
    (home / "pebble").mkdir()
    (home / "root").mkdir()
    for path in (home, home / "pebble", token):
        path.chmod(0o777)
    for parent in home.parents:
        parent.chmod(parent.stat().st_mode | 0o111)
    host, port = kube.url.removeprefix("https://").split(":")
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "PEBBLE": str(home / "pebble"),
        "PEBBLE_SOCKET": str(home / "pebble" / ".pebble.socket"),
        "KUBERNETES_SERVICE_HOST": host,
        "KUBERNETES_SERVICE_PORT": port,
    }
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "sh", "-euc", _script(home, source)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    client = ops.pebble.Client(environment["PEBBLE_SOCKET"])
    # All that a container asks of Juju is its version.
    backend = types.SimpleNamespace(_juju_context=types.SimpleNamespace(version="3.6.0"))
    container = ops.Container("gateway", typing.cast("typing.Any", backend), pebble_client=client)
    try:
        live.wait(container.can_connect, hint=f"Pebble answers: {(home / 'log').read_text()}")
        yield container
    finally:
        # The first process of a namespace takes all others with it.
        for child in (pathlib.Path("/proc") / f"{process.pid}/task/{process.pid}/children").read_text().split():
            os.kill(int(child), signal.SIGKILL)
        process.wait()


def _script(home: pathlib.Path, source: pathlib.Path) -> str:
    """Return the shell's words that make the file system and become Pebble."""
    root = home / "root"
    pebble = programs.built("pebble", lambda text: print(text, file=sys.stderr))
    lines = [f"mount -t tmpfs none {root}"]
    for name in _SHARED:
        if os.path.islink(f"/{name}"):
            lines.append(f"ln -s {os.readlink(f'/{name}')} {root}/{name}")
        elif os.path.isdir(f"/{name}"):
            lines.append(f"mkdir {root}/{name}; mount --rbind /{name} {root}/{name}")
    lines += [
        f"mount -t tmpfs none {root}/usr/local/bin",
        *(f"ln -s {source / name} {root}/usr/local/bin/{name}" for name in ("busyambassador", "diagd", "envoy")),
        f"cp {pebble} {root}/usr/local/bin/pebble",
        # As the image has it.
        f"mkdir -m 775 {root}/ambassador",
        f"mkdir -m 1777 {root}/tmp",
        f"mkdir -p {root}{source} {root}{home}/pebble {root}/var/run/secrets/kubernetes.io/serviceaccount",
        f"mount --bind {source} {root}{source}",
        f"mount --bind {home}/pebble {root}{home}/pebble",
        f"mount --bind {home}/token {root}/var/run/secrets/kubernetes.io/serviceaccount",
    ]
    become = ["setpriv", f"--reuid={_USER}", f"--regid={_GROUP}", "--clear-groups", "--no-new-privs"]
    command = shlex.join(
        ["/usr/sbin/chroot", str(root), *become, "/usr/local/bin/pebble", "run", "--hold", "--create-dirs"]
    )
    return "\n".join([*lines, f"exec {command} --verbose"])


def deploy(kube: cluster.Cluster, namespace: str) -> None:
    """Make what Juju makes of the application gateway, that is not trusted: an account, its few rights, a Service."""
    admin: lightkube.Client = kube.client()
    admin.create(Namespace(metadata=ObjectMeta(name=namespace)))
    meta = ObjectMeta(name="gateway", namespace=namespace)
    admin.create(ServiceAccount(metadata=meta))
    rules = [
        PolicyRule(apiGroups=[""], resources=["namespaces"], verbs=["get", "list"]),
        PolicyRule(apiGroups=[""], resources=["pods", "services"], verbs=["get", "list", "patch"]),
        PolicyRule(apiGroups=[""], resources=["pods/exec"], verbs=["create"]),
    ]
    admin.create(Role(metadata=meta, rules=rules))
    account = Subject(kind="ServiceAccount", name="gateway", namespace=namespace)
    role = RoleRef(apiGroup="rbac.authorization.k8s.io", kind="Role", name="gateway")
    admin.create(RoleBinding(metadata=meta, roleRef=role, subjects=[account]))
    admin.create(Service(metadata=meta, spec=ServiceSpec(ports=[ServicePort(port=65535)])))
