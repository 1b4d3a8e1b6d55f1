# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The whole bundle in memory: every charm's own code, a world in place of Juju, no process."""

import collections.abc
import json
import pathlib
import random
import re

import ops
import yaml

from sandbox import agent, bundle, status, world

ROOT = pathlib.Path(__file__).resolve().parents[2]
SPEC = bundle.read(ROOT / "bundle.yaml")
APPLICATIONS = tuple(app.name for app in SPEC.applications)
URL = "http://127.0.0.1:8080"


class Whole:
    """The bundle of this repository, with its hooks run in an order chosen by chance."""

    def __init__(self, seed: int, *, engine: agent.InMemory | None = None, model: str = "kubeflow") -> None:
        self.order = random.Random(seed)
        self.logs: list[str] = []
        self.world = world.World(model, log=lambda entity, level, text: self.logs.append(f"{entity} {level} {text}"))
        self.engine = engine or agent.InMemory()
        self.hooks = 0

    def deploy(self, name: collections.abc.Callable[[str], str] = str) -> None:
        """Deploy, and integrate in an order chosen by chance; no hook runs yet.

        Args:
            name: gives the name of an application, from that in the bundle.
        """
        for app in SPEC.applications:
            self.deploy_one(app.name, name(app.name))
        for one, two in self.order.sample(SPEC.relations, len(SPEC.relations)):
            self.world.integrate(*(f"{name(app)}:{endpoint}" for app, endpoint in (one.split(":"), two.split(":"))))
        self.start()

    def deploy_one(self, app: str, name: str) -> None:
        """Deploy one application of the bundle under a name."""
        (found,) = [found for found in SPEC.applications if found.name == app]
        settings = {"external-url": URL} if app == "ambassador-route" else {}
        self.world.deploy(name, found.charm, units=found.scale, settings=settings)

    def start(self) -> None:
        """Let Pebble come up in the containers of new units."""
        for unit in self.world.units():
            if not self.engine.containers(unit):
                self.engine.start(self.world, unit)

    def churn(self, name: str) -> None:
        """Replace a unit's pod: files and plan are gone, and its hooks begin with a new start."""
        self.engine.start(self.world, self.world.unit(name))

    def some(self, most: int = 12) -> None:
        """Run a few hooks, and leave the others waiting."""
        for _ in range(self.order.randint(0, most)):
            waiting = [unit for unit in self.world.units() if unit.queue]
            if not waiting:
                return
            assert agent.step(self.world, self.order.choice(waiting), self.engine)
            self.hooks += 1

    def settle(self, bound: int = 400) -> int:
        """Run hooks until there are none; more than the bound means that they feed each other for ever."""
        ran = agent.settle(self.world, self.engine, self.order, bound=bound)
        self.hooks += ran
        return ran

    def statuses(self) -> dict[str, str]:
        """Return every unit's status and message."""
        shown = status.show(self.world)["applications"]
        return {
            name: f"{unit['workload-status']['current']} {unit['workload-status']['message']}".strip()
            for app in shown.values()
            for name, unit in app["units"].items()
        }

    def active(self) -> bool:
        """Return whether every unit is active."""
        return all(text.startswith("active") for text in self.statuses().values())

    def file(self, unit: str, path: str) -> str:
        """Return the text of a file in a unit's container."""
        return self.engine.files(self.world.unit(unit))[path]

    def dex(self, unit: str = "dex-auth/0") -> dict:
        """Return Dex's configuration."""
        return yaml.safe_load(self.file(unit, "dex/tmp/dex/config.yaml"))

    def plan(self, unit: str) -> dict:
        """Return the Pebble plan of a unit's only container, with what runs."""
        (container,) = self.engine.containers(self.world.unit(unit))
        running = {name: str(state) for name, state in container.service_statuses.items()}
        return {"plan": container.plan.to_dict(), "running": running}

    def runs(self, unit: str, service: str) -> bool:
        """Return whether a unit's service runs."""
        (container,) = self.engine.containers(self.world.unit(unit))
        return container.service_statuses.get(service) == ops.pebble.ServiceStatus.ACTIVE

    def exact(self) -> str:
        """Return everything that the charms made, to the letter."""
        state = {
            "bags": {str(found.ends): [found.app_bags, found.unit_bags] for found in self.world.relations.values()},
            "secrets": {found.id: found.revisions for found in self.world.secrets.values()},
            "files": {unit.name: self.engine.files(unit) for unit in self.world.units()},
            "plans": {unit.name: self.plan(unit.name) for unit in self.world.units()},
            "statuses": self.statuses(),
        }
        return json.dumps(state, sort_keys=True, default=str)

    def alike(self) -> str:
        """Return everything that the charms made, with what is chance replaced by its name.

        Passwords, keys and ids differ from one deployment to the next; how often a secret was written may differ with
        the order of hooks. Everything else may not.
        """
        text = self.exact()
        state = json.loads(text)
        del state["secrets"]
        for files in state["files"].values():
            for path in [path for path in files if path.endswith("rollout.json")]:
                del files[path]
            for path in [path for path in files if path.endswith("envoy/routes.json")]:
                # A digest of the whole, with the relation ids in it.
                files[path] = re.sub(r'"inline_string": "[0-9a-f]{16}"', '"inline_string": "<version>"', files[path])
        for found in state["plans"].values():
            for service in found["plan"].get("services", {}).values():
                service["environment"].pop("CONFIG_DIGEST")
        for bags, _ in state["bags"].values():
            for bag in bags.values():
                bag.pop("secret-revision", None)
                if "jwks" in bag:
                    bag["jwks"] = [key["kid"] for key in json.loads(bag["jwks"])["keys"]]
        text = json.dumps(state, sort_keys=True)
        for found in sorted(self.world.secrets.values(), key=lambda found: str(found.label)):
            text = text.replace(found.id, f"<{found.owner} {found.label}>")
            for key, value in _chances(found.revisions[found.latest]):
                for part in {value, json.dumps(value)[1:-1], json.dumps(json.dumps(value)[1:-1])[1:-1]}:
                    text = text.replace(part, f"<{found.label} {key}>") if len(part) > 8 else text
        # When a key was made.
        text = re.sub(r'(since\\*": )\d+', r"\1N", text)
        # Envoy's clusters are named after relations, whose ids go up.
        return re.sub(r"((?:dex-auth|gatekeeper|reception)):\d+", r"\1:N", text)


def settled(seed: int) -> Whole:
    """Return a bundle that was deployed and has come to rest."""
    bundle = Whole(seed)
    bundle.deploy()
    bundle.settle()
    return bundle


def _chances(content: dict[str, str]) -> list[tuple[str, str]]:
    """Return every value of a secret under a name; those of a ring of keys one by one."""
    found = []
    for key, value in content.items():
        entries = json.loads(value) if value.startswith("[") else [{"": value}]
        parts = (
            (f"{key}.{number}.{name}", part) for number, entry in enumerate(entries) for name, part in entry.items()
        )
        found += [(name, part) for name, part in parts if isinstance(part, str)]
    return found
