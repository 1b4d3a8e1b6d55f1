# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Reception and profile controller with a real API server: what a first login makes, and what it never takes."""

import collections.abc
import contextlib
import pathlib
import typing

import cluster
import lightkube
import live
import pytest
import receptions
from lightkube import operators, types
from lightkube.models.core_v1 import ServicePort, ServiceSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.models.rbac_v1 import RoleRef
from lightkube.resources.core_v1 import Namespace, ResourceQuota, Service, ServiceAccount
from lightkube.resources.rbac_authorization_v1 import RoleBinding

NEXT = "/notebook/kubeflow-user/mytest/lab?x=1&y=a%2Fb"
QUERY = "?next=%2Fnotebook%2Fkubeflow-user%2Fmytest%2Flab%3Fx%3D1%26y%3Da%252Fb"


@pytest.fixture(scope="module")
def running(kube: cluster.Cluster, tmp_path_factory: pytest.TempPathFactory) -> collections.abc.Iterator:
    receptions.prepare(kube)
    options = {"quota": {"requests.cpu": "8"}, "labels": {"katib.kubeflow.org/metrics-collector-injection": "enabled"}}
    found = receptions.Reception(tmp_path_factory.mktemp("reception"), kube, "front", **options).up()
    yield found
    found.down()


@pytest.fixture(scope="module")
def admin(running: receptions.Reception) -> lightkube.Client:
    return running.kube.client()


def names(client: lightkube.Client, kind: type, namespace: str) -> set[str]:
    return {found.metadata.name for found in client.list(kind, namespace=namespace)}


def test_a_first_visit_makes_everything_and_leads_to_the_page_first_asked_for(
    running: receptions.Reception, admin: lightkube.Client
):
    with running.visitor("user@example.com") as client:
        answer = client.get(f"/reception{QUERY}")
    assert (answer.status_code, answer.headers["location"]) == (303, NEXT)
    name = "front-user-example-com"
    found = admin.get(receptions.Profile, name)
    assert found.spec["owner"] == {"kind": "User", "name": "user@example.com"}
    namespace = admin.get(Namespace, name)
    assert namespace.metadata.annotations["owner"] == "user@example.com"
    assert namespace.metadata.labels["katib.kubeflow.org/metrics-collector-injection"] == "enabled"
    assert {"default-editor", "default-viewer"} <= names(admin, ServiceAccount, name)
    assert receptions.bindings(admin, name) == {
        "default-editor": ("default-editor", "kubeflow-edit"),
        "default-viewer": ("default-viewer", "kubeflow-view"),
        "namespaceAdmin": ("user@example.com", "kubeflow-admin"),
    }
    assert admin.get(ResourceQuota, "kf-resource-quota", namespace=name).spec.hard == {"requests.cpu": "8"}
    live.wait(lambda: receptions.conditions(admin, name) == {"Successful": ""}, hint="it says so")


def test_the_second_visit_goes_straight_through(running: receptions.Reception):
    with running.visitor("second@example.com") as client:
        assert client.get(f"/reception{QUERY}").status_code == 303
        again = client.get(f"/reception{QUERY}")
    assert (again.status_code, again.headers["location"]) == (303, NEXT)
    assert again.elapsed.total_seconds() < 0.5


def test_a_model_that_goes_takes_no_profile_along(running: receptions.Reception, admin: lightkube.Client):
    """Juju before 3.6.14 labels what an application writes, and deletes by these labels (its teardown.go, init.go)."""
    with running.visitor("lasting@example.com") as client:
        assert client.get("/reception").status_code == 303
    admin.create(receptions.profile("lasting-too", "lasting-too@example.com"))
    names = {"front-lasting-example-com", "lasting-too"}
    mark = {"metadata": {"labels": {"model.juju.is/name": "front"}}}
    for name in names:
        live.wait(lambda name=name: receptions.conditions(admin, name) == {"Successful": ""}, hint=name)
        admin.patch(receptions.Profile, name, mark, patch_type=types.PatchType.MERGE)

    def selected(**labels: typing.Any) -> set[str]:
        found = admin.list(receptions.Profile, labels={"model.juju.is/name": "front"} | labels)
        return {one.metadata.name for one in found}

    assert selected() == names
    assert selected(**{"juju-resource-lifecycle": operators.not_in(["persistent"])}) == set()


def test_two_users_with_one_name_never_share_it(running: receptions.Reception, admin: lightkube.Client):
    with running.visitor("a.b@example.com") as client:
        assert client.get("/reception").status_code == 303
    with running.visitor("a-b@example.com") as client:
        answer = client.get("/reception")
    assert answer.status_code == 409
    assert "taken" in answer.text
    assert "create-profile" in answer.text
    assert answer.headers["x-request-id"] in answer.text
    assert receptions.bindings(admin, "front-a-b-example-com")["namespaceAdmin"][0] == "a.b@example.com"


