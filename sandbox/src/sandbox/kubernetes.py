# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The cluster of KUBECONFIG, for the applications of the bundle that are nothing without one."""

import collections.abc
import dataclasses
import os
import pathlib
import typing

import httpx2
import lightkube
from lightkube import generic_resource
from lightkube.config import kubeconfig
from lightkube.core import exceptions
from lightkube.resources import core_v1

from sandbox import bundle, world

VARIABLE = "KUBECONFIG"
# The charms that need a cluster.
CHARMS = ("reception",)
_MANIFEST = "kubectl apply -f charms/reception/kubernetes/profiles.yaml"
_PROFILE = generic_resource.create_global_resource(  # pyright: ignore[reportUnknownMemberType] - its list of verbs
    "kubeflow.org", "v1", "Profile", "profiles"
)
_SECONDS = 10.0


class ClusterError(Exception):
    """The cluster cannot be used; the text is one sentence that says what to do."""


def fitting(spec: bundle.Bundle, progress: collections.abc.Callable[[str], None], *, wanted: bool) -> bundle.Bundle:
    """Return what of a bundle can run here, and say what is left out.

    Args:
        spec: the bundle.
        progress: hears it.
        wanted: whether to use the cluster of KUBECONFIG.

    Raises:
        ClusterError: the cluster cannot be used.
    """
    without, names = left_out(spec)
    if wanted and names:
        progress(f"using the cluster at {check(world.MODEL)} for {', '.join(names)}")
        return spec
    for name in names:
        progress(f"{name} is left out, it needs a cluster: 'sandbox up --kubernetes' uses that of KUBECONFIG")
    return without


def left_out(spec: bundle.Bundle) -> tuple[bundle.Bundle, tuple[str, ...]]:
    """Return a bundle without the applications that need a cluster, and their names."""
    names = tuple(app.name for app in spec.applications if app.charm.name in CHARMS)
    applications = tuple(app for app in spec.applications if app.name not in names)
    kept = [pair for pair in spec.relations if not {end.split(":")[0] for end in pair} & set(names)]
    return dataclasses.replace(spec, applications=applications, relations=tuple(kept)), names


def check(model: str, environment: collections.abc.MutableMapping[str, str] = os.environ) -> str:
    """Return the address of the cluster of KUBECONFIG, in which everything is that the bundle needs.

    Args:
        model: the name of the model, whose namespace must be there.
        environment: where KUBECONFIG stands; a path in it is made absolute for programs that start elsewhere.

    Raises:
        ClusterError: there is none, it does not answer, or something must be done to it first.
    """
    if not environment.get(VARIABLE):
        raise ClusterError("--kubernetes needs a cluster: set KUBECONFIG to the file that names it")
    path = pathlib.Path(environment[VARIABLE]).absolute()
    environment[VARIABLE] = str(path)
    try:
        config = kubeconfig.KubeConfig.from_file(path).get()
        with lightkube.Client(config=config, timeout=httpx2.Timeout(_SECONDS), trust_env=False) as client:
            _look(client, model)
    except lightkube.ApiError as error:
        if error.status.code == 404:
            raise ClusterError(f"the cluster does not know Profiles: run {_MANIFEST}") from None
        raise ClusterError(f"the cluster of {path} refuses: {' '.join((error.status.message or '').split())}") from None
    except (httpx2.HTTPError, exceptions.ConfigError, OSError) as error:
        raise ClusterError(f"the cluster of {path} cannot be used: {error or type(error).__name__}") from None
    return str(config.cluster.server) if config else ""


# Its overloads know only classes that are named in the call.
def _look(client: typing.Any, model: str) -> None:
    if model not in [one.metadata.name for one in client.list(core_v1.Namespace)]:
        raise ClusterError(f"the cluster has no namespace {model}: run kubectl create namespace {model}")
    list(client.list(_PROFILE))
