# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What a real Juju does to charms and ops.testing alone does not show: crashes, lost hooks, other names, returns."""

import json
import pathlib
import random
import sys
import types
import typing

import pytest
import scenario
import whole

from sandbox import model, worker

SOURCES = (str(whole.ROOT / "charms"), str(whole.ROOT / "packages" / "charmkit"))


class Killed(BaseException):
    """The container agent was killed in the middle of a hook."""


class Mortal(whole.agent.InMemory):
    """An engine in which some hooks are killed at a line chosen by chance, in the charm's code or in what it calls."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._chance = random.Random(seed)
        self.places: set[str] = set()

    def run(self, unit: model.Unit, charm: model.Charm, event: model.Event, state: scenario.State) -> worker.Reply:
        if unit.failures or self._chance.random() < 0.3:
            return super().run(unit, charm, event, state)
        left = self._chance.randint(1, 1500)

        def trace(frame: types.FrameType, what: str, argument: object) -> typing.Any:
            nonlocal left
            del argument
            if not frame.f_code.co_filename.startswith(SOURCES):
                return None
            if what == "line":
                left -= 1
                if left == 0:
                    self.places.add(f"{pathlib.Path(frame.f_code.co_filename).name}:{frame.f_lineno}")
                    raise Killed
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            return super().run(unit, charm, event, state)
        except Killed:
            return worker.Reply(trace="killed")
        finally:
            sys.settrace(before)


def settle(bundle: whole.Whole, bound: int = 600) -> None:
    """Run hooks until there are none, and those that were killed again, as Juju does."""
    for _ in range(bound):
        waiting = [unit for unit in bundle.world.units() if unit.queue or unit.failed]
        if not waiting:
            return
        unit = bundle.order.choice(waiting)
        bundle.world.retry(unit)
        assert whole.agent.step(bundle.world, unit, bundle.engine)
    raise AssertionError(f"not settled after {bound} hooks")


# A hook that is killed closes no file; the end of its process does, which there is none of here.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("seed", range(8))
def test_a_hook_killed_at_any_line_ends_in_the_same_state(seed: int, wanted: str):
    engine = Mortal(seed)
    bundle = whole.Whole(seed, engine=engine)
    bundle.deploy()
    settle(bundle)
    assert len(engine.places) > 5
    assert bundle.active(), bundle.statuses()
    assert bundle.alike() == wanted


def test_other_names_and_a_model_with_dashes():
    bundle = whole.Whole(1, model="team-a-2")
    bundle.deploy(lambda app: f"my-{app}-2")
    bundle.settle()
    assert bundle.active(), bundle.statuses()
    config = bundle.dex("my-dex-auth-2/0")
    assert config["issuer"] == f"{whole.URL}/dex"
    found = json.loads(bundle.file("my-gatekeeper-2/0", "gatekeeper/etc/gatekeeper/config.json"))
    assert "my-dex-auth-2.team-a-2.svc" in json.dumps(found)
    everything = bundle.exact()
    assert '"dex-auth.' not in everything
    assert "kubeflow.svc" not in everything
    bundle.world.remove_relation("my-dex-auth-2:oidc-client", "my-gatekeeper-2:oidc-client")
    bundle.settle()
    texts = [text for text in bundle.statuses().values() if text.startswith("blocked")]
    assert all("my-" in text for text in texts), texts


def test_two_bundles_beside_each_other_share_nothing():
    one, two = whole.settled(1), whole.Whole(1, model="other")
    two.deploy()
    two.settle()
    kept = [
        {
            value
            for found in bundle.world.secrets.values()
            for key, value in found.revisions[found.latest].items()
            # The operator's own words, which are the defaults in both.
            if not key.startswith("options-")
        }
        for bundle in (one, two)
    ]
    assert all(len(secrets) > 4 for secrets in kept)
    assert kept[0] & kept[1] == set()


@pytest.mark.parametrize("name", whole.APPLICATIONS)
def test_an_application_goes_and_comes_back(name: str, wanted: str):
    bundle = whole.settled(2)
    bundle.world.remove_application(name)
    bundle.settle()
    assert name not in bundle.world.apps
    assert not [found for found in bundle.world.secrets.values() if found.owner.split("/")[0] == name]
    texts = [text for text in bundle.statuses().values() if text.startswith("blocked")]
    # Logins do without a reception.
    assert bool(texts) == (name != "reception"), bundle.statuses()
    assert all("juju integrate" in text for text in texts), texts
    bundle.deploy_one(name, name)
    for one, two in whole.SPEC.relations:
        if name in (one.split(":")[0], two.split(":")[0]):
            bundle.world.integrate(one, two)
    bundle.start()
    bundle.settle()
    assert bundle.active(), bundle.statuses()
    assert bundle.alike() == wanted


def test_a_refresh_replaces_pods_and_loses_no_secret():
    bundle = whole.settled(3)
    before = bundle.alike()
    secrets = json.loads(bundle.exact())["secrets"]
    for name in whole.APPLICATIONS:
        bundle.world.refresh(name)
        bundle.churn(f"{name}/0")
        bundle.some(4)
    bundle.settle()
    assert bundle.alike() == before
    assert json.loads(bundle.exact())["secrets"] == secrets


def test_an_option_whose_hook_never_came_is_applied_by_update_status():
    bundle = whole.settled(4)
    bundle.world.apps["dex-auth"].options["static-username"] = "late@example.com"
    bundle.world.update_status()
    bundle.settle()
    (user,) = bundle.dex()["staticPasswords"]
    assert user["email"] == "late@example.com"


@pytest.mark.parametrize(
    ("app", "settings"),
    [
        ("dex-auth", {"static-username": "me@example.com", "static-password": "hunter2", "port": "5600"}),
        ("dex-auth", {"connectors": "nonsense", "issuer-url": "https://elsewhere.example.com/dex"}),
        ("gatekeeper", {"client-id": "other", "userid-claim": "sub", "session-lifetime": "600"}),
        ("ambassador-route", {"http-port": "9999"}),
    ],
)
def test_reset_goes_all_the_way_back(app: str, settings: dict[str, str]):
    bundle = whole.settled(5)
    before = bundle.alike()
    bundle.world.configure(app, settings)
    bundle.settle()
    assert bundle.alike() != before
    bundle.world.configure(app, {}, reset=settings)
    bundle.settle()
    assert bundle.alike() == before


OLD = {
    # What charms of other versions and vendors wrote: keys that are not known, versions that are, nothing useful.
    "ingress": {"_supported_versions": "- v1\n- v3\n", "data": "port: '80'\n", "junk": "x"},
    "ingress-auth": {"_supported_versions": "- v1\n", "data": "{}"},
    "oidc-client": {"client-secret": "old", "data": "client_id: x\n"},
    "dex-oidc-config": {"issuer-url": "", "old-key": "1"},
    "first_login": {"path": "", "old-key": "1"},
}


@pytest.mark.parametrize("seed", range(4))
def test_databags_with_old_content_are_outlived(seed: int):
    bundle = whole.Whole(seed)
    bundle.deploy()
    for found in bundle.world.relations.values():
        if not found.peer:
            for bag in found.app_bags.values():
                bag.update(OLD[found.interface])
    bundle.settle(600)
    assert bundle.active(), bundle.statuses()


def test_a_hook_that_reads_before_the_other_side_wrote_waits():
    """One unit runs all its hooks before any other runs its first; nobody fails, and all settle."""
    for first in whole.APPLICATIONS:
        bundle = whole.Whole(6)
        bundle.deploy()
        unit = bundle.world.unit(f"{first}/0")
        while unit.queue:
            assert whole.agent.step(bundle.world, unit, bundle.engine)
            assert not unit.failed
        bundle.settle()
        assert bundle.active(), bundle.statuses()
