# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""A Profile of kubeflow.org/v1 as a value, and what it means for somebody who has just logged in. Pure."""

import collections.abc
import dataclasses
import datetime
import typing

from reception import plain

Json = dict[str, typing.Any]
SUCCESSFUL, FAILED = "Successful", "Failed"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Profile:
    """What matters of a profile.

    Attributes:
        owner: the user id of its owner; empty where that is no person.
        quota: the spec of its ResourceQuota, empty without one.
        deleting: whether somebody has deleted it and it is not gone yet.
        trouble: why the controller cannot make it, empty when it can.
        created: when it was made, in seconds since 1970.
    """

    name: str
    uid: str = ""
    owner: str = ""
    quota: Json = dataclasses.field(default_factory=dict[str, typing.Any])
    finalizers: tuple[str, ...] = ()
    labels: Json = dataclasses.field(default_factory=dict[str, typing.Any])
    deleting: bool = False
    trouble: str = ""
    successful: bool = False
    created: float = 0.0
    version: str = ""


def read(data: Json) -> Profile:
    """Return a profile out of what the API server says; hostile fields read as missing ones."""
    metadata, spec = plain.mapping(data, "metadata"), plain.mapping(data, "spec")
    owner, quota = plain.mapping(spec, "owner"), plain.mapping(spec, "resourceQuotaSpec")
    conditions = _conditions(data)
    return Profile(
        name=str(metadata.get("name", "")),
        uid=str(metadata.get("uid", "")),
        owner=str(owner.get("name") or "") if owner.get("kind") == "User" else "",
        quota=quota if quota.get("hard") else {},
        finalizers=plain.texts(metadata, "finalizers"),
        labels=plain.mapping(metadata, "labels"),
        deleting=bool(metadata.get("deletionTimestamp")),
        trouble=conditions.get(FAILED, ""),
        successful=SUCCESSFUL in conditions,
        created=_seconds(metadata.get("creationTimestamp")),
        version=str(metadata.get("resourceVersion", "")),
    )


def condition(kind: str, message: str = "") -> Json:
    """Return the status with one condition, in the fields that Kubeflow's own controller writes."""
    return {"conditions": [{"type": kind, "status": "True", "message": message}]}


def bound(binding: Json | None, user: str) -> bool:
    """Return whether a role binding gives a role to a user."""
    subjects = plain.entries(binding or {}, "subjects")
    return any(subject.get("kind") == "User" and subject.get("name") == user for subject in subjects)


def chosen(owned: collections.abc.Iterable[Profile], name: str) -> Profile | None:
    """Return whose profile to wait for among those of a user: the one of their name, else the oldest."""
    living = sorted((one for one in owned if not one.deleting), key=lambda one: (one.created, one.name))
    return next((one for one in living if one.name == name), living[0] if living else None)


def _conditions(data: Json) -> dict[str, str]:
    return {
        str(entry.get("type")): str(entry.get("message") or "without a word")
        for entry in plain.entries(plain.mapping(data, "status"), "conditions")
        if entry.get("status") in (None, "True")
    }


def _seconds(value: object) -> float:
    if isinstance(value, datetime.datetime):
        return value.timestamp()
    try:
        return datetime.datetime.fromisoformat(str(value)).timestamp()
    except ValueError:
        return 0.0
