# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The things of a world: charms, applications, units, relations, secrets, events. Records with hardly any behaviour."""

import concurrent.futures
import dataclasses
import datetime
import pathlib
import typing

# What YAML and JSON parse to; the code that reads it narrows it.
Json = typing.Any
Bag = dict[str, str]


def section(data: Json, key: str) -> dict[str, Json]:
    """Return a mapping inside of a mapping, empty when it is missing or null."""
    return data.get(key) or dict[str, Json]()


class WorldError(Exception):
    """What an operator asked for cannot be done; the text is one line that says what is right."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Charm:
    """A charm on disk.

    Attributes:
        name: its name in charmcraft.yaml.
        source: the directory that holds charmcraft.yaml and src/charm.py.
        meta: metadata, in the form of metadata.yaml.
        config: options, in the form of config.yaml.
        actions: actions, in the form of actions.yaml.
    """

    name: str
    source: pathlib.Path
    meta: Json
    config: Json
    actions: Json

    @property
    def containers(self) -> tuple[str, ...]:
        """Return the names of its containers."""
        return tuple(self.meta.get("containers", {}))

    @property
    def storages(self) -> tuple[str, ...]:
        """Return the names of the volumes that every unit gets."""
        return tuple(section(self.meta, "storage"))

    def mounts(self, container: str) -> dict[str, str]:
        """Return which volume stands where in a container: the volume's name by the path."""
        found: list[Json] = self.meta["containers"][container].get("mounts") or []
        return {mount["location"]: mount["storage"] for mount in found}

    def endpoints(self) -> dict[str, tuple[str, str]]:
        """Return role and interface of every endpoint."""
        roles = ("provides", "requires", "peers")
        return {name: (role, spec["interface"]) for role in roles for name, spec in section(self.meta, role).items()}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Event:
    """One hook to run."""

    kind: str
    relation: int | None = None
    remote_app: str = ""
    remote_unit: str = ""
    secret: str = ""
    storage: str = ""
    container: str = ""
    check: str = ""
    action: str = ""
    params: tuple[tuple[str, Json], ...] = ()
    outcome: concurrent.futures.Future[dict[str, Json]] | None = dataclasses.field(default=None, compare=False)

    @property
    def hook(self) -> str:
        """Return the name of the hook, as Juju writes it."""
        if self.kind == "action":
            return self.action
        name = self.kind.replace("_", "-")
        subject = self.container or self.storage
        return f"{subject}-{name}" if subject else name


@dataclasses.dataclass(kw_only=True)
class Status:
    """A status and since when."""

    current: str = "waiting"
    message: str = "installing agent"
    since: datetime.datetime = dataclasses.field(default_factory=lambda: datetime.datetime.now(datetime.UTC))

    def put(self, current: str, message: str) -> None:
        """Change it, and the time only when it differs."""
        if (self.current, self.message) != (current, message):
            self.current, self.message = current, message
            self.since = datetime.datetime.now(datetime.UTC)


@dataclasses.dataclass(kw_only=True)
class Unit:
    """One unit, and what Juju would remember of it between hooks."""

    app: str
    number: int
    address: str
    queue: list[Event] = dataclasses.field(default_factory=list[Event])
    running: Event | None = None
    failed: Event | None = None
    failures: int = 0
    status: Status = dataclasses.field(default_factory=Status)
    agent: Status = dataclasses.field(default_factory=lambda: Status(current="allocating", message=""))
    app_status: Status | None = None
    version: str = ""
    ports: frozenset[Json] = frozenset()
    stored: frozenset[Json] = frozenset()
    deferred: tuple[Json, ...] = ()
    # Relations whose relation-broken has run here: they exist for other units only.
    gone: set[int] = dataclasses.field(default_factory=set[int])
    # Revisions and labels of the secrets that this unit reads.
    tracked: dict[str, int] = dataclasses.field(default_factory=dict[str, int])
    labels: dict[str, str] = dataclasses.field(default_factory=dict[str, str])
    dying: bool = False

    @property
    def name(self) -> str:
        """Return its name in Juju."""
        return f"{self.app}/{self.number}"


@dataclasses.dataclass(kw_only=True)
class App:
    """An application; without a charm it is a program outside, of which only databags exist."""

    name: str
    charm: Charm | None
    options: dict[str, Json] = dataclasses.field(default_factory=dict[str, Json])
    units: dict[int, Unit] = dataclasses.field(default_factory=dict[int, Unit])
    leader: int | None = None
    next_unit: int = 0
    outside: dict[str, tuple[str, str, Bag]] = dataclasses.field(default_factory=dict[str, tuple[str, str, Bag]])
    dying: bool = False

    def endpoints(self) -> dict[str, tuple[str, str]]:
        """Return role and interface of every endpoint."""
        if self.charm:
            return self.charm.endpoints()
        return {name: (role, interface) for name, (role, interface, _) in self.outside.items()}

    def unit_names(self) -> list[str]:
        """Return its units; a program outside counts as one."""
        return [unit.name for unit in self.units.values()] if self.charm else [f"{self.name}/0"]


@dataclasses.dataclass(kw_only=True)
class Relation:
    """Two endpoints and what stands in their databags; a peer relation has the same endpoint twice."""

    id: int
    interface: str
    ends: tuple[tuple[str, str], tuple[str, str]]
    app_bags: dict[str, Bag] = dataclasses.field(default_factory=dict[str, Bag])
    unit_bags: dict[str, Bag] = dataclasses.field(default_factory=dict[str, Bag])
    dying: bool = False

    @property
    def peer(self) -> bool:
        """Return whether it joins the units of one application."""
        return self.ends[0][0] == self.ends[1][0]

    def endpoint(self, app: str) -> str:
        """Return the endpoint of one side."""
        return next(endpoint for name, endpoint in self.ends if name == app)

    def other(self, app: str) -> str:
        """Return the application of the other side, which is the same in a peer relation."""
        return app if self.peer else next(name for name, _ in self.ends if name != app)


@dataclasses.dataclass(kw_only=True)
class Secret:
    """A secret with all its revisions.

    Attributes:
        owner: an application, a unit, or empty for one that the operator added.
        grants: by relation id, who may read it; user secrets have all their grants under None.
    """

    id: str
    owner: str
    revisions: dict[int, dict[str, str]]
    name: str = ""
    label: str | None = None
    description: str | None = None
    expire: datetime.datetime | None = None
    rotate: Json = None
    grants: dict[int | None, set[str]] = dataclasses.field(default_factory=dict[int | None, set[str]])

    @property
    def latest(self) -> int:
        """Return the number of the newest revision."""
        return max(self.revisions)

    def owned_by(self, unit: Unit) -> bool:
        """Return whether a unit or its application owns it."""
        return self.owner in (unit.name, unit.app)

    def readable_by(self, unit: Unit) -> bool:
        """Return whether a unit owns it, or was granted it by a relation that it still has."""
        if self.owned_by(unit):
            return True
        return any(
            relation not in unit.gone and (unit.app in readers or unit.name in readers)
            for relation, readers in self.grants.items()
        )
