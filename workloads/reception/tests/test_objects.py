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
