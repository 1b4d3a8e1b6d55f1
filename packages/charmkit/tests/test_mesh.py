# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Who may connect to an application in Istio's mesh, as istio-beacon-k8s reads it."""

import json

import ops
import pytest
from charmkit import mesh
from charmkit.interfaces import service_mesh
from ops import testing

META = {
    "name": "dex",
    "requires": {
        mesh.MESH: {"interface": "service_mesh"},
        mesh.OWN: {"interface": "cross_model_mesh"},
        "ingress": {"interface": "ingress"},
    },
    "provides": {
        mesh.OTHERS: {"interface": "cross_model_mesh"},
        "config": {"interface": "config"},
        "metrics": {"interface": "metrics"},
    },
}
MODEL = testing.Model("kubeflow")


class Charm(ops.CharmBase):
    def __init__(self, framework: ops.Framework) -> None:
        super().__init__(framework)
        mesh.tell(self, service=("ingress", "config"), units=("metrics",))


def told(*relations: testing.Relation) -> testing.State:
    ctx = testing.Context(Charm, meta=META)
    return ctx.run(ctx.on.update_status(), testing.State(leader=True, model=MODEL, relations=relations))


def policies(out: testing.State, relation: testing.Relation) -> list[dict[str, object]]:
    return json.loads(out.get_relation(relation.id).local_app_data["policies"])


def policy(name: str, kind: str = "app", model: str = "kubeflow") -> dict[str, object]:
    return {
        "source_app_name": name,
        "source_namespace": model,
        "target_app_name": "dex",
        "target_namespace": "kubeflow",
        "target_service": None,
        "target_type": kind,
        "endpoints": [],
    }


def test_who_is_related_may_connect():
    beacon = testing.Relation(mesh.MESH)
    related = [
        testing.Relation("ingress", remote_app_name="gateway"),
        testing.Relation("config", remote_app_name="gatekeeper"),
        testing.Relation("config", remote_app_name="gateway"),
        testing.Relation("metrics", remote_app_name="prometheus"),
    ]
    out = told(beacon, *related)
    found = sorted(policies(out, beacon), key=lambda one: str(one["source_app_name"]))
    assert found == [policy("gatekeeper"), policy("gateway"), policy("prometheus", "unit")]


def test_nobody_else_may():
    beacon = testing.Relation(mesh.MESH)
    assert policies(told(beacon, testing.Relation(mesh.OWN)), beacon) == []


def test_an_application_of_another_model_is_called_by_its_name_there():
    beacon, mine = testing.Relation(mesh.MESH), testing.Relation(mesh.OWN, remote_app_name="elsewhere")
    name = "remote-0123456789abcdef"
    said = {"cmr_data": '{"app_name": "gatekeeper", "juju_model_name": "other"}'}
    theirs = testing.Relation(mesh.OTHERS, remote_app_name=name, remote_app_data=said)
    out = told(beacon, mine, theirs, testing.Relation("config", remote_app_name=name))
    assert policies(out, beacon) == [policy("gatekeeper", model="other")]
    own = out.get_relation(mine.id).local_app_data
    assert own == {"cmr_data": '{"app_name": "dex", "juju_model_name": "kubeflow"}'}
    assert service_mesh.read_other(own) == service_mesh.Application(name="dex", model="kubeflow")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "7",
        '{"app_name": "gatekeeper"}',
        '{"app_name": 7, "juju_model_name": "other"}',
        '{"app_name": "*", "juju_model_name": "other"}',
        '{"app_name": "gatekeeper", "juju_model_name": "other/sa/admin"}',
        "[" * 100_000,
    ],
)
def test_who_says_nothing_usable_may_not(text: str):
    beacon = testing.Relation(mesh.MESH)
    theirs = testing.Relation(mesh.OTHERS, remote_app_name="remote-1", remote_app_data={"cmr_data": text})
    assert policies(told(beacon, theirs, testing.Relation("config", remote_app_name="remote-1")), beacon) == []
