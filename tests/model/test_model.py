# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""All charms together: whatever happens in whatever order, they settle, and always in the same state."""

import json

import pytest
import whole

from sandbox import model

SEEDS = range(6)
# Each unit has about twenty hooks of its own at deployment; a loop would need many more than this.
BOUND = 150
# Logins do without a reception, and it without them.
OPTIONAL = ("reception:first-login", "gatekeeper:first-login")


@pytest.mark.parametrize("seed", SEEDS)
def test_every_order_of_hooks_ends_in_the_same_state(seed: int, wanted: str):
    bundle = whole.Whole(seed)
    bundle.deploy()
    assert bundle.settle(BOUND) < BOUND
    assert bundle.active(), bundle.statuses()
    assert bundle.alike() == wanted


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_second_reconcile_changes_nothing(seed: int):
    bundle = whole.settled(seed)
    before = bundle.exact()
    bundle.world.update_status()
    assert bundle.settle() == len(whole.APPLICATIONS)
    assert bundle.exact() == before
    for unit in bundle.world.units():
        unit.queue += [model.Event(kind="config_changed")] * 2
    assert bundle.settle() == 2 * len(whole.APPLICATIONS)
    assert bundle.exact() == before


def test_the_gateway_asks_in_http_2():
    bundle = whole.settled(0)
    clusters = json.loads(bundle.file("ambassador-route/0", "gateway/tmp/envoy/clusters.json"))["resources"]
    (http,) = clusters[1]["typed_extension_protocol_options"].values()
    assert (clusters[1]["name"], *http["explicit_http_config"]) == ("authorizer:address", "http2_protocol_options")


@pytest.mark.parametrize("seed", SEEDS)
def test_relations_removed_at_any_moment_and_made_again(seed: int, wanted: str):
    bundle = whole.Whole(seed)
    bundle.deploy()
    for one, two in bundle.order.sample(whole.SPEC.relations, 3):
        bundle.some(40)
        bundle.world.remove_relation(one, two)
        bundle.some(20)
        bundle.world.integrate(one, two)
    bundle.settle()
    assert bundle.active(), bundle.statuses()
    assert bundle.alike() == wanted


@pytest.mark.parametrize("relation", [one for one in whole.SPEC.relations if one != OPTIONAL], ids=" ".join)
def test_a_missing_relation_is_named_with_its_command(relation: tuple[str, str]):
    bundle = whole.settled(3)
    bundle.world.remove_relation(*relation)
    bundle.settle()
    texts = [text for text in bundle.statuses().values() if text.startswith("blocked")]
    assert texts, bundle.statuses()
    assert all("juju integrate" in text for text in texts), texts
    assert any(relation[0] in text or relation[1] in text for text in texts), texts


def test_a_relation_that_nobody_needs_is_not_missed():
    assert OPTIONAL in whole.SPEC.relations
    bundle = whole.settled(3)
    bundle.world.remove_relation(*OPTIONAL)
    bundle.settle()
    assert bundle.active(), bundle.statuses()


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_three_units_and_back(seed: int, wanted: str):
    bundle = whole.Whole(seed)
    bundle.deploy()
    for app in whole.APPLICATIONS:
        bundle.some(30)
        bundle.world.scale(app, 3)
        bundle.start()
    bundle.settle()
    statuses = bundle.statuses()
    assert len(statuses) == 3 * len(whole.APPLICATIONS)
    assert [name for name, text in statuses.items() if "standby" in text] == ["dex-auth/1", "dex-auth/2"]
    path = "gatekeeper/etc/gatekeeper/config.json"
    assert bundle.file("gatekeeper/2", path) == bundle.file("gatekeeper/0", path)
    for app in whole.APPLICATIONS:
        bundle.world.scale(app, 1)
        bundle.some(10)
    bundle.settle()
    assert bundle.alike() == wanted


