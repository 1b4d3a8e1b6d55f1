# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What stands in Kubernetes for a profile, as plain mappings in the words of its API. Pure.

Names, labels and annotations are those of Kubeflow's own profile controller and kfam, so that either can go on where
the other has stopped.
"""

import collections.abc
import copy
import re
import typing

from reception import plain, profiles

Json = dict[str, typing.Any]
GROUP = "kubeflow.org"
FINALIZER = "profile-finalizer"
OWNER = "owner"
EDITOR, VIEWER, ADMIN = "default-editor", "default-viewer", "namespaceAdmin"
QUOTA = "kf-resource-quota"
MANAGER_LABEL, MANAGER = "app.kubernetes.io/managed-by", "kubeflow-auth-reception"
ROLES = ("edit", "view")
# Juju before 3.6.14 labels every resource that an application writes, and removes those of the whole cluster with the
# model of that application, except for what carries this.
STAYS = {"juju-resource-lifecycle": "persistent"}
_RBAC = "rbac.authorization.k8s.io"
# Of the cluster roles that Kubeflow gives to people.
_PREFIX = "kubeflow-"
_NO_LETTER = re.compile(r"[^a-z0-9]+")


def profile(name: str, owner: str, *, quota: collections.abc.Mapping[str, str]) -> Json:
    """Return a new profile of a user."""
    spec: Json = {"owner": {"kind": "User", "name": owner}}
    if quota:
        spec["resourceQuotaSpec"] = {"hard": dict(quota)}
    metadata = {"name": name, "labels": STAYS, "finalizers": [FINALIZER]}
    return {"apiVersion": f"{GROUP}/v1", "kind": "Profile", "metadata": metadata, "spec": spec}


def wanted(what: profiles.Profile, labels: collections.abc.Mapping[str, str]) -> list[Json]:
    """Return all that a profile asks for, in the order in which it is made.

    The owner's binding is the last: who waits for it finds everything else.
    """
    found = [_namespace(what, labels)]
    found += [_account(what, name) for name in (EDITOR, VIEWER)]
    for name, role in ((EDITOR, "edit"), (VIEWER, "view")):
        subject = {"kind": "ServiceAccount", "name": name, "namespace": what.name}
        found.append(_binding(what, name, role, subject))
    if what.quota:
        found.append({"kind": "ResourceQuota", "metadata": _inside(what, QUOTA), "spec": copy.deepcopy(what.quota)})
    owner = {"kind": "User", "apiGroup": _RBAC, "name": what.owner}
    admin = _binding(what, ADMIN, "admin", owner)
    admin["metadata"]["annotations"] = {"user": what.owner, "role": "admin"}
    return [*found, admin]


def contributor(namespace: str, user: str, role: str) -> Json:
    """Return the binding of a contributor, as kfam writes it."""
    name = _NO_LETTER.sub("-", f"user-{user}-clusterrole-{role}".lower())
    annotations = {"user": user, "role": role}
    return {
        "kind": "RoleBinding",
        "metadata": {"name": name, "namespace": namespace, "annotations": annotations},
        "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": _PREFIX + role},
        "subjects": [{"apiGroup": _RBAC, "kind": "User", "name": user}],
    }


def read_contributor(binding: Json) -> tuple[str, str] | None:
    """Return who a binding was made for and the role (admin for the owner), None where it is no such binding.

    What the binding really gives counts; its annotations only tell that it was made for a person of the dashboard.
    """
    subjects, role = plain.entries(binding, "subjects"), plain.mapping(binding, "roleRef")
    annotations = plain.mapping(plain.mapping(binding, "metadata"), "annotations")
    if len(subjects) != 1 or subjects[0].get("kind") != "User" or role.get("kind") != "ClusterRole":
        return None
    user, name = subjects[0].get("name"), str(role.get("name")).removeprefix(_PREFIX)
    if name not in ("admin", *ROLES) or role.get("name") != _PREFIX + name or annotations.get("user") != user:
        return None
    return (user, name) if isinstance(user, str) and user else None


def belongs(namespace: Json, what: profiles.Profile) -> bool:
    """Return whether a namespace is a profile's: made for exactly it, or for its owner by another controller."""
    metadata = namespace["metadata"]
    controllers = [ref for ref in plain.entries(metadata, "ownerReferences") if ref.get("controller")]
    if controllers:
        return any(ref.get("uid") == what.uid for ref in controllers)
    return plain.mapping(metadata, "annotations").get(OWNER) == what.owner


def made_for(namespace: Json, what: profiles.Profile) -> bool:
    """Return whether a namespace was made for exactly this profile, so that it may go with it."""
    references = plain.entries(namespace["metadata"], "ownerReferences")
    return any(ref.get("controller") and ref.get("uid") == what.uid for ref in references)


def change(have: Json, want: Json) -> Json:
    """Return the merge patch (RFC 7386) that brings an object to what is wanted, and leaves what others added."""
    metadata: Json = {key: want["metadata"][key] for key in ("labels", "annotations") if key in want["metadata"]}
    if "ownerReferences" in want["metadata"]:
        others = [ref for ref in plain.entries(have["metadata"], "ownerReferences") if not ref.get("controller")]
        metadata["ownerReferences"] = [*others, *want["metadata"]["ownerReferences"]]
    return {"metadata": metadata, **{key: want[key] for key in ("subjects", "spec") if key in want}}


def differs(have: Json, want: Json) -> bool:
    """Return whether something must be written; what others have added does not count."""
    mine, theirs = want["metadata"], have["metadata"]
    for key in ("labels", "annotations"):
        if not plain.mapping(mine, key).items() <= plain.mapping(theirs, key).items():
            return True
    references = {ref.get("uid") for ref in plain.entries(theirs, "ownerReferences")}
    if not {ref["uid"] for ref in mine.get("ownerReferences", [])} <= references:
        return True
    return any(have.get(key) != want[key] for key in ("roleRef", "subjects", "spec") if key in want)


def replaced(have: Json, want: Json) -> bool:
    """Return whether something must be made anew, because Kubernetes lets nobody change the role of a binding."""
    return "roleRef" in want and have.get("roleRef") != want["roleRef"]


def _namespace(what: profiles.Profile, labels: collections.abc.Mapping[str, str]) -> Json:
    metadata = {
        "name": what.name,
        "annotations": {OWNER: what.owner},
        "labels": {**labels, "app.kubernetes.io/part-of": "kubeflow-profile", MANAGER_LABEL: MANAGER},
        "ownerReferences": [_reference(what)],
    }
    return {"kind": "Namespace", "metadata": metadata}


def _account(what: profiles.Profile, name: str) -> Json:
    return {"kind": "ServiceAccount", "metadata": _inside(what, name)}


def _binding(what: profiles.Profile, name: str, role: str, subject: Json) -> Json:
    reference = {"apiGroup": _RBAC, "kind": "ClusterRole", "name": _PREFIX + role}
    return {"kind": "RoleBinding", "metadata": _inside(what, name), "roleRef": reference, "subjects": [subject]}


def _inside(what: profiles.Profile, name: str) -> Json:
    return {
        "name": name,
        "namespace": what.name,
        "labels": {MANAGER_LABEL: MANAGER},
        "ownerReferences": [_reference(what)],
    }


def _reference(what: profiles.Profile) -> Json:
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "Profile",
        "name": what.name,
        "uid": what.uid,
        "controller": True,
    }
