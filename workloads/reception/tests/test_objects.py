# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import datetime

import pytest
from reception import objects, profiles

WHAT = profiles.Profile(name="kubeflow-user", uid="uid-1", owner="user@example.com")


def named(what: list[dict], kind: str, name: str) -> dict:
    (found,) = [one for one in what if (one["kind"], one["metadata"]["name"]) == (kind, name)]
    return found


def test_the_binding_of_the_owner_comes_last():
    last = objects.wanted(WHAT, {})[-1]
    assert last["metadata"]["name"] == "namespaceAdmin"
    assert last["metadata"]["annotations"] == {"user": "user@example.com", "role": "admin"}


def test_everything_inside_goes_with_the_profile():
    assert {one["metadata"]["ownerReferences"][0]["uid"] for one in objects.wanted(WHAT, {})} == {"uid-1"}


def test_a_quota_stands_there_only_where_the_profile_has_one():
    assert "ResourceQuota" not in {one["kind"] for one in objects.wanted(WHAT, {})}
    what = profiles.read({"metadata": {"name": "x"}, "spec": {"resourceQuotaSpec": {"hard": {"pods": 1}}}})
    assert named(objects.wanted(what, {}), "ResourceQuota", "kf-resource-quota")["spec"] == {"hard": {"pods": 1}}


def test_labels_of_the_option_cannot_replace_our_own():
    (namespace, *_) = objects.wanted(WHAT, {objects.MANAGER_LABEL: "other", "a": "b"})
    assert namespace["metadata"]["labels"][objects.MANAGER_LABEL] == objects.MANAGER
    assert namespace["metadata"]["labels"]["a"] == "b"


@pytest.mark.parametrize(
    ("metadata", "ours", "made"),
    [
        ({}, False, False),
        ({"annotations": {"owner": "other@example.com"}}, False, False),
        ({"annotations": {"owner": "user@example.com"}}, True, False),
        ({"ownerReferences": [{"uid": "uid-1", "controller": True}]}, True, True),
        ({"ownerReferences": [{"uid": "uid-1"}]}, False, False),
        # Made for a profile of the same user that is gone: it goes too.
        (
            {"annotations": {"owner": "user@example.com"}, "ownerReferences": [{"uid": "uid-0", "controller": True}]},
            False, False,
        ),
    ],
)  # fmt: skip
def test_whose_a_namespace_is(metadata: dict, ours: bool, made: bool):
    namespace = {"metadata": metadata}
    assert objects.belongs(namespace, WHAT) is ours
    assert objects.made_for(namespace, WHAT) is made


def test_what_others_add_is_no_difference():
    want = objects.wanted(WHAT, {"a": "b"})[0]
    metadata = {**want["metadata"], "labels": {**want["metadata"]["labels"], "more": "x"}, "uid": "1"}
    assert not objects.differs({**want, "metadata": metadata, "status": {}}, want)
    assert objects.differs({"metadata": {**metadata, "labels": {}}}, want)


def test_a_patch_leaves_what_others_added():
    want = objects.wanted(WHAT, {})[0]
    have = {"metadata": {"ownerReferences": [{"uid": "other"}, {"uid": "old", "controller": True}]}}
    uids = [ref["uid"] for ref in objects.change(have, want)["metadata"]["ownerReferences"]]
    assert uids == ["other", "uid-1"]


def test_a_contributor_is_bound_as_kfam_does():
    found = objects.contributor("kubeflow-user", "Some.Body+x@example.com", "edit")
    assert found["metadata"]["name"] == "user-some-body-x-example-com-clusterrole-edit"
    assert found["metadata"]["annotations"] == {"user": "Some.Body+x@example.com", "role": "edit"}
    assert found["roleRef"]["name"] == "kubeflow-edit"


def given(*, user: str = "a@example.com", role: str = "kubeflow-edit", **changes: object) -> dict:
    return {
        "metadata": {"name": "x", "annotations": {"user": "a@example.com", "role": "edit"}},
        "subjects": [{"kind": "User", "name": user}],
        "roleRef": {"kind": "ClusterRole", "name": role},
        **changes,
    }