def serving(bundle: whole.Whole) -> list[str]:
    """Return the units that run Dex."""
    units = bundle.world.apps["dex-auth"].units.values()
    return [unit.name for unit in units if bundle.runs(unit.name, "dex")]


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_leadership_moves(seed: int):
    """One unit serves Dex at any time, with the same users, clients and issuer; the others stop."""
    bundle = whole.settled(seed)
    before = bundle.dex()
    bundle.world.scale("dex-auth", 3)
    bundle.start()
    bundle.some(30)
    for number in (2, 1):
        bundle.world.set_leader("dex-auth", number)
        bundle.settle()
        assert bundle.dex(f"dex-auth/{number}") == before
        assert serving(bundle) == [f"dex-auth/{number}"]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_rotated_client_secret_reaches_dex(seed: int):
    bundle = whole.settled(seed)
    before, device = bundle.dex()["staticClients"]
    (secret,) = [found for found in bundle.world.secrets.values() if found.label == "client-secret"]
    bundle.world.rotate_secret(secret.id)
    bundle.some(5)
    bundle.settle()
    after, same = bundle.dex()["staticClients"]
    assert same == device == {**device, "public": True}
    used = json.loads(bundle.file("gatekeeper/0", "gatekeeper/etc/gatekeeper/config.json"))["client_secret"]
    assert after["secret"] != before["secret"]
    assert after["secret"] == used
    assert {**after, "secret": ""} == {**before, "secret": ""}


@pytest.mark.parametrize("unit", ["dex-auth/0", "gatekeeper/0", "ambassador-route/0"])
def test_a_replaced_pod_gets_everything_again(unit: str):
    bundle = whole.settled(5)
    before = bundle.alike()
    secrets = json.loads(bundle.exact())["secrets"]
    bundle.churn(unit)
    bundle.settle()
    assert bundle.alike() == before
    assert json.loads(bundle.exact())["secrets"] == secrets


@pytest.mark.parametrize("seed", SEEDS)
def test_everything_at_once(seed: int, wanted: str):
    """A storm: units, pods, relations and options change while hooks still wait; then it calms down."""
    bundle = whole.Whole(seed)
    bundle.deploy()

    def relations() -> None:
        one, two = bundle.order.choice(whole.SPEC.relations)
        bundle.world.remove_relation(one, two)
        bundle.some(8)
        bundle.world.integrate(one, two)

    def option() -> None:
        bundle.world.configure("dex-auth", {"connectors": bundle.order.choice(["nonsense", "- id: x", "[]"])})

    def units() -> None:
        app = bundle.order.choice(["gatekeeper", "ambassador-route"])
        bundle.world.scale(app, bundle.order.choice([1, 2, 3]))
        bundle.start()

    def pod() -> None:
        bundle.churn(bundle.order.choice(["dex-auth/0", "gatekeeper/0", "ambassador-route/0"]))

    for _ in range(8):
        bundle.order.choice([relations, option, units, pod])()
        bundle.some(15)
    bundle.world.configure("dex-auth", {}, reset=["connectors"])
    for app in ("gatekeeper", "ambassador-route"):
        bundle.world.scale(app, 1)
    bundle.settle(800)
    assert bundle.active(), bundle.statuses()
    assert bundle.alike() == wanted


def test_no_secret_in_databags_plans_or_logs():
    bundle = whole.settled(7)
    bundle.world.action("gatekeeper/leader", "rotate-client-secret", {})
    bundle.settle()
    known = {
        part
        for found in bundle.world.secrets.values()
        for revision in found.revisions.values()
        for value in revision.values()
        for part in [value, *value.splitlines()[1:2]]
        if len(part) > 12 and not value.startswith("{")
    }
    assert len(known) > 5
    shown = [json.dumps(found.app_bags) + json.dumps(found.unit_bags) for found in bundle.world.relations.values()]
    shown += [json.dumps(bundle.plan(unit.name)) for unit in bundle.world.units()]
    shown += bundle.logs + list(bundle.statuses().values())
    for secret in known:
        assert not any(secret in text for text in shown)
