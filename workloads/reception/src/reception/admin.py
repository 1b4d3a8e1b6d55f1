# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What an operator does to profiles, for the charm's actions: one command, one JSON document."""

import argparse
import asyncio
import collections.abc
import typing

from reception import kube, naming, objects, profiles, settings

Json = dict[str, typing.Any]
_LONGEST_USER = 320
# In which the API server must answer whoever asks whether it does.
_SECONDS = 8.0


class AdminError(Exception):
    """A command cannot be done; the text says why and what to type."""


def add_commands(add: collections.abc.Callable[[str], argparse.ArgumentParser]) -> None:
    """Add the commands to a command line; add makes the parser of one."""
    add("diagnose")
    add("list-profiles").add_argument("--user", default="")
    create = add("create-profile")
    create.add_argument("--user", required=True)
    create.add_argument("--name", default="")
    delete = add("delete-profile")
    delete.add_argument("--name", required=True)
    delete.add_argument("--confirm", required=True)
    for name in ("add-contributor", "remove-contributor"):
        parser = add(name)
        parser.add_argument("--profile", required=True)
        parser.add_argument("--user", required=True)
        parser.add_argument("--role", choices=objects.ROLES, default="edit")


async def run(words: argparse.Namespace, options: settings.Settings) -> Json:
    """Do a command, and return what it says.

    Raises:
        AdminError: it cannot be done.
    """
    source = kube.Kube(options)
    try:
        match words.command:
            case "diagnose":
                return await _diagnose(source)
            case "list-profiles":
                return {"profiles": await _listed(source, words.user)}
            case "create-profile":
                return await _create(source, options, _user(words.user), words.name)
            case "delete-profile":
                return await _delete(source, words.name, words.confirm)
            case "add-contributor":
                return await _add(source, words.profile, _user(words.user), words.role)
            case _:
                return await _remove(source, words.profile, _user(words.user), words.role)
    except kube.FAILURES as error:
        raise AdminError(kube.sentence(error)) from None
    finally:
        await source.close()


async def _diagnose(source: kube.Kube) -> Json:
    """Find out whether profiles can be used at all."""
    try:
        async with asyncio.timeout(_SECONDS):
            for kind in ("Profile", "Namespace", "RoleBinding"):
                await source.list(kind, {objects.MANAGER_LABEL: "nobody"})
    except TimeoutError:
        raise AdminError("the API server does not answer") from None
    return {}


def _user(text: str) -> str:
    if not text.strip() or len(text) > _LONGEST_USER or not text.isprintable():
        raise AdminError(f"user: {text[:50]!r} is not a user id, write user=user@example.com")
    return text


async def _listed(source: kube.Kube, user: str) -> list[Json]:
    found, _ = await source.list("Profile", {})
    read = sorted((profiles.read(one) for one in found), key=lambda one: one.name)
    return [{"name": one.name, "owner": one.owner, "state": _state(one)} for one in read if user in ("", one.owner)]


def _state(what: profiles.Profile) -> str:
    if what.deleting:
        return "being deleted"
    if what.trouble:
        return f"failed: {what.trouble}"
    return "ready" if what.successful else "being made"


async def _create(source: kube.Kube, options: settings.Settings, user: str, name: str) -> Json:
    try:
        name = name or options.name_of(user)
    except naming.NamingError as error:
        raise AdminError(f"{error}: give it one with name=...") from None
    if not naming.is_label(name):
        raise AdminError(f"name: {name[:80]!r} must be letters in lower case, digits and dashes, 63 at most")
    if await source.get("Namespace", name):
        raise AdminError(f"name: there is a namespace {name} already: give it another with name=...")
    try:
        await source.create(objects.profile(name, user, quota=options.quota))
    except kube.FAILURES as error:
        if kube.code(error) != kube.CONFLICT:
            raise
        raise AdminError(f"name: there is a profile {name} already: see list-profiles") from None
    return {"name": name, "owner": user}


async def _delete(source: kube.Kube, name: str, confirm: str) -> Json:
    if confirm != name:
        raise AdminError(f"everything in the namespace goes too: run delete-profile name={name} confirm={name}")
    await _existing(source, name)
    await source.delete("Profile", name)
    return {"deleted": name}


async def _add(source: kube.Kube, name: str, user: str, role: str) -> Json:
    owner = (await _existing(source, name)).owner
    if owner == user:
        raise AdminError(f"{user} owns the profile {name}, and can do everything in it already")
    want = objects.contributor(name, user, role)
    binding = want["metadata"]["name"]
    have = await source.get("RoleBinding", binding, name)
    if have is None:
        await source.create(want)
    elif not profiles.bound(have, user):
        # kfam names bindings so that a.b and a-b meet in one.
        raise AdminError(f"the binding {binding} in {name} is somebody else's: remove that contributor first")
    return {"contributor": user, "profile": name, "role": role}


async def _remove(source: kube.Kube, name: str, user: str, role: str) -> Json:
    await _existing(source, name)
    binding = objects.contributor(name, user, role)["metadata"]["name"]
    if not profiles.bound(await source.get("RoleBinding", binding, name), user):
        raise AdminError(f"{user} is no contributor of {name} with the role {role}")
    await source.delete("RoleBinding", binding, name)
    return {"removed": user, "profile": name, "role": role}


async def _existing(source: kube.Kube, name: str) -> profiles.Profile:
    data = await source.get("Profile", name) if naming.is_label(name) else None
    if data is None:
        raise AdminError(f"there is no profile {name[:80]!r}: see list-profiles")
    return profiles.read(data)
