# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The rights of the reception's manifest, one by one: none is there that nothing needs."""

import collections.abc
import pathlib

import cluster
import lightkube
import live
import pytest
import receptions
from lightkube.models.core_v1 import ResourceQuotaSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.models.rbac_v1 import RoleRef, Subject
from lightkube.resources.core_v1 import Namespace, ResourceQuota, ServiceAccount
from lightkube.resources.rbac_authorization_v1 import ClusterRole, RoleBinding

ADMIN = "kubeflow-admin"


@pytest.fixture
def place(kube: cluster.Cluster, tmp_path: pathlib.Path) -> collections.abc.Iterator[receptions.Reception]:
    receptions.prepare(kube)
    found = receptions.Reception(tmp_path / "rights", kube, "rights").up()
    yield found
    found.down()


def left_behind(name: str, owner: str) -> list[object]:
    """Return what an earlier controller may have left of somebody's workspace: some of it right, nothing ours."""
    own = ObjectMeta(name="default-editor", namespace=name)
    account = [Subject(kind="ServiceAccount", name="default-viewer", namespace=name)]
    group = "rbac.authorization.k8s.io"
    return [
        Namespace(metadata=ObjectMeta(name=name, annotations={"owner": owner})),
        ServiceAccount(metadata=own),
        RoleBinding(metadata=own, roleRef=RoleRef(apiGroup=group, kind="ClusterRole", name=ADMIN), subjects=[]),
        RoleBinding(
            metadata=ObjectMeta(name="default-viewer", namespace=name),
            roleRef=RoleRef(apiGroup=group, kind="ClusterRole", name="kubeflow-view"),
            subjects=account,
        ),
        ResourceQuota(
            metadata=ObjectMeta(name="kf-resource-quota", namespace=name), spec=ResourceQuotaSpec(hard={"pods": "1"})
        ),
    ]


def test_every_right_is_used(place: receptions.Reception):
    admin = place.kube.client()
    for what in left_behind("rights-taken", "taken@example.com"):
        admin.create(what)
    admin.create(receptions.profile("rights-taken", "taken@example.com", resourceQuotaSpec={"hard": {"pods": "3"}}))
    live.wait(lambda: receptions.conditions(admin, "rights-taken") == {"Successful": ""}, hint="it is gone on with")
    change = {"spec": {"resourceQuotaSpec": None}}
    admin.patch(receptions.Profile, "rights-taken", change, patch_type=lightkube.types.PatchType.MERGE)
    live.wait(lambda: not list(admin.list(ResourceQuota, namespace="rights-taken")), hint="the quota is gone")
    with place.visitor("new@example.com") as client:
        assert client.get("/reception").status_code == 303
    for action in ("add-contributor", "remove-contributor"):
        place.admin(action, "--profile=rights-taken", "--user=other@example.com", "--role=view")
    place.admin("delete-profile", "--name=rights-taken", "--confirm=rights-taken")
    live.wait(
        lambda: "rights-taken" not in {found.metadata.name for found in admin.list(Namespace)},
        seconds=60,
        hint="its namespace is gone",
    )
    # Not asked for by itself: whoever makes a binding must have it.
    assert granted("rights") - place.kube.asked("rights/reception") == {("clusterroles", "bind")}


def granted(namespace: str) -> set[tuple[str, str]]:
    rules = [rule for one in receptions.access(namespace) for rule in getattr(one, "rules", None) or ()]
    return {(resource, verb) for rule in rules for resource in rule.resources for verb in rule.verbs}


def test_without_the_right_to_bind_nobody_gets_a_role(place: receptions.Reception):
    admin = place.kube.client()
    role = admin.get(ClusterRole, "rights:reception")
    role.rules = [rule for rule in role.rules if "bind" not in rule.verbs]
    admin.replace(role)
    name = "rights-late-example-com"
    admin.create(receptions.profile(name, "late@example.com"))
    live.wait(lambda: name in {found.metadata.name for found in admin.list(Namespace)}, hint="its namespace is there")
    live.wait(lambda: "attempting to grant RBAC permissions" in place.log("control"), hint="it is refused")
    assert receptions.bindings(admin, name) == {}
