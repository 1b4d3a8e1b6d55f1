# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The truth in place of a Juju controller: who exists, who is related, what stands in databags, who shall hear of what.

It starts no process and runs no hook. An engine takes events from it, runs them, and gives back what came of it.
"""

import collections.abc
import contextlib
import difflib
import random
import string
import threading
import traceback
import uuid

import scenario

from sandbox import model, options, state

Log = collections.abc.Callable[[str, str, str], None]
# Juju hands these out once, however often their cause occurred in the meantime.
_COALESCED = frozenset({"relation_changed", "secret_changed", "update_status", "leader_elected", "upgrade_charm"})


def _silent(entity: str, level: str, text: str) -> None:
    del entity, level, text


class World:
    """Applications, units, relations, secrets, options and leadership of one model."""

    def __init__(
        self,
        name: str = "kubeflow",
        *,
        address: collections.abc.Callable[[str, int], str] = lambda app, number: f"127.1.1.{number + 1}",
        log: Log = _silent,
    ) -> None:
        """Make an empty model.

        Args:
            name: the model's name.
            address: gives the address of a unit, from application and unit number.
            log: takes entity, level and text of a line of the debug log.
        """
        self.model = name
        self.uuid = str(uuid.uuid5(uuid.NAMESPACE_DNS, name))
        self.apps: dict[str, model.App] = {}
        self.relations: dict[int, model.Relation] = {}
        self.secrets: dict[str, model.Secret] = {}
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.log = log
        self._address = address
        self._next_relation = 0

    # What an operator does.

    def deploy(
        self,
        name: str,
        charm: model.Charm,
        *,
        units: int = 1,
        settings: collections.abc.Mapping[str, str] | None = None,
    ) -> None:
        """Add an application with its units."""
        with self._change():
            app = model.App(name=name, charm=charm)
            self.apps[name] = app
            app.options.update(options.parse(name, charm.config, settings or {}))
            for endpoint, (role, interface) in charm.endpoints().items():
                if role == "peers":
                    self._relate(interface, (name, endpoint), (name, endpoint))
            for _ in range(units):
                self._add_unit(app)

    def outside(self, name: str, endpoints: collections.abc.Mapping[str, tuple[str, str, model.Bag]]) -> None:
        """Add a program without a charm: role, interface and application databag of each endpoint."""
        with self._change():
            self.apps[name] = model.App(name=name, charm=None, outside=dict(endpoints))

    def scale(self, name: str, units: int) -> None:
        """Add units, or remove those with the highest numbers."""
        app = self._charmed(name)
        if units < 0:
            raise model.WorldError(f"cannot scale {name} to {units}: the number of units is 0 or more")
        with self._change():
            alive = [unit for unit in app.units.values() if not unit.dying]
            for _ in range(units - len(alive)):
                self._add_unit(app)
            for unit in sorted(alive, key=lambda unit: unit.number)[units:]:
                self._remove_unit(app, unit)

    def configure(
        self, name: str, settings: collections.abc.Mapping[str, str], reset: collections.abc.Iterable[str] = ()
    ) -> None:
        """Set options from the text that an operator typed, and set others back to their defaults.

        Juju runs config-changed twice for it, so that a charm which does not bear that is found here.
        """
        app = self._charmed(name)
        charm = self.charm(name)
        parsed = options.parse(name, charm.config, settings)
        for option in reset:
            options.find(name, charm.config, option)
        with self._change():
            values = {key: value for key, value in app.options.items() if key not in set(reset)} | parsed
            if values == app.options:
                return
            app.options = values
            for unit in app.units.values():
                unit.queue = [event for event in unit.queue if event.kind != "config_changed"]
                unit.queue += [model.Event(kind="config_changed")] * 2
                self._retry_now(unit)

    def options(self, name: str) -> dict[str, dict[str, model.Json]]:
        """Return every option of an application: type, default, value, source, description."""
        return options.table(self.charm(name).config, self._charmed(name).options)

    def integrate(self, one: str, two: str) -> model.Relation:
        """Relate two applications, each named as application or application:endpoint."""
        with self._change():
            (a, b), interface = self._match(one, two)
            if any(set(found.ends) == {a, b} for found in self.relations.values() if not found.dying):
                raise model.WorldError(f"{a[0]}:{a[1]} and {b[0]}:{b[1]} are already integrated")
            return self._relate(interface, a, b)

    def remove_relation(self, one: str, two: str) -> None:
        """End a relation: departed for every remote unit, then broken, and then it is gone."""
        with self._change():
            found = self._find_relation(one, two)
            found.dying = True
            for app in {name for name, _ in found.ends}:
                for unit in self.apps[app].units.values():
                    self._end(unit, found)
            self._forget_finished()

    def set_leader(self, name: str, number: int) -> None:
        """Move leadership to another unit."""
        app = self._charmed(name)
        with self._change():
            self._elect(app, app.units[number])

    def add_secret(self, name: str, content: collections.abc.Mapping[str, str]) -> str:
        """Add a secret of the operator's own, and return its URI."""
        with self._change():
            if any(found.name == name for found in self.secrets.values()):
                raise model.WorldError(f"there is already a secret named {name!r}")
            identifier = "secret:" + "".join(random.choices(string.ascii_lowercase + string.digits, k=20))  # noqa: S311
            self.secrets[identifier] = model.Secret(id=identifier, owner="", name=name, revisions={1: dict(content)})
            return identifier

    def grant_secret(self, name: str, app: str) -> None:
        """Let an application read a secret of the operator's own."""
        with self._change():
            self._charmed(app)
            found = self.user_secret(name)
            found.grants.setdefault(None, set()).add(app)
            for unit in self.apps[app].units.values():
                self._push(unit, model.Event(kind="config_changed"))

    def update_secret(self, name: str, content: collections.abc.Mapping[str, str]) -> None:
        """Give a secret of the operator's own a new revision."""
        with self._change():
            self.revise(self.user_secret(name), dict(content))

    def user_secret(self, name: str) -> model.Secret:
        """Return a secret of the operator's own by name or URI."""
        known = [found for found in self.secrets.values() if not found.owner]
        for found in known:
            if name in (found.name, found.id):
                return found
        names = ", ".join(found.name for found in known) or "none"
        raise model.WorldError(f"no secret {name!r}: there are {names}")

    def rotate_secret(self, identifier: str) -> None:
        """Tell the owner that its secret is due for rotation."""
        with self._change():
            owner = self.secrets[identifier].owner
            app = self.apps[owner.split("/")[0]]
            number = int(owner.split("/")[1]) if "/" in owner else app.leader
            if number is not None:
                self._push(app.units[number], model.Event(kind="secret_rotate", secret=identifier))

    def action(self, target: str, name: str, params: collections.abc.Mapping[str, str]) -> model.Event:
        """Queue an action on a unit or on app/leader; its outcome is a future of results."""
        with self._change():
            unit = self.unit(target)
            values = options.action_params(unit.app, self.charm(unit.app).actions, name, params)
            event = options.action_event(name, values)
            unit.queue.append(event)
            return event

    def update_status(self) -> None:
        """Run update-status everywhere."""
        with self._change():
            for unit in self.units():
                self._push(unit, model.Event(kind="update_status"))

    def pebble_ready(self, unit: model.Unit, container: str) -> None:
        """Tell a unit that Pebble answers in a container."""
        with self._change():
            self._push(unit, model.Event(kind="pebble_ready", container=container))

    def check_changed(self, unit: model.Unit, container: str, check: str, kind: str) -> None:
        """Tell a unit that a check failed or recovered."""
        with self._change():
            self._push(unit, model.Event(kind=f"pebble_check_{kind}", container=container, check=check))

    # What an engine does.

    def take(self, unit: model.Unit) -> model.Event | None:
        """Return the next hook of a unit and mark it as running."""
        with self._change():
            if unit.running or unit.failed or not unit.queue:
                return None
            unit.running = unit.queue.pop(0)
            unit.agent.put("executing", f"running {unit.running.hook} hook")
            return unit.running

    def build(self, unit: model.Unit, containers: collections.abc.Iterable[scenario.Container]) -> scenario.State:
        """Return what the unit sees in the hook that it is about to run."""
        with self.lock:
            return state.build(self, unit, containers)

    def commit(self, unit: model.Unit, before: scenario.State, after: scenario.State) -> None:
        """Take over what a hook changed; the unit is idle afterwards."""
        with self._change():
            event = unit.running
            state.commit(self, unit, before, after)
            self._done(unit)
            if event and event.kind == "relation_broken" and event.relation is not None:
                unit.gone.add(event.relation)
            if event and event.kind == "remove":
                self._bury(unit)
            self._forget_finished()

    def fail(self, unit: model.Unit, trace: str) -> None:
        """Put a unit into error: the hook's changes are discarded, and it will be run again."""
        with self._change():
            unit.failed, unit.running = unit.running, None
            unit.failures += 1
            unit.agent.put("error", "")
            hook = unit.failed.hook if unit.failed else "unknown"
            self.log(f"unit-{unit.app}-{unit.number}", "ERROR", trace)
            unit.status.put("error", f'hook failed: "{hook}"')

    def retry(self, unit: model.Unit) -> None:
        """Put the failed hook of a unit first in its queue."""
        with self._change():
            self._retry_now(unit)

    def busy(self) -> bool:
        """Return whether any hook is waiting or running."""
        with self.lock:
            return any(unit.queue or unit.running for unit in self.units())

    def units(self) -> list[model.Unit]:
        """Return every unit that has a charm."""
        return [unit for app in self.apps.values() for unit in app.units.values()]

    # What charms' hooks and the engine's helpers ask.

    def charm(self, app: str) -> model.Charm:
        """Return the charm of an application."""
        found = self._charmed(app).charm
        assert found
        return found

    def unit(self, name: str) -> model.Unit:
        """Return a unit by name, or the leader by app/leader."""
        app, _, number = name.partition("/")
        found = self._charmed(app)
        wanted = str(found.leader) if number == "leader" else number
        for unit in found.units.values():
            if str(unit.number) == wanted:
                return unit
        known = ", ".join([*found.unit_names(), f"{app}/leader"])
        raise model.WorldError(f"no unit {name!r}: there are {known}")

    def relations_of(self, unit: model.Unit) -> list[model.Relation]:
        """Return the relations that a unit still has."""
        return [
            found
            for found in self.relations.values()
            if found.id not in unit.gone and unit.app in (found.ends[0][0], found.ends[1][0])
        ]

    def address_bag(self, unit: str) -> model.Bag:
        """Return what Juju itself writes into a unit's databag."""
        app, number = unit.split("/")
        address = self._address(app, int(number))
        return {"egress-subnets": f"{address}/32", "ingress-address": address, "private-address": address}

    def notify(self, found: model.Relation, unit: model.Unit, *, remote_unit: str = "") -> None:
        """Tell the other side of a relation, or the other peers, that a databag changed."""
        for other in self.apps[found.other(unit.app)].units.values():
            if other is not unit and found.id not in other.gone and not found.dying:
                event = model.Event(
                    kind="relation_changed", relation=found.id, remote_app=unit.app, remote_unit=remote_unit
                )
                self._push(other, event)

    def revise(self, found: model.Secret, content: dict[str, str], by: model.Unit | None = None) -> None:
        """Add a revision, and tell everybody else who may read the secret."""
        found.revisions[found.latest + 1] = content
        for unit in self.units():
            if found.readable_by(unit) and not found.owned_by(unit):
                self._push(unit, model.Event(kind="secret_changed", secret=found.id))
            elif by is None and found.owned_by(unit):
                unit.tracked[found.id] = found.latest

    # Inside.

    @contextlib.contextmanager
    def _change(self) -> collections.abc.Generator[None]:
        with self.changed:
            yield
            self.changed.notify_all()

    def _charmed(self, name: str) -> model.App:
        found = self.apps.get(name)
        if found and found.charm:
            return found
        known = [app.name for app in self.apps.values() if app.charm]
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise model.WorldError(f"no application {name!r}: {hint}applications are {', '.join(known)}")

    def _push(self, unit: model.Unit, event: model.Event) -> None:
        if event.kind in _COALESCED and event in unit.queue:
            return
        unit.queue.append(event)

    def _retry_now(self, unit: model.Unit) -> None:
        if unit.failed:
            unit.queue.insert(0, unit.failed)
            unit.failed = None

    def _done(self, unit: model.Unit) -> None:
        unit.running, unit.failures = None, 0
        unit.agent.put("idle", "")

    def _add_unit(self, app: model.App) -> None:
        number = app.next_unit
        app.next_unit += 1
        unit = model.Unit(app=app.name, number=number, address=self._address(app.name, number))
        app.units[number] = unit
        relations = self.relations_of(unit)
        unit.queue.append(model.Event(kind="install"))
        unit.queue += [self._created(unit, found) for found in relations]
        if app.leader is None:
            self._elect(app, unit)
        unit.queue += [model.Event(kind="config_changed"), model.Event(kind="start")]
        for found in relations:
            self._join(found, unit)

    def _created(self, unit: model.Unit, found: model.Relation) -> model.Event:
        return model.Event(kind="relation_created", relation=found.id, remote_app=found.other(unit.app))

    def _elect(self, app: model.App, unit: model.Unit) -> None:
        app.leader = unit.number
        self._push(unit, model.Event(kind="leader_elected"))

    def _remove_unit(self, app: model.App, unit: model.Unit) -> None:
        unit.dying = True
        # Nothing that waited matters any more, but a hook in error must not keep the unit for ever.
        unit.queue, unit.failed = [], None
        for found in self.relations_of(unit):
            for other in self.apps[found.other(unit.app)].units.values():
                if other is not unit:
                    self._push(other, self._departed(found, unit.app, unit.name))
            self._end(unit, found)
        unit.queue += [model.Event(kind="stop"), model.Event(kind="remove")]
        if app.leader == unit.number:
            heirs = [other for other in app.units.values() if not other.dying]
            app.leader = None
            if heirs:
                self._elect(app, heirs[0])

    def _departed(self, found: model.Relation, app: str, unit: str) -> model.Event:
        return model.Event(kind="relation_departed", relation=found.id, remote_app=app, remote_unit=unit)

    def _end(self, unit: model.Unit, found: model.Relation) -> None:
        """Queue the end of a relation on one unit."""
        unit.queue = [event for event in unit.queue if event.relation != found.id]
        if unit.failed and unit.failed.relation == found.id:
            unit.failed = None
        other = found.other(unit.app)
        for name in self.apps[other].unit_names():
            if name != unit.name:
                unit.queue.append(self._departed(found, other, name))
        unit.queue.append(model.Event(kind="relation_broken", relation=found.id, remote_app=other))

    def _bury(self, unit: model.Unit) -> None:
        del self.apps[unit.app].units[unit.number]
        for found in self.relations.values():
            found.unit_bags.pop(unit.name, None)
        for identifier in [found.id for found in self.secrets.values() if found.owner == unit.name]:
            del self.secrets[identifier]

    def _forget_finished(self) -> None:
        """Forget the relations whose end every unit has seen, and what was granted through them."""
        for found in [found for found in self.relations.values() if found.dying]:
            units = [unit for name, _ in found.ends for unit in self.apps[name].units.values()]
            if all(found.id in unit.gone for unit in units):
                del self.relations[found.id]
                for secret in self.secrets.values():
                    secret.grants.pop(found.id, None)

    def _relate(self, interface: str, a: tuple[str, str], b: tuple[str, str]) -> model.Relation:
        found = model.Relation(id=self._next_relation, interface=interface, ends=(a, b))
        self._next_relation += 1
        self.relations[found.id] = found
        for name, endpoint in found.ends:
            app = self.apps[name]
            if not app.charm:
                found.app_bags[name] = dict(app.outside[endpoint][2])
            found.app_bags.setdefault(name, {})
        for name in {name for name, _ in found.ends}:
            for unit in self.apps[name].units.values():
                unit.queue.append(self._created(unit, found))
                self._meet(found, unit)
        return found

    def _join(self, found: model.Relation, unit: model.Unit) -> None:
        """Let a new unit and those on the other side of a relation meet."""
        self._meet(found, unit)
        for other in self.apps[found.other(unit.app)].units.values():
            if other is not unit:
                other.queue += self._meeting(found, unit.app, unit.name)

    def _meet(self, found: model.Relation, unit: model.Unit) -> None:
        other = found.other(unit.app)
        for name in self.apps[other].unit_names():
            if name != unit.name:
                unit.queue += self._meeting(found, other, name)

    def _meeting(self, found: model.Relation, app: str, unit: str) -> list[model.Event]:
        kinds = ("relation_joined", "relation_changed")
        return [model.Event(kind=kind, relation=found.id, remote_app=app, remote_unit=unit) for kind in kinds]

    def _match(self, one: str, two: str) -> tuple[tuple[tuple[str, str], tuple[str, str]], str]:
        """Return the two endpoints that were meant, and their interface."""
        sides = [self._named_endpoints(one), self._named_endpoints(two)]
        found = [
            ((a, b), interface)
            for a, (role, interface) in sides[0].items()
            for b, (other_role, other) in sides[1].items()
            if interface == other and {role, other_role} == {"provides", "requires"}
        ]
        if len(found) == 1:
            return found[0]
        if not found:
            theirs = "; ".join(
                f"{name}: {', '.join(sorted(e for _, e in side))}" for name, side in zip((one, two), sides, strict=True)
            )
            raise model.WorldError(f"cannot integrate {one} with {two}: no endpoints that fit ({theirs})")
        choices = ", ".join(f"{a[0]}:{a[1]} {b[0]}:{b[1]}" for (a, b), _ in found)
        raise model.WorldError(f"cannot integrate {one} with {two}: say which of {choices}")

    def _named_endpoints(self, text: str) -> dict[tuple[str, str], tuple[str, str]]:
        name, _, endpoint = text.partition(":")
        app = self.apps[name] if name in self.apps else self._charmed(name)
        known = app.endpoints()
        if endpoint and endpoint not in known:
            raise model.WorldError(f"{name} has no endpoint {endpoint!r}: endpoints are {', '.join(known)}")
        return {(name, key): value for key, value in known.items() if not endpoint or key == endpoint}

    def _find_relation(self, one: str, two: str) -> model.Relation:
        sides = [self._named_endpoints(one), self._named_endpoints(two)]
        for found in self.relations.values():
            a, b = found.ends
            if not found.dying and ((a in sides[0] and b in sides[1]) or (a in sides[1] and b in sides[0])):
                return found
        known = ", ".join(
            f"{a[0]}:{a[1]} {b[0]}:{b[1]}" for a, b in (r.ends for r in self.relations.values() if not r.peer)
        )
        raise model.WorldError(f"{one} and {two} are not integrated: there are {known}")


def trace() -> str:
    """Return the traceback of the exception in hand."""
    return traceback.format_exc()
