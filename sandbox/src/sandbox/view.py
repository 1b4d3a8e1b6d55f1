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


def show(data: Json) -> None:
    """Print a status; what is no terminal has no width at which lines would be folded."""
    terminal = rich.console.Console().is_terminal
    rich.console.Console(highlight=False, width=None if terminal else 200).print(status(data))


def status(data: Json) -> rich.console.Group:
    """Return tables of applications' units and of relations."""
    return rich.console.Group(_units(data), "", _relations(data))


def _units(data: Json) -> rich.table.Table:
    table = _table("Unit", "Workload", "Agent", "Address", "Ports", "Message")
    for name, unit in _each_unit(data):
        workload = unit["workload-status"]
        table.add_row(
            name + ("*" if unit.get("leader") else ""),
            rich.text.Text(workload["current"], style=_COLOURS.get(workload["current"], "")),
            unit["juju-status"]["current"],
            unit["address"],
            " ".join(unit["open-ports"]),
            # A Text, because a message may hold brackets, which mean colours elsewhere.
            rich.text.Text(workload["message"]),
        )
    return table


def _relations(data: Json) -> rich.table.Table:
    """Return every relation once, though the status shows it on both sides."""
    table = _table("Endpoint", "Integrated with", "Interface")
    shown: set[frozenset[str]] = set()
    for name, endpoint, related, interface in _each_relation(data):
        if related == name:
            continue
        others = [
            f"{there}:{end}"
            for there, end, back, other in _each_relation(data)
            if (there, back, other) == (related, name, interface)
        ]
        for other in others or [related]:
            pair = frozenset({f"{name}:{endpoint}", other})
            if pair not in shown:
                shown.add(pair)
                table.add_row(f"{name}:{endpoint}", other, interface)
    return table


def _each_unit(data: Json) -> collections.abc.Iterator[tuple[str, Json]]:
    for app in data["applications"].values():
        yield from app["units"].items()


def _each_relation(data: Json) -> collections.abc.Iterator[tuple[str, str, str, str]]:
    """Yield application, endpoint, related application and interface."""
    for name, app in data["applications"].items():
        for endpoint, related in app["relations"].items():
            for entry in related:
                yield name, endpoint, entry["related-application"], entry["interface"]


def _table(*columns: str) -> rich.table.Table:
    table = rich.table.Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def plain(data: Json) -> list[str]:
    """Return one line for each unit, for logs and pipes."""
    return [
        f"{name}: {unit['workload-status']['current']} {' '.join(unit['workload-status']['message'].split())}".strip()
        for name, unit in _each_unit(data)
    ]


def options(app: str, table: collections.abc.Mapping[str, Json]) -> str:
    """Return all options as `juju config` prints them."""
    settings = {
        name: {key: value for key, value in option.items() if value is not None} for name, option in table.items()
    }
    return _yaml({"application": app, "settings": settings}, width=100)


def value(option: Json) -> str:
    """Return the value of one option as `juju config` prints it."""
    found = option["value"]
    if isinstance(found, bool):
        return str(found).lower()
    return "" if found is None else str(found)


def results(found: Json) -> str:
    """Return the results of an action as `juju run` prints them."""
    return _yaml(found, width=10_000, sort_keys=True) if found else ""


def _yaml(data: Json, *, width: int, sort_keys: bool = False) -> str:
    return yaml.dump(data, Dumper=_Dumper, sort_keys=sort_keys, allow_unicode=True, width=width).rstrip()


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as they are, which is how a person reads them."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)  # pyright: ignore[reportUnknownMemberType] - yaml has no types


_Dumper.add_representer(str, _text)
