# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import itertools
import json
import pathlib
import random
import time

import pytest
import scenario
import scenario.mocking

from sandbox import agent, bundle, model, options, status, worker, world

PROBE = bundle.read_charm(pathlib.Path(__file__).parent / "charms" / "probe")


class Two:
    """Two applications of the probe charm, not yet related."""

    def __init__(self, seed: int = 0) -> None:
        self.order = random.Random(seed)
        self.logs: list[str] = []
        self.world = world.World(log=lambda *line: self.logs.append(" ".join(line)))
        self.engine = agent.InMemory()
        for name in ("server", "user"):
            self.world.deploy(name, PROBE)
        self.settle()

    def settle(self) -> int:
        return agent.settle(self.world, self.engine, self.order, bound=300)

    def integrate(self) -> model.Relation:
        found = self.world.integrate("server:serve", "user:use")
        self.settle()
        return found

    def hooks(self, unit: str) -> list[str]:
        (stored,) = [found for found in self.world.unit(unit).stored if "hooks" in found.content]
        return json.loads(str(stored.content["hooks"]))

    def seen(self, found: model.Relation, unit: str = "user/0") -> dict:
        return json.loads(found.unit_bags[unit]["seen"])


@pytest.fixture
def two() -> Two:
    return Two()


def test_hooks_of_a_deployment_come_in_jujus_order(two: Two):
    assert two.hooks("server/0") == ["Install", "RelationCreated", "LeaderElected", "ConfigChanged", "Start"]


def test_a_relation_brings_created_joined_changed(two: Two):
    found = two.integrate()
    assert [hook for hook in two.hooks("user/0") if "Relation" in hook][1:4] == [
        "RelationCreated",
        "RelationJoined",
        "RelationChanged",
    ]
    assert two.seen(found)["greeting"] == "hello"


def test_a_changed_option_travels_by_databag_and_secret(two: Two):
    found = two.integrate()
    assert two.seen(found)["secret"] == "secret hello"
    two.world.configure("server", {"text": "bye"})
    two.settle()
    assert (two.seen(found)["greeting"], two.seen(found)["secret"]) == ("bye", "secret bye")
    assert "SecretChanged" in two.hooks("user/0")


def test_an_option_set_runs_config_changed_twice_and_an_equal_one_never(two: Two):
    before = two.hooks("server/0").count("ConfigChanged")
    two.world.configure("server", {"number": "4"})
    two.settle()
    assert two.hooks("server/0").count("ConfigChanged") == before + 2
    two.world.configure("server", {"number": "4"})
    assert two.settle() == 0


def test_an_empty_value_is_not_a_reset(two: Two):
    two.world.configure("server", {"text": ""})
    option = two.world.options("server")["text"]
    assert (option["value"], option["source"]) == ("", "user")
    two.world.configure("server", {}, reset=["text"])
    option = two.world.options("server")["text"]
    assert (option["value"], option["source"]) == ("hello", "default")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("number", "many", "option number must be a whole number, not 'many'"),
        ("share", "x", "option share must be a number, not 'x'"),
        ("raise", "maybe", "option raise must be true or false, not 'maybe'"),
        ("txt", "x", "server has no option 'txt': did you mean 'text'?"),
        ("zzz", "x", "server has no option 'zzz': there are number, raise, share, text"),
    ],
)
def test_a_wrong_option_says_what_is_right(two: Two, name: str, text: str, message: str):
    with pytest.raises(model.WorldError) as error:
        two.world.configure("server", {name: text})
    assert str(error.value) == message


def test_a_removed_relation_departs_and_breaks_with_its_data_readable(two: Two):
    found = two.integrate()
    two.world.remove_relation("server", "user:use")
    two.settle()
    assert two.hooks("user/0")[-2:] == ["RelationDeparted", "RelationBroken"]
    assert found.id not in two.world.relations
    (peers,) = [other for other in two.world.relations.values() if other.peer and other.ends[0][0] == "user"]
    assert peers.unit_bags["user/0"]["broken"] == "hello"


