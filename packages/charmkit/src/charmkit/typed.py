# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Reads an operator's options into a charm's own type of them."""

import typing

import ops

Options = typing.TypeVar("Options")


def options(charm: ops.CharmBase, kind: type[Options]) -> tuple[Options | None, str]:
    """Return the options, or None and what is wrong with them, with the commands that mend it.

    Args:
        charm: whose options they are.
        kind: a dataclass with a field for each; its ValueErrors begin with the option's name and a colon.
    """
    try:
        return charm.load_config(kind, errors="raise"), ""
    except ValueError as error:
        option = str(error).split(":", 1)[0]
        return None, f"{error}: run juju config {charm.app.name} {option}=... or --reset {option}"
