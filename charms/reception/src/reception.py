# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The reception: what its container holds and runs, and what it tells other applications. Pure."""

import dataclasses
import pathlib

import config
from charmkit import desired, rollout, templates
from charmkit.interfaces import ingress

SERVICE = "reception"
CONTROLLER = "profile-controller"
CHECK = "ready"
# They say nothing about this unit: who asks whether it is ready does not hear of them.
KUBERNETES_CHECK = "kubernetes"
CONTROLLER_CHECK = "controller"
PORT, CONTROLLER_PORT, MANAGEMENT_PORT = 8080, 8082, 8083
# The dashboard's charm tells the dashboard no port, so that it can be no other.
KFAM_PORT = 8081
PREFIX = "/reception"
RECORD = "/etc/reception/rollout.json"
MANIFEST = "kubectl apply -f charms/reception/kubernetes/profiles.yaml"

_BINARY = "/usr/local/bin/reception"
_CONFIG = "/etc/reception/config.json"
_CANDIDATE = "/etc/reception/candidate.json"
COMMAND = (_BINARY, "--config", _CONFIG)
_TEMPLATES = pathlib.Path(__file__).parent / "templates"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reception:
    """All that the configuration depends on.

    Attributes:
        options: the operator's words.
        application: this application's name.
        model: the model's name, which is the namespace.
        kfam: whether a dashboard is integrated that needs the API of access management.
        check_period: how often Pebble asks whether it is ready, as a Go duration.
    """

    options: config.Config
    application: str
    model: str
    kfam: bool = False
    check_period: str = "1s"


def ports(*, kfam: bool) -> tuple[int, ...]:
    """Return the ports of this application's Kubernetes service."""
    return (PORT, CONTROLLER_PORT, MANAGEMENT_PORT, *((KFAM_PORT,) if kfam else ()))


def configure(what: Reception) -> desired.Desired:
    """Return what the container shall hold and run."""
    files = (desired.File(path=_CONFIG, text=_render(what), mode=0o600),)
    environment = {"CONFIG_DIGEST": desired.digest(files)}
    serve, control = (
        desired.service(f"{' '.join(COMMAND)} {word}", environment=environment) for word in ("serve", "control")
    )
    if not what.options.profile_controller:
        control["startup"] = "disabled"
    url = f"http://localhost:{MANAGEMENT_PORT}"
    # Without a controller of its own there is nothing to ask but the reception.
    controller = f"http://localhost:{CONTROLLER_PORT}" if what.options.profile_controller else url
    layer = {
        "services": {SERVICE: serve, CONTROLLER: control},
        "checks": {
            CHECK: desired.http_check(f"{url}/live", period=what.check_period),
            KUBERNETES_CHECK: desired.http_check(f"{url}/ready", level="", period=what.check_period),
            CONTROLLER_CHECK: desired.http_check(f"{controller}/ready", level="", period=what.check_period),
        },
    }
    return desired.Desired(files=files, layer=layer)


def rehearsal(state: desired.Desired) -> rollout.Rehearsal:
    """Return how the service can check a configuration without serving it."""
    (file,) = state.files
    return rollout.Rehearsal(
        files=(dataclasses.replace(file, path=_CANDIDATE),),
        command=(_BINARY, "--config", _CANDIDATE, "check"),
        timeout=20.0,
    )


def ingress_request(application: str) -> ingress.Request:
    """Return what the gateway shall send here after a login."""
    return ingress.Request(prefix=PREFIX, rewrite=PREFIX, service=application, port=PORT, preserve_path=True)


def advice(trouble: str, application: str) -> str:
    """Return what is in the way of profiles, and the next command."""
    if trouble.startswith("not allowed"):
        return f"The cluster forbids it ({trouble[:200]}): run juju trust {application} --scope=cluster"
    if "does not know Profiles" in trouble:
        return f"The cluster does not know Profiles: run {MANIFEST}"
    return f"Profiles cannot be used, {trouble[:200] or 'the cluster does not answer'}: see juju status {application}"


def _render(what: Reception) -> str:
    options = what.options
    values = {
        "listen": f"0.0.0.0:{PORT}",
        "management": f"0.0.0.0:{MANAGEMENT_PORT}",
        "controller_listen": f"0.0.0.0:{CONTROLLER_PORT}",
        "kfam_listen": f"0.0.0.0:{KFAM_PORT}" if what.kfam else "",
        "cluster_admins": options.admins,
        "prefix": PREFIX,
        "application": what.application,
        "namespace": what.model,
        "userid_header": options.userid_header,
        "groups_header": options.groups_header,
        "profile_prefix": options.profile_prefix,
        "userid_transformers": options.rules,
        "create": options.create_profiles,
        "allowed_groups": options.groups,
        "most_profiles": options.most_profiles,
        "quota": options.quota,
        "labels": options.labels,
    }
    return templates.render(_TEMPLATES, "config.json.j2", values)
