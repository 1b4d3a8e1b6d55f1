# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The API of access management with a real API server: what a dashboard asks of it, and what it lets nobody do."""

import collections.abc
import concurrent.futures
import pathlib
import typing

import cluster
import httpx
import lightkube
import live
import pytest
import receptions
import yaml
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.models.rbac_v1 import RoleRef, Subject
from lightkube.resources.core_v1 import Namespace
from lightkube.resources.networking_v1 import NetworkPolicy
from lightkube.resources.rbac_authorization_v1 import RoleBinding

OWNER, OTHER, ADMIN = "owner@example.com", "other@example.com", "root@example.com"
MINE = "desk-owner-example-com"
RBAC = "rbac.authorization.k8s.io"


@pytest.fixture(scope="module")
def running(kube: cluster.Cluster, tmp_path_factory: pytest.TempPathFactory) -> collections.abc.Iterator:
    receptions.prepare(kube)
    found = receptions.Reception(
        tmp_path_factory.mktemp("kfam"), kube, "desk", dashboard=True, cluster_admins=[ADMIN], most_profiles=2
    ).up()
    with found.visitor(OWNER) as client:
        assert client.get("/reception").status_code == 303
    yield found
    found.down()


@pytest.fixture(scope="module")
def admin(running: receptions.Reception) -> lightkube.Client:
    return running.kube.client()


def wish(user: str, *, namespace: str = MINE, role: str = "edit") -> dict[str, typing.Any]:
    """Return a binding to the letter as the dashboard sends it."""
    return {
        "user": {"kind": "User", "name": user},
        "referredNamespace": namespace,
        "RoleRef": {"kind": "ClusterRole", "name": role},
    }


def ask(running: receptions.Reception, method: str, path: str, document: object = None, user: str | None = None):
    with running.dashboard(user) as client:
        return client.request(method, path, json=document)


def people(running: receptions.Reception, **query: str) -> list[tuple[str, str, str]]:
    """Return the bindings that the dashboard reads, without an identity as it does."""
    with running.dashboard() as client:
        answer = client.get("/v1/bindings", params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    return [
        (one["referredNamespace"], one["user"]["name"], one["RoleRef"]["name"]) for one in answer.json()["bindings"]
    ]


def test_the_dashboard_reads_who_owns_what_without_saying_who_asks(running: receptions.Reception):
    live.wait(lambda: people(running, user=OWNER) == [(MINE, OWNER, "admin")], hint="the owner is seen")
    with running.dashboard() as client:
        answer = client.get("/v1/bindings", params={"user": OWNER})
    assert answer.json() == {
        "bindings": [
            {
                "user": {"kind": "User", "name": OWNER},
                "referredNamespace": MINE,
                "RoleRef": {"apiGroup": "", "kind": "ClusterRole", "name": "admin"},
            }
        ]
    }
    assert answer.headers["cache-control"] == "no-store"
    assert people(running, user="nobody@example.com") == []
    assert people(running, namespace=MINE, role="view") == []
    assert (MINE, OWNER, "admin") in people(running)


def test_an_owner_adds_and_removes_contributors_as_kfam_does(running: receptions.Reception, admin: lightkube.Client):
    answer = ask(running, "POST", "/v1/bindings", wish(OTHER), OWNER)
    assert (answer.status_code, answer.content) == (200, b"")
    # The dashboard reads at once, and must see it.
    assert people(running, namespace=MINE) == [(MINE, OTHER, "edit"), (MINE, OWNER, "admin")]
    live.wait(lambda: people(running, user=OTHER) == [(MINE, OTHER, "edit")], hint="it is seen everywhere")
    binding = admin.get(RoleBinding, "user-other-example-com-clusterrole-edit", namespace=MINE)
    assert binding.metadata.annotations == {"user": OTHER, "role": "edit"}
    assert (binding.roleRef.name, binding.subjects[0].name) == ("kubeflow-edit", OTHER)
    assert ask(running, "POST", "/v1/bindings", wish(OTHER), OWNER).status_code == 200
    assert ask(running, "DELETE", "/v1/bindings", wish(OTHER), OWNER).status_code == 200
    assert people(running, namespace=MINE) == [(MINE, OWNER, "admin")]
    gone = ask(running, "DELETE", "/v1/bindings", wish(OTHER), OWNER)
    assert (gone.status_code, gone.json()) == (403, f"{OTHER} is no contributor of {MINE} with the role edit")


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize("user", [None, OTHER, "", "desk-owner-example-com"])
def test_nobody_but_the_owner_changes_contributors(running: receptions.Reception, method: str, user: str | None):
    before = people(running, namespace=MINE)
    answer = ask(running, method, "/v1/bindings", wish(OTHER), user)
    assert (answer.status_code, answer.json()) == (403, f"there is no profile '{MINE}' of yours")
    assert people(running, namespace=MINE) == before


def test_a_contributor_is_no_owner(running: receptions.Reception):
    assert ask(running, "POST", "/v1/bindings", wish(OTHER), OWNER).status_code == 200
    assert ask(running, "POST", "/v1/bindings", wish("third@example.com"), OTHER).status_code == 403
    assert ask(running, "DELETE", "/v1/bindings", wish(OTHER), OTHER).status_code == 403
    assert ask(running, "DELETE", f"/v1/profiles/{MINE}", user=OTHER).status_code == 401
    assert ask(running, "DELETE", "/v1/bindings", wish(OTHER), OWNER).status_code == 200


def test_two_identities_are_none(running: receptions.Reception):
    headers = [("kubeflow-userid", OWNER), ("kubeflow-userid", OTHER)]
    answer = httpx.post(f"{running.kfam}/kfam/v1/bindings", json=wish(OTHER), headers=headers, trust_env=False)
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        (wish(OTHER, role="admin"), "RoleRef.name: "),
        (wish(OTHER, role="cluster-admin"), "RoleRef.name: "),
        ({**wish(OTHER), "user": {"kind": "Group", "name": "system:authenticated"}}, "user.kind"),
        ({**wish(OTHER), "RoleRef": {"kind": "Role", "name": "edit"}}, "RoleRef.kind: "),
        (wish(""), "user.name: must be a user id"),
        (wish("a\nb"), "user.name: must be a user id"),
        ({"user": None}, "user"),
        ("text", "body"),
        (wish("x" * 20_000), "body"),
        (wish(OWNER), "owns the profile"),
    ],
)
def test_nothing_else_can_be_given(running: receptions.Reception, document: object, sentence: str):
    answer = ask(running, "POST", "/v1/bindings", document, OWNER)
    assert answer.status_code == 403
    assert sentence in answer.json()
    assert people(running, namespace=MINE) == [(MINE, OWNER, "admin")]