def test_a_profile_of_another_name_counts(running: receptions.Reception, admin: lightkube.Client):
    admin.create(receptions.profile("the-old-one", "old@example.com"))
    live.wait(lambda: "namespaceAdmin" in receptions.bindings(admin, "the-old-one"), hint="it is made")
    with running.visitor("old@example.com") as client:
        assert client.get("/reception").status_code == 303
    with pytest.raises(lightkube.ApiError, match="not found"):
        admin.get(receptions.Profile, "front-old-example-com")


def test_a_namespace_of_somebody_else_is_left_alone(running: receptions.Reception, admin: lightkube.Client):
    admin.create(Namespace(metadata=ObjectMeta(name="front-thief-example-com", labels={"mine": "yes"})))
    with running.visitor("thief@example.com") as client:
        answer = client.get("/reception")
    assert answer.status_code == 409
    assert "could not be made" in answer.text
    found = admin.get(Namespace, "front-thief-example-com")
    assert not found.metadata.annotations
    assert not found.metadata.ownerReferences
    assert receptions.bindings(admin, "front-thief-example-com") == {}
    assert "somebody else" in receptions.conditions(admin, "front-thief-example-com")["Failed"]
    (told,) = running.admin("list-profiles", "--user=thief@example.com")["profiles"]
    assert told["state"].startswith("failed: the namespace front-thief-example-com exists and belongs to somebody else")
    # Nor does it go with the profile that could not have it.
    admin.delete(receptions.Profile, "front-thief-example-com")
    live.wait(lambda: "front-thief-example-com" not in _profiles(admin), hint="the profile is gone")
    assert admin.get(Namespace, "front-thief-example-com").status.phase == "Active"


def _profiles(client: lightkube.Client) -> set[str]:
    return {found.metadata.name for found in client.list(receptions.Profile)}


def test_a_namespace_that_kubeflow_made_for_the_owner_is_gone_on_with(
    running: receptions.Reception, admin: lightkube.Client
):
    admin.create(Namespace(metadata=ObjectMeta(name="kept", annotations={"owner": "kept@example.com"})))
    admin.create(receptions.profile("kept", "kept@example.com"))
    live.wait(lambda: "namespaceAdmin" in receptions.bindings(admin, "kept"), hint="it is gone on with")


def test_what_somebody_breaks_is_mended(running: receptions.Reception, admin: lightkube.Client):
    admin.create(receptions.profile("mended", "mended@example.com"))
    live.wait(lambda: receptions.conditions(admin, "mended"), hint="it is made")
    admin.delete(ServiceAccount, "default-viewer", namespace="mended")
    admin.delete(RoleBinding, "namespaceAdmin", namespace="mended")
    wrong = admin.get(RoleBinding, "default-editor", namespace="mended")
    wrong.metadata = ObjectMeta(name="default-editor", namespace="mended")
    wrong.roleRef = RoleRef(apiGroup="rbac.authorization.k8s.io", kind="ClusterRole", name="cluster-admin")

    def replaced() -> bool:
        # The controller may be faster than this test, and have it right again already.
        admin.delete(RoleBinding, "default-editor", namespace="mended")
        with contextlib.suppress(lightkube.ApiError):
            return admin.create(wrong) is not None
        return False

    live.wait(replaced, hint="the wrong binding stands there")
    expected = {
        "default-editor": ("default-editor", "kubeflow-edit"),
        "default-viewer": ("default-viewer", "kubeflow-view"),
        "namespaceAdmin": ("mended@example.com", "kubeflow-admin"),
    }
    live.wait(lambda: receptions.bindings(admin, "mended") == expected, hint="the bindings are right again")
    live.wait(lambda: "default-viewer" in names(admin, ServiceAccount, "mended"), hint="the account is back")


def test_a_quota_follows_its_profile(running: receptions.Reception, admin: lightkube.Client):
    admin.create(receptions.profile("counted", "counted@example.com", resourceQuotaSpec={"hard": {"pods": "3"}}))

    def hard() -> object:
        return [found.spec.hard for found in admin.list(ResourceQuota, namespace="counted")]

    live.wait(lambda: hard() == [{"pods": "3"}], hint="the quota is there")
    change = {"spec": {"resourceQuotaSpec": {"hard": {"pods": "5"}}}}
    admin.patch(receptions.Profile, "counted", change, patch_type=lightkube.types.PatchType.MERGE)
    live.wait(lambda: hard() == [{"pods": "5"}], hint="the quota follows")
    change = {"spec": {"resourceQuotaSpec": None}}
    admin.patch(receptions.Profile, "counted", change, patch_type=lightkube.types.PatchType.MERGE)
    live.wait(lambda: hard() == [], hint="the quota is gone")


