# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Logs to Loki: what Pebble is told as units of Loki come and go, and a real Pebble that sends them."""

import dataclasses
import json
import pathlib
import typing

import collector
import live
import ops
import pebbles
import pytest
from charmkit import desired, logs
from charmkit.interfaces import loki_push_api, prometheus_scrape
from ops import testing

META = {"name": "logging-charm", "containers": {"box": {}}, "requires": {"logging": {"interface": "loki_push_api"}}}
URL = "http://loki-0.loki-endpoints.cos.svc.cluster.local:3100/loki/api/v1/push"
TOPOLOGY = prometheus_scrape.Topology(model="m", model_uuid="u", application="a", unit="a/0", charm="c")


class Logging(ops.CharmBase):
    """A charm with logs."""

    def __init__(self, framework: ops.Framework) -> None:
        super().__init__(framework)
        framework.observe(self.on.update_status, self._on_update_status)

    def _on_update_status(self, _: ops.UpdateStatusEvent) -> None:
        logs.forward(self, self.unit.get_container("box"), self.model.relations["logging"])


def run(state: testing.State, *units: str | None) -> testing.State:
    """Run the charm beside units of Loki with these endpoints."""
    bags = {number: {"endpoint": text} if text else {} for number, text in enumerate(units)}
    relation = testing.Relation("logging", id=4, remote_app_name="loki", remote_units_data=bags)
    with testing.Context(Logging, meta=META) as ctx:
        return ctx.run(ctx.on.update_status(), dataclasses.replace(state, relations=[relation] if units else []))


def targets(state: testing.State) -> dict[str, dict]:
    return typing.cast("dict", state.get_container("box").plan.to_dict()).get("log-targets", {})


@pytest.fixture
def base() -> testing.State:
    return testing.State(leader=True, containers=[testing.Container("box", can_connect=True)])


def test_every_unit_of_loki_gets_the_logs_and_none_that_is_gone(base: testing.State):
    endpoint = json.dumps({"url": URL})
    state = run(base, endpoint, None, endpoint)
    assert set(targets(state)) == {"loki-4-loki-0", "loki-4-loki-2"}
    one = targets(state)["loki-4-loki-0"]
    assert (one["type"], one["location"], one["services"]) == ("loki", URL, ["all"])
    assert one["labels"]["juju_unit"] == "logging-charm/0"
    assert json.loads(state.get_relation(4).local_app_data["metadata"])["charm_name"] == "logging-charm"
    assert targets(run(state, endpoint, None, endpoint)) == targets(state)
    less = targets(run(state, endpoint))
    assert less["loki-4-loki-0"] == one
    assert less["loki-4-loki-2"]["services"] == ["-all"]
    assert {found["services"][0] for found in targets(run(state)).values()} == {"-all"}


@pytest.mark.parametrize("nonsense", ["x", "[]", "{}", '{"url": 3}', '{"url": "file:///etc/passwd"}'])
def test_nonsense_is_no_place_for_logs(base: testing.State, nonsense: str):
    assert targets(run(base, nonsense, json.dumps({"url": URL}))).keys() == {"loki-4-loki-1"}


def test_a_real_pebble_sends_what_a_service_writes(tmp_path: pathlib.Path):
    with collector.running() as (url, came), pebbles.container(tmp_path) as box:
        service = desired.service("/bin/sh -c 'echo a word; exec sleep 60'", environment={})
        target = loki_push_api.target(TOPOLOGY, f"{url}/loki/api/v1/push")
        layer = {"services": {"program": service}, "log-targets": {"loki": target}}
        box.add_layer("charm", typing.cast("ops.pebble.LayerDict", layer))
        box.replan()
        live.wait(lambda: came, hint="Pebble sends logs")
    path, body = came[0]
    assert path == "/loki/api/v1/push"
    (stream,) = json.loads(body)["streams"]
    assert stream["stream"]["juju_unit"] == "a/0"
    assert stream["values"][0][1] == "a word"