@pytest.mark.parametrize("namespace", ["kube-system", "default", "", "../default", "nowhere"])
def test_only_namespaces_of_profiles_are_touched_or_shown(running: receptions.Reception, namespace: str):
    for user in (OWNER, ADMIN):
        assert ask(running, "POST", "/v1/bindings", wish(OTHER, namespace=namespace), user).status_code == 403
    if namespace:
        assert people(running, namespace=namespace) == []
    assert {where for where, _, _ in people(running)}.isdisjoint({"kube-system", "default"})


def test_an_owner_cannot_lend_another_ones_name(running: receptions.Reception, admin: lightkube.Client):
    def bind(name: str, annotations: dict[str, str], *subjects: str, role: str = "kubeflow-edit") -> None:
        admin.create(
            RoleBinding(
                metadata=ObjectMeta(name=name, namespace=MINE, annotations=annotations),
                roleRef=RoleRef(apiGroup=RBAC, kind="ClusterRole", name=role),
                subjects=[Subject(apiGroup=RBAC, kind="User", name=subject) for subject in subjects],
            )
        )

    before = people(running, namespace=MINE)
    bind("lies", {"user": "victim@example.com", "role": "admin"}, OWNER)
    bind("crowd", {"user": OTHER, "role": "edit"}, OTHER, OWNER)
    bind("plain", {}, OTHER)
    bind("strange", {"user": OTHER, "role": "edit"}, OTHER, role="edit")
    # It says view and gives edit: what it gives is what counts.
    bind("more", {"user": OTHER, "role": "view"}, OTHER)
    assert people(running, namespace=MINE) == sorted([*before, (MINE, OTHER, "edit")], key=str)
    for name in ("lies", "crowd", "plain", "strange", "more"):
        admin.delete(RoleBinding, name, namespace=MINE)


def test_an_administrator_does_it_for_everybody(running: receptions.Reception, admin: lightkube.Client):
    for user, known in ((ADMIN, True), (OWNER, False), ("", False)):
        assert ask(running, "GET", f"/v1/role/clusteradmin?user={user}").json() is known
    assert ask(running, "POST", "/v1/bindings", wish(OTHER), ADMIN).status_code == 200
    assert ask(running, "DELETE", "/v1/bindings", wish(OTHER), ADMIN).status_code == 200
    document = {"metadata": {"name": "by-admin"}, "spec": {"owner": {"kind": "User", "name": "given@example.com"}}}
    assert ask(running, "POST", "/v1/profiles", document, ADMIN).status_code == 200
    assert admin.get(receptions.Profile, "by-admin").spec["owner"]["name"] == "given@example.com"
    assert ask(running, "POST", "/v1/profiles", document, ADMIN).status_code == 403
    grab = {**document, "metadata": {"name": "kube-public"}}
    assert ask(running, "POST", "/v1/profiles", grab, ADMIN).status_code == 403
    assert ask(running, "DELETE", "/v1/profiles/by-admin", user=OWNER).status_code == 401
    assert ask(running, "DELETE", "/v1/profiles/by-admin", user=ADMIN).status_code == 200
    assert ask(running, "DELETE", "/v1/profiles/never-there", user=ADMIN).status_code == 401