def test_a_deleted_profile_takes_its_namespace_with_it(running: receptions.Reception, admin: lightkube.Client):
    admin.create(receptions.profile("brief-one", "brief@example.com"))
    live.wait(lambda: receptions.conditions(admin, "brief-one"), hint="it is made")
    assert "front-" not in running.admin("delete-profile", "--name=brief-one", "--confirm=brief", code=1)
    running.admin("delete-profile", "--name=brief-one", "--confirm=brief-one")
    live.wait(lambda: "brief-one" not in _profiles(admin), seconds=60, hint="the profile is gone")
    assert "brief-one" not in {found.metadata.name for found in admin.list(Namespace)}


def test_a_profile_that_is_being_deleted_is_not_gone_on_with(running: receptions.Reception, admin: lightkube.Client):
    name = "front-back-example-com"
    wish = receptions.profile(name, "back@example.com")
    wish.metadata.finalizers = ["example.com/held"]
    admin.create(wish)
    live.wait(lambda: receptions.conditions(admin, name), hint="it is made")
    admin.delete(receptions.Profile, name)
    with running.visitor("back@example.com") as client:
        answer = client.get(f"/reception{QUERY}")
        assert (answer.status_code, "being deleted" in answer.text) == (409, True)
        change = {"metadata": {"finalizers": None}}
        admin.patch(receptions.Profile, name, change, patch_type=lightkube.types.PatchType.MERGE)
        live.wait(lambda: client.get(f"/reception{QUERY}").status_code == 303, seconds=60, hint="a new one is made")
    assert admin.get(Namespace, name).metadata.annotations["owner"] == "back@example.com"


def test_a_profile_of_no_person_is_not_made(running: receptions.Reception, admin: lightkube.Client):
    admin.create(receptions.profile("crowd", "admins", kind="Group"))
    live.wait(lambda: "User" in receptions.conditions(admin, "crowd").get("Failed", ""), hint="it says why not")
    assert "crowd" not in {found.metadata.name for found in admin.list(Namespace)}


def test_an_operator_makes_profiles_and_names_contributors(running: receptions.Reception, admin: lightkube.Client):
    assert running.admin("create-profile", "--user=op@example.com", "--name=op") == {
        "name": "op", "owner": "op@example.com"
    }  # fmt: skip
    live.wait(lambda: receptions.conditions(admin, "op"), hint="it is made")
    admin.create(receptions.profile("not-op", "another@example.com"))
    assert running.admin("list-profiles", "--user=op@example.com")["profiles"] == [
        {"name": "op", "owner": "op@example.com", "state": "ready"}
    ]
    for name in ("kube-public", "op", "No Label"):
        assert "name: " in running.admin("create-profile", "--user=op@example.com", f"--name={name}", code=1)
    assert "no profile 'none'" in running.admin("add-contributor", "--profile=none", "--user=a@example.com", code=1)
    running.admin("add-contributor", "--profile=op", "--user=c.d@example.com", "--role=view")
    found = admin.get(RoleBinding, "user-c-d-example-com-clusterrole-view", namespace="op")
    assert found.metadata.annotations == {"user": "c.d@example.com", "role": "view"}
    assert (found.roleRef.name, found.subjects[0].name) == ("kubeflow-view", "c.d@example.com")
    said = running.admin("add-contributor", "--profile=op", "--user=c-d@example.com", "--role=view", code=1)
    assert "somebody else's" in said
    running.admin("remove-contributor", "--profile=op", "--user=c.d@example.com", "--role=view")
    assert "user-c-d-example-com-clusterrole-view" not in receptions.bindings(admin, "op")


def test_it_may_do_no_more_than_its_manifest_says(running: receptions.Reception, admin: lightkube.Client):
    own = running.kube.client("front/reception")
    wrong = receptions.bindings(admin, "front-user-example-com")
    assert wrong
    binding = RoleBinding(
        metadata=ObjectMeta(name="grab", namespace="front"),
        roleRef=RoleRef(apiGroup="rbac.authorization.k8s.io", kind="ClusterRole", name="cluster-admin"),
        subjects=[],
    )
    with pytest.raises(lightkube.ApiError, match="attempting to grant RBAC permissions"):
        own.create(binding)
    with pytest.raises(lightkube.ApiError, match="forbidden"):
        list(own.list(Service, namespace="front"))


