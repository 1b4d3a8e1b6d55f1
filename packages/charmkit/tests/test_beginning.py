# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import collections.abc
import dataclasses

import ops
import pytest
from charmkit import beginning
from ops import testing

META = {
    "name": "begun",
    "storage": {"disk": {"type": "filesystem"}},
    "requires": {"one": {"interface": "x"}, "two": {"interface": "x"}},
}
ONE, TWO = testing.Relation("one", id=1), testing.Relation("two", id=2)
BLOCKED = ops.BlockedStatus("not integrated")


class Begun(ops.CharmBase):
    """A charm that wants two relations."""

    def __init__(self, framework: ops.Framework) -> None:
        super().__init__(framework)
        self._beginning = beginning.Beginning(self)
        framework.observe(self.on.collect_unit_status, self._on_collect_unit_status)

    def _on_collect_unit_status(self, event: ops.CollectStatusEvent) -> None:
        complete = all(self.model.relations[name] for name in self.meta.requires)
        event.add_status(self._beginning.status or (ops.ActiveStatus() if complete else BLOCKED))


@pytest.fixture
def ctx() -> collections.abc.Iterator[testing.Context[Begun]]:
    with testing.Context(Begun, meta=META) as context:
        yield context


def test_nothing_is_missed_before_every_relation_was_created(ctx: testing.Context[Begun]) -> None:
    state = ctx.run(ctx.on.install(), testing.State())
    assert state.unit_status == beginning.STATUS
    state = ctx.run(ctx.on.relation_created(ONE), dataclasses.replace(state, relations={ONE}))
    assert state.unit_status == beginning.STATUS
    state = ctx.run(ctx.on.relation_created(TWO), dataclasses.replace(state, relations={ONE, TWO}))
    assert state.unit_status == beginning.STATUS
    assert ctx.run(ctx.on.config_changed(), state).unit_status == ops.ActiveStatus()


def test_storage_before_install_is_no_time_to_complain(ctx: testing.Context[Begun]) -> None:
    disk = testing.Storage("disk")
    state = testing.State(storages={disk}, unit_status=testing.WaitingStatus("installing agent"))
    assert ctx.run(ctx.on.storage_attached(disk), state).unit_status == beginning.STATUS
    state = testing.State(storages={disk}, unit_status=testing.ActiveStatus())
    assert ctx.run(ctx.on.storage_attached(disk), state).unit_status == BLOCKED


@pytest.mark.parametrize("event", ["config_changed", "leader_elected", "start", "update_status"])
def test_what_is_missing_after_that_is_said(ctx: testing.Context[Begun], event: str) -> None:
    state = ctx.run(ctx.on.install(), testing.State(relations={ONE}))
    assert ctx.run(getattr(ctx.on, event)(), state).unit_status == BLOCKED


def test_a_relation_added_later_hides_nothing(ctx: testing.Context[Begun]) -> None:
    state = testing.State(unit_status=BLOCKED, relations={ONE})
    assert ctx.run(ctx.on.relation_created(ONE), state).unit_status == BLOCKED
