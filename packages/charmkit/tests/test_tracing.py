# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Traces of hooks: what is asked for, and where they go."""

import json

import ops
import pytest
from charmkit import tracing
from ops import testing

META = {"name": "traced-charm", "requires": {"charm-tracing": {"interface": "tracing", "limit": 1}}}
# As the charm tempo-coordinator-k8s writes it.
RECEIVERS = json.dumps([
    {"protocol": {"name": "otlp_grpc", "type": "grpc"}, "url": "tempo.cos.svc.cluster.local:4317"},
    {"protocol": {"name": "otlp_http", "type": "http"}, "url": "http://tempo.cos.svc.cluster.local:4318"},
])  # fmt: skip


class Traced(ops.CharmBase):
    """A charm with traces."""

    def __init__(self, framework: ops.Framework) -> None:
        super().__init__(framework)
        for event in (self.on.update_status, self.on["charm-tracing"].relation_broken):
            framework.observe(event, self._on_event)

    def _on_event(self, _: ops.EventBase) -> None:
        tracing.send(self, authorities="certificates of whom to trust")


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str | None, str | None]]:
    """Return where ops was told to send traces; a test of packed charms has it really send them."""
    told: list[tuple[str | None, str | None]] = []
    monkeypatch.setattr(ops.tracing, "set_destination", lambda url, ca: told.append((url, ca)))
    return told


def run(bag: dict[str, str] | None, *, broken: bool = False, leader: bool = True) -> dict[str, str] | None:
    relations = [] if bag is None else [testing.Relation("charm-tracing", remote_app_name="tempo", remote_app_data=bag)]
    with testing.Context(Traced, meta=META) as ctx:
        event = ctx.on.relation_broken(relations[0]) if broken else ctx.on.update_status()
        out = ctx.run(event, testing.State(leader=leader, relations=relations))
    return next((dict(found.local_app_data) for found in out.relations), None)


def test_traces_go_where_the_other_side_takes_the_protocol_that_was_asked_for(sent: list):
    assert run({"receivers": RECEIVERS}) == {"receivers": '["otlp_http"]'}
    assert sent == [("http://tempo.cos.svc.cluster.local:4318/v1/traces", "certificates of whom to trust")]


@pytest.mark.parametrize("bag", [None, {}, {"receivers": "[]"}, {"receivers": json.dumps(json.loads(RECEIVERS)[:1])}])
def test_they_go_nowhere_until_there_is_a_place(sent: list, bag: dict[str, str] | None):
    run(bag)
    assert sent == [(None, "certificates of whom to trust")]


def test_they_go_nowhere_any_more_when_the_relation_goes(sent: list):
    run({"receivers": RECEIVERS}, broken=True)
    assert sent[-1][0] is None


def test_only_the_leader_asks(sent: list):
    assert run({"receivers": RECEIVERS}, leader=False) == {}
    assert sent[-1][0]


@pytest.mark.parametrize(
    "text",
    ["x", "{}", "[3]", "[[]]", '[{"protocol": "otlp_http"}]', '[{"protocol": {"name": "otlp_http"}}]', "[" * 100_000]
    + [RECEIVERS.replace("http://tempo", url) for url in ("file:///", "http://user:secret@tempo", "http://")],
)
def test_nonsense_is_no_place_for_traces(sent: list, text: str, caplog: pytest.LogCaptureFixture):
    run({"receivers": text})
    assert sent[-1][0] is None
    assert "secret" not in caplog.text