def test_who_is_in_no_allowed_group_gets_nothing(kube: cluster.Cluster, tmp_path: pathlib.Path):
    receptions.prepare(kube)
    place = receptions.Reception(
        tmp_path / "few", kube, "few", allowed_groups=["science", "data team"], most_profiles=2
    )
    place.up()
    for groups in ({}, {"kubeflow-groups": "sales,science fiction"}, {"kubeflow-groups": ""}):
        with place.visitor("out@example.com", **groups) as client:
            answer = client.get(f"/reception{QUERY}")
            assert (answer.status_code, "none of your groups" in answer.text) == (403, True)
            assert "juju config reception allowed-groups" in answer.text
            assert client.get("/reception/status").json() == {"state": "refused"}
            client.post("/reception/profiles", data={"suffix": "more"})
    with place.visitor("in@example.com", **{"kubeflow-groups": "sales, data team"}) as client:
        assert client.get(f"/reception{QUERY}").headers["location"] == NEXT
    assert {name for name in _profiles(kube.client()) if name.startswith("few-")} == {"few-in-example-com"}
    place.down()


def test_header_prefix_and_transformers_are_options(kube: cluster.Cluster, tmp_path: pathlib.Path):
    receptions.prepare(kube)
    rules = [{"matches": "^.*\\\\", "replaces": ""}, {"matches": "@example.com$", "replaces": ""}]
    place = receptions.Reception(
        tmp_path / "said", kube, "said", userid_header="x-user", userid_transformers=rules
    ).up()
    with place.visitor("victim@example.com", **{"x-user": "named@example.com"}) as client:
        assert client.get(f"/reception{QUERY}").headers["location"] == NEXT
    with place.visitor("victim@example.com") as client:
        assert client.get(f"/reception{QUERY}").status_code == 403
    assert {name for name in _profiles(kube.client()) if name.startswith("said-")} == {"said-named"}
    place.down()


def test_who_may_have_several_makes_them_under_their_own_name(kube: cluster.Cluster, tmp_path: pathlib.Path):
    receptions.prepare(kube)
    place = receptions.Reception(tmp_path / "more", kube, "more", most_profiles=2).up()
    admin, name = kube.client(), "more-many-example-com"
    with place.visitor("many@example.com") as client:
        assert client.get("/reception").status_code == 303
        assert client.post("/reception/profiles", data={"suffix": " Second "}).status_code == 200
        third = client.post("/reception/profiles", data={"suffix": "third"})
        assert (third.status_code, "all the workspaces you may have" in third.text) == (409, True)
        live.wait(lambda: "namespaceAdmin" in receptions.bindings(admin, f"{name}-second"), hint="it is made")
        # Whichever they have, they go straight to where they wanted.
        assert client.get(f"/reception{QUERY}").headers["location"] == NEXT
    with place.visitor("forger@example.com") as client:
        for suffix in ("../x", "a_b", "x" * 60, "-"):
            assert client.post("/reception/profiles", data={"suffix": suffix}).status_code == 409
    assert {found for found in _profiles(admin) if found.startswith("more-")} == {name, f"{name}-second"}
    place.down()


def test_where_only_operators_make_profiles_nobody_helps_themselves(kube: cluster.Cluster, tmp_path: pathlib.Path):
    receptions.prepare(kube)
    place = receptions.Reception(tmp_path / "never", kube, "never", create="never", most_profiles=5).up()
    with place.visitor("help@example.com") as client:
        for answer in (
            client.get("/reception"),
            client.post("/reception"),
            client.post("/reception/profiles", data={"suffix": "x"}),
        ):
            assert (answer.status_code, "no workspace yet" in answer.text) == (403, True)
        place.admin("create-profile", "--user=help@example.com")
        live.wait(lambda: client.get(f"/reception{QUERY}").status_code == 303, hint="they come in")
        assert "Make it" not in client.get("/reception/profiles").text
    place.down()


def test_the_controller_stays_off_beside_that_of_kubeflow(kube: cluster.Cluster, tmp_path: pathlib.Path):
    receptions.prepare(kube)
    found = receptions.Reception(tmp_path / "aside", kube, "beside")
    spec = ServiceSpec(ports=[ServicePort(port=8080)])
    kube.client().create(Service(metadata=ObjectMeta(name="kubeflow-profiles", namespace="beside"), spec=spec))
    found.start("control")
    live.wait(lambda: "kubeflow-profiles" in found.ready(found.controller), hint="it stands aside")
    found.down()
    assert "active one" not in found.log("control")
