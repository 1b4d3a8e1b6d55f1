# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Why somebody is not received: what they read, and what an operator types next. Pure."""

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reason:
    """A reason in words.

    Attributes:
        status: of the answer.
        text: for the person.
        command: for an operator; APP and UNIT stand for this application and its unit.
    """

    status: int
    title: str
    text: str
    command: str


_LOG = "juju debug-log --include APP"
_REASONS = {
    "no_identity": Reason(
        status=403,
        title="Nobody said who you are",
        text="This page is reached through the gateway, after a login. Open the address of the platform itself.",
        command="juju status --relations (gatekeeper:ingress-auth and APP:ingress must be integrated)",
    ),
    "not_allowed": Reason(
        status=403,
        title="You cannot have a workspace",
        text="Your login is good, but none of your groups may use this platform. Ask its operator to let you in.",
        command="juju config APP allowed-groups",
    ),
    "no_profile": Reason(
        status=403,
        title="You have no workspace yet",
        text="An operator makes workspaces here. Ask for one, and open this page again.",
        command="juju run APP/leader create-profile user=...",
    ),
    "name_impossible": Reason(
        status=409,
        title="No name for your workspace",
        text="A workspace is named after its user, and this name cannot be one. Ask the operator of the platform.",
        command="juju config APP userid-transformers",
    ),
    "name_taken": Reason(
        status=409,
        title="The name of your workspace is taken",
        text="Somebody else's workspace has the name that yours would get. You have not been let into theirs, and "
        "nothing was changed. Ask the operator of the platform to make one for you under another name.",
        command="juju run APP/leader create-profile user=... name=...",
    ),
    "being_deleted": Reason(
        status=409,
        title="Your old workspace is being deleted",
        text="A new one can be made when the old one is gone. Try again in a minute.",
        command="juju run APP/leader list-profiles",
    ),
    "enough_profiles": Reason(
        status=409,
        title="You have all the workspaces you may have",
        text="Delete one that you no longer need, or ask the operator of the platform for more.",
        command="juju config APP most-profiles",
    ),
    "profile_failed": Reason(
        status=409,
        title="Your workspace could not be made",
        text="Something stands in its way, and waiting does not help. Ask the operator of the platform.",
        command="juju run APP/leader list-profiles",
    ),
    "kubernetes_away": Reason(
        status=503,
        title="The cluster does not answer",
        text="Your workspace cannot be found or made just now. You are logged in; try again in a minute.",
        command="juju status APP",
    ),
    "form_refused": Reason(
        status=403,
        title="Nothing was made",
        text="The request came from another site. If it was you, go on from here.",
        command=_LOG,
    ),
    "not_found": Reason(
        status=404, title="There is no such page", text="The address may be mistyped.", command=_LOG
    ),
    "method_not_allowed": Reason(
        status=405, title="This cannot be done here", text="Go back, and try again.", command=_LOG
    ),
    "internal": Reason(
        status=500,
        title="Something went wrong",
        text="It is not your fault. Try again in a minute, or show this page to the operator of the platform.",
        command=_LOG,
    ),
}  # fmt: skip


def reason(code: str, application: str) -> Reason:
    """Return a reason in words, with the commands of an application."""
    found = _REASONS[code]
    return dataclasses.replace(found, command=found.command.replace("APP", application))