def register(running: receptions.Reception, user: str | None, name: str, owner: str) -> httpx.Response:
    document = {"metadata": {"name": name}, "spec": {"owner": {"kind": "User", "name": owner}}}
    return ask(running, "POST", "/v1/profiles", document, user)


def test_a_profile_is_made_for_oneself_only_and_deleted_by_its_owner_only(
    running: receptions.Reception, admin: lightkube.Client
):
    user, name = "self@example.com", "desk-self-example-com"
    for asker, wanted, owner in (
        (None, name, user),
        (OTHER, name, user),
        (user, name, OTHER),
        (user, "desk-other-example-com", user),
        (user, f"{name}x", user),
        (user, "kube-system", user),
    ):
        answer = register(running, asker, wanted, owner)
        assert (answer.status_code, type(answer.json())) == (403, str)
    assert register(running, user, name, user).status_code == 200
    assert register(running, user, f"{name}-two", user).status_code == 200
    third = register(running, user, f"{name}-three", user)
    assert (third.status_code, "most-profiles is 2" in third.json()) == (403, True)
    live.wait(lambda: receptions.conditions(admin, name), hint="it is made")
    live.wait(lambda: receptions.conditions(admin, f"{name}-two"), hint="the second is made")
    assert {where for where, _, _ in people(running, user=user)} == {name, f"{name}-two"}
    for asker in (None, OTHER):
        assert ask(running, "DELETE", f"/v1/profiles/{name}", user=asker).status_code == 401
    assert ask(running, "DELETE", f"/v1/profiles/{name}", user=user).status_code == 200

    def left() -> set[str]:
        return {found.metadata.name for found in admin.list(Namespace)}

    live.wait(lambda: name not in left(), seconds=60, hint="it is gone with its namespace")
    assert f"{name}-two" in left()


def test_wishes_at_the_same_time_get_no_more_than_allowed(running: receptions.Reception, admin: lightkube.Client):
    user = "hasty@example.com"
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        names = [f"desk-hasty-example-com-{number}" for number in range(8)]
        answers = list(pool.map(lambda name: register(running, user, name, user).status_code, names))
    assert sorted(answers) == [200] * 2 + [403] * 6
    owned = [found for found in admin.list(receptions.Profile) if found.spec["owner"]["name"] == user]
    assert len(owned) == 2


def test_it_is_not_there_for_whoever_the_gateway_sends(running: receptions.Reception):
    with running.visitor(OWNER) as client:
        assert client.get("/kfam/v1/bindings").status_code == 404
    with running.dashboard(OWNER) as client:
        assert client.get("/../reception").status_code == 404
        assert client.put("/v1/bindings").status_code == 405
    with httpx.Client(base_url=running.management, trust_env=False) as client:
        assert client.get("/kfam/v1/bindings").status_code == 404


def test_what_is_done_is_told_with_who_did_it(running: receptions.Reception):
    with running.dashboard(OWNER) as client:
        client.post("/v1/bindings", json=wish(OTHER), headers={"x-request-id": "abcdefgh-kfam"})
        client.request("DELETE", "/v1/bindings", json=wish(OTHER))
    (line,) = [line for line in running.log("serve").splitlines() if "abcdefgh-kfam" in line]
    assert all(text in line for text in ("contributor added", MINE, OWNER))


def test_without_a_dashboard_nothing_listens(kube: cluster.Cluster, tmp_path: pathlib.Path):
    receptions.prepare(kube)
    place = receptions.Reception(tmp_path / "quiet", kube, "quiet")
    place.start("serve")
    live.wait(lambda: place.ready(place.management), hint="the reception is ready")
    with pytest.raises(httpx.ConnectError), place.dashboard() as client:
        client.get("/v1/bindings")
    place.down()


def test_the_network_policy_is_one_that_the_cluster_takes(kube: cluster.Cluster, tmp_path: pathlib.Path):
    text = (receptions.MANIFESTS / "network.yaml").read_text()
    policy = NetworkPolicy.from_dict({**yaml.safe_load(text)})
    policy.metadata.namespace = "default"
    made = kube.client().create(policy)
    rules = {
        tuple(port.port for port in rule.ports): [
            peer.podSelector.matchLabels["app.kubernetes.io/name"] for peer in rule.from_ or []
        ]
        for rule in made.spec.ingress
    }
    assert rules == {(8080,): ["ambassador-route"], (8081,): ["kubeflow-dashboard"], (8082, 8083): []}
