# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import ops
import pytest
from charmkit import single
from ops import testing

META = {"name": "one", "requires": {"one": {"interface": "x", "limit": 1}}}
OLD, NEW = testing.Relation("one", id=1), testing.Relation("one", id=2)


@pytest.mark.parametrize(
    ("relations", "event", "wanted"),
    [((), "start", None), ((OLD,), "start", 1), ((NEW, OLD), "start", 2), ((OLD,), "broken", None)],
)
def test_it_is_the_newest_that_lasts(relations: tuple[testing.Relation, ...], event: str, wanted: int | None) -> None:
    with testing.Context(ops.CharmBase, meta=META) as ctx:
        on = ctx.on.start() if event == "start" else ctx.on.relation_broken(OLD)
        with ctx(on, testing.State(relations=relations)) as manager:
            found = single.relation(manager.charm.model, "one")
            assert (found.id if found else None) == wanted
            manager.run()
