# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The truth in place of a Juju controller: who exists, who is related, what stands in databags, who shall hear of what.

It starts no process and runs no hook. An engine takes events from it, runs them, and gives back what came of it.
"""

import collections.abc
import contextlib
import random
import string
import threading
import traceback
import uuid

import scenario

from sandbox import lifecycle, model, options, records, state

# The name of the model, which is the namespace.
MODEL = "kubeflow"
Log = collections.abc.Callable[[str, str, str], None]


def _silent(entity: str, level: str, text: str) -> None:
    del entity, level, text


class World(records.Records):
    """Applications, units, relations, secrets, options and leadership of one model."""

    def __init__(
        self,
        name: str = MODEL,
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
        super().__init__(address)
        self.model = name
        self.uuid = str(uuid.uuid5(uuid.NAMESPACE_DNS, name))
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.log = log

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
                    lifecycle.relate(self, interface, (name, endpoint), (name, endpoint))
            for _ in range(units):
                lifecycle.add_unit(self, app)

    def outside(self, name: str, endpoints: collections.abc.Mapping[str, tuple[str, str, model.Bag]]) -> None:
        """Add a program without a charm: role, interface and application databag of each endpoint."""
        with self._change():
            self.apps[name] = model.App(name=name, charm=None, outside=dict(endpoints))

    def scale(self, name: str, units: int) -> None:
        """Add units, or remove those with the highest numbers."""
        app = self.charmed(name)
        if units < 0:
            raise model.WorldError(f"cannot scale {name} to {units}: the number of units is 0 or more")
        with self._change():
            alive = [unit for unit in app.units.values() if not unit.dying]
            for _ in range(units - len(alive)):
                lifecycle.add_unit(self, app)
            for unit in sorted(alive, key=lambda unit: unit.number)[units:]:
                lifecycle.remove_unit(self, app, unit)

    def remove_application(self, name: str) -> None:
        """End an application: its relations, then its units, and then it is gone with its secrets."""
        app = self.charmed(name)
        with self._change():
            app.dying = True
            for unit in app.units.values():
                lifecycle.remove_unit(self, app, unit)
            for found in [found for found in self.relations.values() if name in dict(found.ends) and not found.dying]:
                found.dying = True
                for other in self.apps[found.other(name)].units.values():
                    if other.app != name:
                        lifecycle.end(self, other, found)
            lifecycle.forget_finished(self)

    def refresh(self, name: str) -> None:
        """Run upgrade-charm on every unit, as after a new revision of the charm."""
        with self._change():
            for unit in self.charmed(name).units.values():
                lifecycle.push(unit, model.Event(kind="upgrade_charm"))

    def configure(
        self, name: str, settings: collections.abc.Mapping[str, str], reset: collections.abc.Iterable[str] = ()
    ) -> None:
        """Set options from the text that an operator typed, and set others back to their defaults.

        Juju runs config-changed twice for it, so that a charm which does not bear that is found here.
        """
        app = self.charmed(name)
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
                lifecycle.retry_now(unit)

    def options(self, name: str) -> dict[str, dict[str, model.Json]]:
        """Return every option of an application: type, default, value, source, description."""
        return options.table(self.charm(name).config, self.charmed(name).options)

    def integrate(self, one: str, two: str) -> model.Relation:
        """Relate two applications, each named as application or application:endpoint."""
        with self._change():
            (a, b), interface = self.match(one, two)
            if any(set(found.ends) == {a, b} for found in self.relations.values() if not found.dying):
                raise model.WorldError(f"{a[0]}:{a[1]} and {b[0]}:{b[1]} are already integrated")
            return lifecycle.relate(self, interface, a, b)

    def remove_relation(self, one: str, two: str) -> None:
        """End a relation: departed for every remote unit, then broken, and then it is gone."""
        with self._change():
            found = self.find_relation(one, two)
            found.dying = True
            for app in {name for name, _ in found.ends}:
                for unit in self.apps[app].units.values():
                    lifecycle.end(self, unit, found)
            lifecycle.forget_finished(self)

    def set_leader(self, name: str, number: int) -> None:
        """Move leadership to another unit."""
        app = self.charmed(name)
        with self._change():
            lifecycle.elect(app, app.units[number])

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
            self.charmed(app)
            found = self.user_secret(name)
            found.grants.setdefault(None, set()).add(app)
            for unit in self.apps[app].units.values():
                lifecycle.push(unit, model.Event(kind="config_changed"))

    def update_secret(self, name: str, content: collections.abc.Mapping[str, str]) -> None:
        """Give a secret of the operator's own a new revision."""
        with self._change():
            lifecycle.revise(self, self.user_secret(name), dict(content))

    def rotate_secret(self, identifier: str) -> None:
        """Tell the owner that its secret is due for rotation."""
        with self._change():
            owner = self.secrets[identifier].owner
            app = self.apps[owner.split("/")[0]]
            number = int(owner.split("/")[1]) if "/" in owner else app.leader
            if number is not None:
                lifecycle.push(app.units[number], model.Event(kind="secret_rotate", secret=identifier))

    def action(self, target: str, name: str, params: collections.abc.Mapping[str, str]) -> model.Event:
        """Queue an action on a unit or on app/leader; its outcome is a future of results."""
        with self._change():
            unit = self.unit(target)
            values = options.action_params(unit.app, self.charm(unit.app).actions, name, params)
            event = options.action_event(name, values)
            unit.queue.append(event)
            return event

    def replace_pod(self, name: str) -> None:
        """Let a unit begin in a new pod."""
        with self._change():
            lifecycle.replace_pod(self.unit(name))

    def update_status(self) -> None:
        """Run update-status everywhere."""
        with self._change():
            for unit in self.units():
                lifecycle.push(unit, model.Event(kind="update_status"))

    def pebble_ready(self, unit: model.Unit, container: str) -> None:
        """Tell a unit that Pebble answers in a container."""
        with self._change():
            lifecycle.push(unit, model.Event(kind="pebble_ready", container=container))

    def check_changed(self, unit: model.Unit, container: str, check: str, kind: str) -> None:
        """Tell a unit that a check failed or recovered."""
        with self._change():
            lifecycle.push(unit, model.Event(kind=f"pebble_check_{kind}", container=container, check=check))

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
            unit.running, unit.failures = None, 0
            unit.agent.put("idle", "")
            if event and event.kind == "relation_broken" and event.relation is not None:
                unit.gone.add(event.relation)
            if event and event.kind == "remove":
                lifecycle.bury(self, unit)
            lifecycle.forget_finished(self)

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
            lifecycle.retry_now(unit)

    def busy(self) -> bool:
        """Return whether any hook is waiting or running."""
        with self.lock:
            return any(unit.queue or unit.running for unit in self.units())

    # Inside.

    @contextlib.contextmanager
    def _change(self) -> collections.abc.Generator[None]:
        with self.changed:
            yield
            self.changed.notify_all()


def trace() -> str:
    """Return the traceback of the exception in hand."""
    return traceback.format_exc()
