# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Shows a world in the shape of `juju status --format json`."""

import datetime

from sandbox import model, world

# The worst status of its units is an application's, unless its charm says another.
_WORST = ("error", "blocked", "maintenance", "waiting", "active", "terminated", "unknown")


def show(truth: world.World) -> dict[str, model.Json]:
    """Return model, applications, units, statuses and relations."""
    with truth.lock:
        applications = {app.name: _application(truth, app) for app in truth.apps.values()}
        return {
            "model": {
                "name": truth.model,
                "type": "caas",
                "controller": "sandbox",
                "cloud": "sandbox",
                "version": "3.6.0",
                "model-status": {"current": "available"},
            },
            "machines": {},
            "applications": applications,
        }


def _application(truth: world.World, app: model.App) -> dict[str, model.Json]:
    relations = {
        endpoint: [entry for found in truth.relations.values() for entry in _related(found, app.name, endpoint)]
        for endpoint in sorted(app.endpoints())
    }
    shown = {
        "charm": app.charm.name if app.charm else "",
        "charm-origin": "local" if app.charm else "outside",
        "charm-name": app.charm.name if app.charm else "",
        "charm-rev": 0,
        "scale": len(app.units),
        "exposed": False,
        "application-status": _status(_worst(app)),
        "relations": {endpoint: related for endpoint, related in relations.items() if related},
        "units": {unit.name: _unit(app, unit) for unit in app.units.values()},
    }
    return shown


def _related(found: model.Relation, app: str, endpoint: str) -> list[dict[str, str]]:
    if found.peer and found.ends[0] == (app, endpoint):
        return [{"related-application": app, "interface": found.interface, "scope": "global"}]
    return [
        {"related-application": found.other(app), "interface": found.interface, "scope": "global"}
        for end in found.ends
        if end == (app, endpoint) and not found.peer
    ]


def _worst(app: model.App) -> model.Status:
    if not app.charm:
        return model.Status(current="active", message="a program outside")
    leader = app.units.get(app.leader) if app.leader is not None else None
    if leader and leader.app_status:
        return leader.app_status
    statuses = [unit.status for unit in app.units.values()]
    return min(
        statuses, key=lambda status: _WORST.index(status.current), default=model.Status(current="unknown", message="")
    )


def _unit(app: model.App, unit: model.Unit) -> dict[str, model.Json]:
    shown: dict[str, model.Json] = {
        "workload-status": _status(unit.status),
        "juju-status": _status(unit.agent),
        "address": unit.address,
        "open-ports": sorted(f"{port.port}/{port.protocol}" for port in unit.ports),
    }
    if unit.version:
        shown["workload-version"] = unit.version
    if app.leader == unit.number:
        shown["leader"] = True
    return shown


def _status(status: model.Status) -> dict[str, str]:
    since = status.since.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"current": status.current, "message": status.message, "since": since}