def test_a_removed_relation_takes_its_grants_away(two: Two):
    two.integrate()
    (secret,) = two.world.secrets.values()
    assert secret.readable_by(two.world.unit("user/0"))
    two.world.remove_relation("server", "user:use")
    two.settle()
    assert not secret.readable_by(two.world.unit("user/0"))
    assert secret.readable_by(two.world.unit("server/0"))


def test_an_observer_tracks_a_revision_until_it_refreshes(two: Two):
    two.integrate()
    (secret,) = two.world.secrets.values()
    two.world.configure("server", {"text": "bye"})
    agent.step(two.world, two.world.unit("server/0"), two.engine)
    assert secret.latest == 2
    assert two.world.unit("user/0").tracked[secret.id] == 1
    two.settle()
    assert two.world.unit("user/0").tracked[secret.id] == 2


def test_new_units_join_and_old_ones_hear_of_it(two: Two):
    found = two.integrate()
    two.world.scale("user", 3)
    two.settle()
    assert two.hooks("server/0").count("RelationJoined") == 3
    assert set(found.unit_bags) >= {"user/0", "user/1", "user/2"}
    two.world.scale("user", 1)
    two.settle()
    assert list(two.world.apps["user"].units) == [0]
    assert two.hooks("server/0").count("RelationDeparted") == 2
    assert not {"user/1", "user/2"} & set(found.unit_bags)


def test_only_the_leader_writes_for_the_application(two: Two):
    two.world.scale("server", 2)
    found = two.integrate()
    assert "greeting" in found.app_bags["server"]
    two.world.set_leader("server", 1)
    two.settle()
    assert "LeaderElected" in two.hooks("server/1")
    two.world.configure("server", {"text": "from the new leader"})
    two.settle()
    assert two.seen(found)["greeting"] == "from the new leader"


def test_leadership_outlives_its_unit(two: Two):
    two.world.scale("server", 2)
    two.settle()
    two.world.set_leader("server", 1)
    two.settle()
    two.world.scale("server", 1)
    two.settle()
    assert two.world.apps["server"].leader == 0


def test_a_hook_that_raises_is_an_error_and_its_changes_are_lost(two: Two):
    two.world.configure("server", {"raise": "true"})
    unit = two.world.unit("server/0")
    before = two.hooks("server/0")
    assert agent.step(two.world, unit, two.engine)
    assert (unit.status.current, unit.status.message) == ("error", 'hook failed: "config-changed"')
    assert two.hooks("server/0") == before
    assert any("RuntimeError: as it was told to" in line for line in two.logs)
    # Nothing else runs before it.
    assert not agent.step(two.world, unit, two.engine)
    two.world.configure("server", {"raise": "false"})
    two.settle()
    assert unit.status.current == "active"


class Moody(agent.InMemory):
    """An engine whose next hooks raise, and that remembers when."""

    def __init__(self) -> None:
        super().__init__()
        self.failing = 0
        self.tries: list[float] = []

    def run(self, unit: model.Unit, charm: model.Charm, event: model.Event, state: scenario.State) -> worker.Reply:
        self.tries.append(time.monotonic())
        if self.failing:
            self.failing -= 1
            return worker.Reply(trace="RuntimeError: not in the mood")
        return super().run(unit, charm, event, state)


def test_a_hook_that_raised_is_run_again_after_longer_and_longer_times(two: Two, monkeypatch: pytest.MonkeyPatch):
    delays = (0.1, 0.3, 0.6)
    monkeypatch.setattr(agent, "RETRIES", delays)
    engine = Moody()
    engine.failing = 4
    unit = two.world.unit("server/0")
    agents = agent.Agents(two.world, engine)
    two.world.update_status()
    agents.start(unit)
    with two.world.changed:
        assert two.world.changed.wait_for(lambda: len(engine.tries) >= 5 and not unit.running, timeout=20)
    agents.stop_soon()
    gaps = [after - before for before, after in itertools.pairwise(engine.tries[:5])]
    assert all(gap >= delay for gap, delay in zip(gaps, (*delays, delays[-1]), strict=True)), gaps
    assert unit.status.current == "active"
    assert unit.failures == 0


def test_action(two: Two):
    event = two.world.action("server/leader", "greet", {"name": "you", "times": "2"})
    two.settle()
    assert event.outcome
    assert event.outcome.result(0) == {"text": "hello you hello you"}


