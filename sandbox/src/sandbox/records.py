# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What exists in a model, and how it is found by the words of an operator."""

import collections.abc
import difflib

from sandbox import model


class Records:
    """Applications, relations and secrets of one model."""

    def __init__(self, address: collections.abc.Callable[[str, int], str]) -> None:
        """Begin with nothing.

        Args:
            address: gives the address of a unit, from application and unit number.
        """
        self.apps: dict[str, model.App] = {}
        self.relations: dict[int, model.Relation] = {}
        self.secrets: dict[str, model.Secret] = {}
        self.next_relation = 0
        self.address = address

    def charm(self, app: str) -> model.Charm:
        """Return the charm of an application."""
        found = self.charmed(app).charm
        assert found
        return found

    def charmed(self, name: str) -> model.App:
        """Return an application that has a charm."""
        found = self.apps.get(name)
        if found and found.charm:
            return found
        known = [app.name for app in self.apps.values() if app.charm]
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise model.WorldError(f"no application {name!r}: {hint}applications are {', '.join(known)}")

    def unit(self, name: str) -> model.Unit:
        """Return a unit by name, or the leader by app/leader."""
        app, _, number = name.partition("/")
        found = self.charmed(app)
        wanted = str(found.leader) if number == "leader" else number
        for unit in found.units.values():
            if str(unit.number) == wanted:
                return unit
        known = ", ".join([*found.unit_names(), f"{app}/leader"])
        raise model.WorldError(f"no unit {name!r}: there are {known}")

    def units(self) -> list[model.Unit]:
        """Return every unit that has a charm."""
        return [unit for app in self.apps.values() for unit in app.units.values()]

    def relations_of(self, unit: model.Unit) -> list[model.Relation]:
        """Return the relations that a unit still has."""
        return [
            found
            for found in self.relations.values()
            if found.id not in unit.gone and unit.app in (found.ends[0][0], found.ends[1][0])
        ]

    def user_secret(self, name: str) -> model.Secret:
        """Return a secret of the operator's own by name or URI."""
        known = [found for found in self.secrets.values() if not found.owner]
        for found in known:
            if name in (found.name, found.id):
                return found
        names = ", ".join(found.name for found in known) or "none"
        raise model.WorldError(f"no secret {name!r}: there are {names}")

    def address_bag(self, unit: str) -> model.Bag:
        """Return what Juju itself writes into a unit's databag."""
        app, number = unit.split("/")
        address = self.address(app, int(number))
        return {"egress-subnets": f"{address}/32", "ingress-address": address, "private-address": address}

    def match(self, one: str, two: str) -> tuple[tuple[tuple[str, str], tuple[str, str]], str]:
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

    def find_relation(self, one: str, two: str) -> model.Relation:
        """Return the relation between two applications, each named as application or application:endpoint."""
        sides = [self._named_endpoints(one), self._named_endpoints(two)]
        for found in self.relations.values():
            a, b = found.ends
            if not found.dying and ((a in sides[0] and b in sides[1]) or (a in sides[1] and b in sides[0])):
                return found
        known = ", ".join(
            f"{a[0]}:{a[1]} {b[0]}:{b[1]}" for a, b in (r.ends for r in self.relations.values() if not r.peer)
        )
        raise model.WorldError(f"{one} and {two} are not integrated: there are {known}")

    def _named_endpoints(self, text: str) -> dict[tuple[str, str], tuple[str, str]]:
        name, _, endpoint = text.partition(":")
        app = self.apps[name] if name in self.apps else self.charmed(name)
        known = app.endpoints()
        if endpoint and endpoint not in known:
            raise model.WorldError(f"{name} has no endpoint {endpoint!r}: endpoints are {', '.join(known)}")
        return {(name, key): value for key, value in known.items() if not endpoint or key == endpoint}
