# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Shows statuses, options and results to a person."""

import collections.abc
import typing

import rich.console
import rich.table
import rich.text
import yaml

Json = typing.Any
_COLOURS = {"active": "green", "blocked": "red", "error": "red", "waiting": "yellow", "maintenance": "yellow"}


def status(data: Json) -> rich.console.Group:
    """Return tables of applications' units and of relations."""
    units = rich.table.Table(box=None, pad_edge=False, header_style="bold")
    for column in ("Unit", "Workload", "Agent", "Address", "Ports", "Message"):
        units.add_column(column, overflow="fold")
    for app in data["applications"].values():
        for name, unit in app["units"].items():
            workload = unit["workload-status"]
            colour = _COLOURS.get(workload["current"], "white")
            units.add_row(
                name + ("*" if unit.get("leader") else ""),
                f"[{colour}]{workload['current']}[/]",
                unit["juju-status"]["current"],
                unit["address"],
                " ".join(unit["open-ports"]),
                rich.text.Text(workload["message"]),
            )
    relations = rich.table.Table(box=None, pad_edge=False, header_style="bold")
    for column in ("Endpoint", "Integrated with", "Interface"):
        relations.add_column(column)
    for name, app in data["applications"].items():
        for endpoint, related in app["relations"].items():
            for entry in related:
                if entry["related-application"] != name:
                    relations.add_row(f"{name}:{endpoint}", entry["related-application"], entry["interface"])
    return rich.console.Group(units, "", relations)


def plain(data: Json) -> list[str]:
    """Return one line for each unit, for logs and pipes."""
    return [
        f"{name}: {unit['workload-status']['current']} {unit['workload-status']['message']}".strip()
        for app in data["applications"].values()
        for name, unit in app["units"].items()
    ]


def options(app: str, table: collections.abc.Mapping[str, Json]) -> str:
    """Return all options as `juju config` prints them."""
    settings = {
        name: {key: value for key, value in option.items() if value is not None} for name, option in table.items()
    }
    return yaml.safe_dump({"application": app, "settings": settings}, sort_keys=False, width=100).rstrip()


def value(option: Json) -> str:
    """Return the value of one option as `juju config` prints it."""
    found = option["value"]
    if isinstance(found, bool):
        return str(found).lower()
    return "" if found is None else str(found)


def results(found: Json) -> str:
    """Return the results of an action as `juju run` prints them."""
    return yaml.safe_dump(found, sort_keys=True, allow_unicode=True, width=10_000).rstrip() if found else ""