def test_an_action_that_fails_says_why(two: Two):
    event = two.world.action("server/0", "refuse", {})
    two.settle()
    assert event.outcome
    with pytest.raises(model.WorldError, match="not today"):
        event.outcome.result(0)


@pytest.mark.parametrize(
    ("target", "name", "params", "message"),
    [
        ("server/0", "gret", {}, "server has no action 'gret': did you mean 'greet'?"),
        ("server/0", "greet", {}, "action greet needs name=…"),
        ("server/0", "greet", {"nam": "x"}, "action greet has no parameter 'nam': did you mean 'name'?"),
        ("server/0", "greet", {"name": "x", "times": "y"}, "parameter times must be a whole number, not 'y'"),
        ("server/7", "greet", {}, "no unit 'server/7': there are server/0, server/leader"),
        ("serve/0", "greet", {}, "no application 'serve': did you mean 'server'? applications are server, user"),
    ],
)
def test_a_wrong_action_says_what_is_right(two: Two, target: str, name: str, params: dict, message: str):
    with pytest.raises(model.WorldError) as error:
        two.world.action(target, name, params)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("one", "two_", "text"),
    [
        ("server", "user", "say which of"),
        ("server:nothing", "user", "server has no endpoint 'nothing': endpoints are"),
        ("server:serve", "user:serve", "no endpoints that fit"),
    ],
)
def test_a_wrong_relation_says_what_is_right(two: Two, one: str, two_: str, text: str):
    with pytest.raises(model.WorldError, match=text):
        two.world.integrate(one, two_)


def test_a_second_relation_is_refused(two: Two):
    two.integrate()
    with pytest.raises(model.WorldError, match="already integrated"):
        two.world.integrate("server:serve", "user:use")


def test_user_secrets_need_a_grant(two: Two):
    uri = two.world.add_secret("mine", {"key": "value"})
    secret = two.world.secrets[uri]
    assert not secret.readable_by(two.world.unit("user/0"))
    two.world.grant_secret("mine", "user")
    assert secret.readable_by(two.world.unit("user/0"))
    assert not secret.readable_by(two.world.unit("server/0"))
    with pytest.raises(model.WorldError, match="no secret 'yours': there are mine"):
        two.world.grant_secret("yours", "user")


@pytest.mark.parametrize("seed", range(5))
def test_every_order_ends_alike(seed: int):
    two = Two(seed)
    two.world.scale("user", 2)
    found = two.integrate()
    two.world.configure("server", {"text": f"round {seed}"})
    two.settle()
    assert {two.seen(found, unit)["secret"] for unit in ("user/0", "user/1")} == {f"secret round {seed}"}


def test_status_has_jujus_shape(two: Two):
    two.integrate()
    shown = status.show(two.world)
    assert shown["model"]["name"] == "kubeflow"
    assert shown["machines"] == {}
    app = shown["applications"]["server"]
    assert app["application-status"]["current"] == "active"
    assert app["relations"]["serve"] == [{"related-application": "user", "interface": "probe", "scope": "global"}]
    unit = app["units"]["server/0"]
    assert unit["workload-status"]["message"] == "probe"
    assert unit["juju-status"]["current"] == "idle"
    assert unit["leader"] is True
    json.dumps(shown)


def test_charms_with_modules_of_one_name_do_not_meet():
    gateway = bundle.read_charm(pathlib.Path(__file__).parents[2] / "charms" / "ambassador-route")
    assert worker.load(PROBE.source).__name__ == "ProbeCharm"
    assert worker.load(gateway.source).__name__ == "AmbassadorRouteCharm"
    assert worker.load(PROBE.source).__name__ == "ProbeCharm"


def test_the_door_of_ops_testing_is_where_the_live_client_expects_it():
    found = getattr(scenario.mocking, "_MockModelBackend", None)
    assert callable(getattr(found, "get_pebble", None)), (
        "ops-scenario has moved _MockModelBackend.get_pebble: worker.py puts the live Pebble client there"
    )


def test_option_table():
    table = options.table(PROBE.config, {"number": 7})
    assert table["number"] == {"type": "int", "default": 3, "value": 7, "source": "user", "description": "Number."}
