# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Who hears of what, in which order: the hooks that Juju queues when units and relations come and go."""

from sandbox import model, records

# Juju hands these out once, however often their cause occurred in the meantime.
_COALESCED = frozenset({"relation_changed", "secret_changed", "update_status", "leader_elected", "upgrade_charm"})


def push(unit: model.Unit, event: model.Event) -> None:
    """Queue a hook, unless Juju would hand out one that waits already."""
    if event.kind in _COALESCED and event in unit.queue:
        return
    unit.queue.append(event)


def notify(known: records.Records, found: model.Relation, unit: model.Unit, *, remote_unit: str = "") -> None:
    """Tell the other side of a relation, or the other peers, that a databag changed."""
    for other in known.apps[found.other(unit.app)].units.values():
        if other is not unit and found.id not in other.gone and not found.dying:
            event = model.Event(
                kind="relation_changed", relation=found.id, remote_app=unit.app, remote_unit=remote_unit
            )
            push(other, event)


def revise(known: records.Records, found: model.Secret, content: dict[str, str], by: model.Unit | None = None) -> None:
    """Add a revision, and tell everybody else who may read the secret."""
    found.revisions[found.latest + 1] = content
    for unit in known.units():
        if found.readable_by(unit) and not found.owned_by(unit):
            push(unit, model.Event(kind="secret_changed", secret=found.id))
        elif by is None and found.owned_by(unit):
            unit.tracked[found.id] = found.latest


def retry_now(unit: model.Unit) -> None:
    """Put the failed hook of a unit first in its queue."""
    if unit.failed:
        unit.queue.insert(0, unit.failed)
        unit.failed = None


def add_unit(known: records.Records, app: model.App) -> None:
    """Add a unit, which installs, leads if nobody does, and meets all that its application is related to."""
    number = app.next_unit
    app.next_unit += 1
    unit = model.Unit(app=app.name, number=number, address=known.address(app.name, number))
    app.units[number] = unit
    relations = known.relations_of(unit)
    storages = app.charm.storages if app.charm else ()
    unit.queue += [model.Event(kind="storage_attached", storage=name) for name in storages]
    unit.queue.append(model.Event(kind="install"))
    unit.queue += [_created(unit, found) for found in relations]
    if app.leader is None:
        elect(app, unit)
    unit.queue += [model.Event(kind="config_changed"), model.Event(kind="start")]
    for found in relations:
        _join(known, found, unit)


def _created(unit: model.Unit, found: model.Relation) -> model.Event:
    return model.Event(kind="relation_created", relation=found.id, remote_app=found.other(unit.app))


def elect(app: model.App, unit: model.Unit) -> None:
    """Make a unit the leader of its application."""
    app.leader = unit.number
    push(unit, model.Event(kind="leader_elected"))


def replace_pod(unit: model.Unit) -> None:
    """Let a unit begin in a new pod: what stood in the old one is gone, except for volumes."""
    unit.stored, unit.deferred = frozenset(), ()
    unit.queue += [model.Event(kind="upgrade_charm"), model.Event(kind="config_changed"), model.Event(kind="start")]


def remove_unit(known: records.Records, app: model.App, unit: model.Unit) -> None:
    """Begin the end of a unit: it departs everywhere, stops, and another one leads."""
    unit.dying = True
    # Nothing that waited matters any more, but a hook in error must not keep the unit for ever.
    unit.queue, unit.failed = [], None
    for found in known.relations_of(unit):
        for other in known.apps[found.other(unit.app)].units.values():
            if other is not unit:
                push(other, _departed(found, unit.app, unit.name))
        end(known, unit, found)
    unit.queue += [model.Event(kind="stop"), model.Event(kind="remove")]
    if app.leader == unit.number:
        heirs = [other for other in app.units.values() if not other.dying]
        app.leader = None
        if heirs:
            elect(app, heirs[0])


def _departed(found: model.Relation, app: str, unit: str) -> model.Event:
    return model.Event(kind="relation_departed", relation=found.id, remote_app=app, remote_unit=unit)


def end(known: records.Records, unit: model.Unit, found: model.Relation) -> None:
    """Queue the end of a relation on one unit."""
    unit.queue = [event for event in unit.queue if event.relation != found.id]
    if unit.failed and unit.failed.relation == found.id:
        unit.failed = None
    other = found.other(unit.app)
    for name in known.apps[other].unit_names():
        if name != unit.name:
            unit.queue.append(_departed(found, other, name))
    unit.queue.append(model.Event(kind="relation_broken", relation=found.id, remote_app=other))


def bury(known: records.Records, unit: model.Unit) -> None:
    """Forget a unit that has run its last hook, and what was its own."""
    del known.apps[unit.app].units[unit.number]
    for found in known.relations.values():
        found.unit_bags.pop(unit.name, None)
    for identifier in [found.id for found in known.secrets.values() if found.owner == unit.name]:
        del known.secrets[identifier]


def forget_finished(known: records.Records) -> None:
    """Forget the relations whose end every unit has seen, their grants, and applications without any."""
    for found in [found for found in known.relations.values() if found.dying]:
        units = [unit for name, _ in found.ends for unit in known.apps[name].units.values()]
        if all(found.id in unit.gone for unit in units):
            del known.relations[found.id]
            for secret in known.secrets.values():
                secret.grants.pop(found.id, None)
    for name in [app.name for app in known.apps.values() if app.dying and not app.units]:
        if not any(name in dict(found.ends) for found in known.relations.values()):
            del known.apps[name]
            for identifier in [found.id for found in known.secrets.values() if found.owner == name]:
                del known.secrets[identifier]


def relate(known: records.Records, interface: str, a: tuple[str, str], b: tuple[str, str]) -> model.Relation:
    """Add a relation between two ends, and let the units of both sides meet."""
    found = model.Relation(id=known.next_relation, interface=interface, ends=(a, b))
    known.next_relation += 1
    known.relations[found.id] = found
    for name, endpoint in found.ends:
        app = known.apps[name]
        if not app.charm:
            found.app_bags[name] = dict(app.outside[endpoint][2])
        found.app_bags.setdefault(name, {})
    for name in {name for name, _ in found.ends}:
        for unit in known.apps[name].units.values():
            unit.queue.append(_created(unit, found))
            _meet(known, found, unit)
    return found


def _join(known: records.Records, found: model.Relation, unit: model.Unit) -> None:
    """Let a new unit and those on the other side of a relation meet."""
    _meet(known, found, unit)
    for other in known.apps[found.other(unit.app)].units.values():
        if other is not unit:
            other.queue += _meeting(found, unit.app, unit.name)


def _meet(known: records.Records, found: model.Relation, unit: model.Unit) -> None:
    other = found.other(unit.app)
    for name in known.apps[other].unit_names():
        if name != unit.name:
            unit.queue += _meeting(found, other, name)


def _meeting(found: model.Relation, app: str, unit: str) -> list[model.Event]:
    kinds = ("relation_joined", "relation_changed")
    return [model.Event(kind=kind, relation=found.id, remote_app=app, remote_unit=unit) for kind in kinds]
