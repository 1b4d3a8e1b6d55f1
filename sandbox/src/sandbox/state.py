# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Builds the State in which a unit runs one hook, and takes from the State that comes back what the unit may change."""

import collections.abc
import dataclasses
import typing

import ops
import scenario

from sandbox import lifecycle, model

if typing.TYPE_CHECKING:
    from sandbox import world


def build(
    truth: "world.World", unit: model.Unit, containers: collections.abc.Iterable[scenario.Container]
) -> scenario.State:
    """Return what Juju would show to a unit at this moment."""
    app = truth.apps[unit.app]
    charm = truth.charm(unit.app)
    return scenario.State(
        config={
            name: option["value"] for name, option in truth.options(app.name).items() if option["value"] is not None
        },
        leader=app.leader == unit.number,
        model=scenario.Model(name=truth.model, uuid=truth.uuid, type="kubernetes"),
        planned_units=sum(not other.dying for other in app.units.values()),
        relations=[relation(truth, unit, found) for found in truth.relations_of(unit)],
        secrets=[secret(unit, found) for found in truth.secrets.values() if found.readable_by(unit)],
        networks=[network(name, unit.address) for name in ("juju-info", *charm.endpoints())],
        containers=containers,
        storages=[scenario.Storage(name, index=unit.number) for name in charm.storages],
        opened_ports=unit.ports,
        stored_states=unit.stored,
        deferred=unit.deferred,
        workload_version=unit.version,
        unit_status=ops.StatusBase.from_name(unit.status.current, unit.status.message),
    )


def relation(truth: "world.World", unit: model.Unit, found: model.Relation) -> scenario.RelationBase:
    """Return a relation as one unit sees it."""
    endpoint = found.endpoint(unit.app)
    bag = dict(found.unit_bags.setdefault(unit.name, truth.address_bag(unit.name)))
    units = {
        int(name.split("/")[1]): dict(found.unit_bags.setdefault(name, truth.address_bag(name)))
        for name in truth.apps[found.other(unit.app)].unit_names()
        if name != unit.name and not _left(truth, unit, found, name)
    }
    local = dict(found.app_bags.get(unit.app, {}))
    if found.peer:
        return scenario.PeerRelation(
            endpoint,
            interface=found.interface,
            id=found.id,
            local_app_data=local,
            local_unit_data=bag,
            peers_data=units,
        )
    remote = found.other(unit.app)
    return scenario.Relation(
        endpoint,
        interface=found.interface,
        id=found.id,
        remote_app_name=remote,
        local_app_data=local,
        local_unit_data=bag,
        remote_app_data=dict(found.app_bags.get(remote, {})),
        remote_units_data=units,
    )


def _left(truth: "world.World", unit: model.Unit, found: model.Relation, other: str) -> bool:
    """Return whether a unit has departed, as far as this one was told: its hook of that no longer lists it."""
    app, number = other.split("/")
    # The programs of `--app` are units that the world does not run.
    there = truth.apps[app].units.get(int(number))
    told = not any(
        event.kind == "relation_departed" and (event.relation, event.remote_unit) == (found.id, other)
        for event in unit.queue
    )
    return there is not None and there.dying and told


def secret(unit: model.Unit, found: model.Secret) -> scenario.Secret:
    """Return a secret as one unit sees it: the revision that it tracks, and the newest."""
    tracked = unit.tracked.setdefault(found.id, found.latest)
    tracked = tracked if tracked in found.revisions else found.latest
    owned = found.owned_by(unit)
    owner: typing.Literal["app", "unit"] | None = None
    if owned:
        owner = "app" if found.owner == unit.app else "unit"
    built = scenario.Secret(
        found.revisions[tracked],
        latest_content=found.revisions[found.latest],
        id=found.id,
        owner=owner,
        label=found.label if owned else unit.labels.get(found.id),
        description=found.description,
        expire=found.expire,
        rotate=found.rotate,
        remote_grants={number: set(who) for number, who in found.grants.items() if number is not None} if owned else {},
    )
    # The runner counts revisions from 1 in every State; the world knows the true numbers.
    object.__setattr__(built, "_tracked_revision", tracked)
    object.__setattr__(built, "_latest_revision", found.latest)
    return built


def network(binding: str, address: str) -> scenario.Network:
    """Return the network of a binding: everything is on the unit's own address."""
    return scenario.Network(
        binding,
        [scenario.BindAddress([scenario.Address(address)])],
        ingress_addresses=[address],
        egress_subnets=[f"{address}/32"],
    )


def commit(truth: "world.World", unit: model.Unit, before: scenario.State, after: scenario.State) -> None:
    """Put into the truth what a hook changed and was allowed to change, and tell those whom it concerns."""
    unit.stored = after.stored_states
    unit.deferred = tuple(after.deferred)
    unit.ports = after.opened_ports
    unit.version = after.workload_version
    unit.status.put(after.unit_status.name, after.unit_status.message)
    if after.app_status.name != "unknown":
        unit.app_status = model.Status(current=after.app_status.name, message=after.app_status.message)
    # Secrets first: who hears of a new revision number in a databag must already find the revision.
    _commit_secrets(truth, unit, before, after)
    _commit_relations(truth, unit, before, after)


def _commit_relations(truth: "world.World", unit: model.Unit, before: scenario.State, after: scenario.State) -> None:
    old = {found.id: found for found in before.relations}
    for new in after.relations:
        found = truth.relations.get(new.id)
        if found is None:
            continue
        if new.local_unit_data != old[new.id].local_unit_data:
            found.unit_bags[unit.name] = dict(new.local_unit_data)
            lifecycle.notify(truth, found, unit, remote_unit=unit.name)
        if before.leader and new.local_app_data != old[new.id].local_app_data:
            found.app_bags[unit.app] = dict(new.local_app_data)
            lifecycle.notify(truth, found, unit)


def _commit_secrets(truth: "world.World", unit: model.Unit, before: scenario.State, after: scenario.State) -> None:
    old = {found.id: found for found in before.secrets}
    kept: set[str] = set()
    for new in after.secrets:
        kept.add(new.id)
        if new.id not in old:
            _add_secret(truth, unit, new)
        elif new.owner:
            _change_secret(truth, unit, old[new.id], new)
        found = truth.secrets.get(new.id)
        if found is None:
            continue
        if new.tracked_content != (old[new.id].tracked_content if new.id in old else None):
            unit.tracked[new.id] = found.latest
        if not new.owner and new.label:
            unit.labels[new.id] = new.label
    for identifier in set(old) - kept:
        truth.secrets.pop(identifier, None)


def _add_secret(truth: "world.World", unit: model.Unit, new: scenario.Secret) -> None:
    truth.secrets[new.id] = model.Secret(
        id=new.id,
        owner=unit.app if new.owner == "app" else unit.name,
        revisions={1: dict(new.latest_content or {})},
        label=new.label,
        description=new.description,
        expire=new.expire,
        rotate=new.rotate,
        grants={number: set(who) for number, who in new.remote_grants.items()},
    )


def _change_secret(truth: "world.World", unit: model.Unit, old: scenario.Secret, new: scenario.Secret) -> None:
    found = truth.secrets.get(new.id)
    if found is None:
        return
    changed = dataclasses.asdict(old) != dataclasses.asdict(new)
    if not changed:
        return
    found.label, found.description, found.expire, found.rotate = new.label, new.description, new.expire, new.rotate
    if new.remote_grants != old.remote_grants:
        found.grants = {number: set(who) for number, who in new.remote_grants.items()}
    if new.latest_content != old.latest_content:
        lifecycle.revise(truth, found, dict(new.latest_content or {}), by=unit)
