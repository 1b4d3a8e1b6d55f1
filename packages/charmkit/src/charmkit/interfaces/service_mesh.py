# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Interfaces `service_mesh` and `cross_model_mesh`, v0, of istio-beacon-k8s: who may connect to whom in a mesh."""

import collections.abc
import dataclasses
import json
import re
import typing

Bag = collections.abc.Mapping[str, str]
# Names of applications and models, as Juju and Kubernetes have them.
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_LONGEST = 1000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Application:
    """An application, by its own name and that of its model, which is its namespace."""

    name: str
    model: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Policy:
    """Lets an application connect to another's service, or to its units directly, at any port."""

    source: Application
    target: Application
    units: bool = False


def write(policies: collections.abc.Iterable[Policy]) -> dict[str, str]:
    """Return the application databag of the side that wants to be reached."""
    content = [
        {
            "source_app_name": policy.source.name,
            "source_namespace": policy.source.model,
            "target_app_name": policy.target.name,
            "target_namespace": policy.target.model,
            "target_service": None,
            "target_type": "unit" if policy.units else "app",
            "endpoints": list[object](),
        }
        for policy in policies
    ]
    return {"policies": json.dumps(content)}


def write_other(application: Application) -> dict[str, str]:
    """Return the application databag over which one tells applications of other models its name and its model."""
    return {"cmr_data": json.dumps({"app_name": application.name, "juju_model_name": application.model})}


def read_other(bag: Bag) -> Application | None:
    """Return what an application of another model is called there, None where it did not say it in a usable way."""
    text = bag.get("cmr_data", "")
    try:
        found: object = json.loads(text) if len(text) <= _LONGEST else None
    except (ValueError, RecursionError):
        found = None
    said = typing.cast("dict[str, object]", found) if isinstance(found, dict) else {}
    match said.get("app_name"), said.get("juju_model_name"):
        case str(name), str(model) if _NAME.fullmatch(name) and _NAME.fullmatch(model):
            return Application(name=name, model=model)
        case _:
            return None
