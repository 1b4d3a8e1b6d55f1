# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Options of a charm, and what is said of a wrong one."""

import dataclasses

import ops
import pytest
from charmkit import typed
from ops import testing

META = {"name": "typed-charm"}
CONFIG = {"options": {"worker-count": {"type": "int", "default": 1}}}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """The options of the charm below."""

    worker_count: int = 1

    def __post_init__(self) -> None:
        if self.worker_count < 1:
            raise ValueError(f"worker-count: {self.worker_count} must be 1 or more")


@pytest.mark.parametrize(
    ("given", "options", "complaint"),
    [
        (3, Config(worker_count=3), ""),
        (
            0,
            None,
            "worker-count: 0 must be 1 or more: run juju config typed-charm worker-count=... or --reset worker-count",
        ),
    ],
)
def test_options_are_read_or_the_wrong_one_is_named(given: int, options: Config | None, complaint: str):
    state = testing.State(config={"worker-count": given})
    with testing.Context(ops.CharmBase, meta=META, config=CONFIG) as ctx, ctx(ctx.on.update_status(), state) as manager:
        assert typed.options(manager.charm, Config) == (options, complaint)