@pytest.mark.parametrize(
    ("binding", "who"),
    [
        (given(), ("a@example.com", "edit")),
        (given(role="kubeflow-view"), ("a@example.com", "view")),
        (given(role="kubeflow-admin"), ("a@example.com", "admin")),
        (objects.contributor("x", "A.b@example.com", "view"), ("A.b@example.com", "view")),
        (objects.wanted(WHAT, {})[-1], ("user@example.com", "admin")),
        (given(user="b@example.com"), None),
        (given(role="edit"), None),
        (given(role="cluster-admin"), None),
        (given(roleRef={"kind": "Role", "name": "kubeflow-edit"}), None),
        (given(subjects=[{"kind": "Group", "name": "a@example.com"}]), None),
        (given(subjects=[{"kind": "User", "name": "a@example.com"}] * 2), None),
        (given(subjects=[{"kind": "User"}], metadata={}), None),
        (given(subjects=None, roleRef=None), None),
        (given(metadata={"name": "x"}), None),
    ],
)
def test_a_binding_says_what_it_gives_and_not_what_is_written_on_it(binding: dict, who: tuple[str, str] | None):
    assert objects.read_contributor(binding) == who


def test_every_part_that_is_ours_is_a_difference():
    namespace, *_, admin = objects.wanted(WHAT, {})
    assert not objects.differs(admin, admin)
    assert objects.differs({**admin, "subjects": []}, admin)
    assert objects.differs({**namespace, "metadata": {**namespace["metadata"], "ownerReferences": []}}, namespace)
    assert objects.differs({**namespace, "metadata": {**namespace["metadata"], "annotations": {}}}, namespace)
    what = profiles.Profile(name="x", owner="u", quota={"hard": {"pods": "1"}})
    quota = named(objects.wanted(what, {}), "ResourceQuota", "kf-resource-quota")
    assert objects.differs({**quota, "spec": {"hard": {"pods": "2"}}}, quota)
    assert objects.change(quota, quota)["spec"] == {"hard": {"pods": "1"}}


def test_only_another_role_needs_another_binding():
    namespace, *_, admin = objects.wanted(WHAT, {})
    other = {**admin, "roleRef": {**admin["roleRef"], "name": "cluster-admin"}}
    assert objects.replaced(other, admin)
    assert not objects.replaced({**admin, "subjects": []}, admin)
    assert not objects.replaced(namespace, namespace)


def test_a_profile_without_a_quota_asks_for_none():
    assert "resourceQuotaSpec" not in objects.profile("x", "u", quota={})["spec"]
    found = objects.profile("x", "u", quota={"pods": "1"})
    assert found["spec"] == {"owner": {"kind": "User", "name": "u"}, "resourceQuotaSpec": {"hard": {"pods": "1"}}}
    assert profiles.read({"spec": {"resourceQuotaSpec": {"scopes": []}}}).quota == {}


def test_conditions_that_do_not_hold_do_not_count():
    def read(*conditions: tuple[str, str]) -> profiles.Profile:
        return profiles.read({"status": {"conditions": [{"type": kind, "status": word} for kind, word in conditions]}})

    found = read(("Failed", "False"), ("Successful", "True"))
    assert (found.trouble, found.successful) == ("", True)
    found = read(("Failed", "True"), ("Successful", "False"))
    assert (found.trouble, found.successful) == ("without a word", False)


def test_only_a_user_is_bound_as_one():
    assert profiles.bound(given(), "a@example.com")
    assert not profiles.bound(given(), "b@example.com")
    assert not profiles.bound(given(subjects=[{"kind": "Group", "name": "a@example.com"}]), "a@example.com")
    assert not profiles.bound(None, "a@example.com")


@pytest.mark.parametrize(
    "data",
    [
        {}, {"spec": None, "status": None, "metadata": None}, {"spec": {"owner": ["x"]}, "status": {"conditions": "x"}},
        {"spec": {"owner": {"kind": "Group", "name": "admins"}}}, {"status": {"conditions": [None, {}]}},
    ],
)  # fmt: skip
def test_a_strange_profile_belongs_to_nobody(data: dict):
    assert profiles.read(data).owner == ""


def test_the_profile_of_the_own_name_is_chosen_then_the_oldest():
    def made(name: str, day: int, **more: bool) -> profiles.Profile:
        stamp = datetime.datetime(2026, 1, day, tzinfo=datetime.UTC).timestamp()
        return profiles.Profile(name=name, owner="u", created=stamp, **more)

    owned = [made("b", 2), made("a", 3), made("c", 1, deleting=True)]
    assert profiles.chosen(owned, "a") == owned[1]
    assert profiles.chosen(owned, "z") == owned[0]
    assert profiles.chosen(owned[2:], "c") is None
