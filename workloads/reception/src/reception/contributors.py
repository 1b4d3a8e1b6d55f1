# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""People who work in somebody else's profile: what makes them so, and what ends it."""

from reception import kube, naming, objects, profiles

_LONGEST_USER = 320


class ContributorError(Exception):
    """Somebody cannot become or cease to be a contributor; the text says why, and what to do."""


def is_user(text: str) -> bool:
    """Return whether a text can be a user id."""
    return bool(text.strip()) and len(text) <= _LONGEST_USER and text.isprintable()


async def existing(source: kube.Kube, name: str) -> profiles.Profile | None:
    """Return a profile as it stands in the cluster now, None where there is none.

    Raises:
        kube.FAILURES: it cannot be asked for.
    """
    data = await source.get("Profile", name) if naming.is_label(name) else None
    return profiles.read(data) if data else None


async def add(source: kube.Kube, what: profiles.Profile, user: str, role: str) -> None:
    """Let somebody work in a profile; that they may already is well too.

    Raises:
        ContributorError: it is their own, or somebody else's binding is in the way.
        kube.FAILURES: it cannot be done now.
    """
    if what.owner == user:
        raise ContributorError(f"{user} owns the profile {what.name}, and can do everything in it already")
    want = objects.contributor(what.name, user, role)
    binding = want["metadata"]["name"]
    have = await source.get("RoleBinding", binding, what.name)
    if have is None:
        await source.create(want)
    elif objects.read_contributor(have) != (user, role):
        # kfam names bindings so that a.b and a-b meet in one.
        raise ContributorError(
            f"the binding {binding} in {what.name} is somebody else's: remove that contributor first"
        )


async def remove(source: kube.Kube, what: profiles.Profile, user: str, role: str) -> None:
    """Take back what somebody may do in another's profile.

    Raises:
        ContributorError: they may not do that anyway.
        kube.FAILURES: it cannot be done now.
    """
    binding = objects.contributor(what.name, user, role)["metadata"]["name"]
    if not profiles.bound(await source.get("RoleBinding", binding, what.name), user):
        raise ContributorError(f"{user} is no contributor of {what.name} with the role {role}")
    await source.delete("RoleBinding", binding, what.name)
