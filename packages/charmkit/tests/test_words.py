# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""A real Pebble: a service that ends after it had seemed to start is rolled back, and its own words say why."""

import collections.abc
import pathlib

import live
import ops
import pebbles
import pytest
from charmkit import desired, pebble, rollout, words


@pytest.fixture
def box(tmp_path: pathlib.Path) -> collections.abc.Iterator[ops.Container]:
    with pebbles.container(tmp_path) as found:
        yield found


def state(script: str, up: pathlib.Path) -> desired.Desired:
    service = desired.service(f"/bin/sh -c '{script}'", environment={})
    check = {"override": "replace", "period": "100ms", "threshold": 2, "exec": {"command": f"/usr/bin/test -e {up}"}}
    return desired.Desired(files=(), layer={"services": {"program": service}, "checks": {"ready": check}})


def test_a_service_that_ends_later_is_rolled_back_with_its_own_words(box: ops.Container, tmp_path: pathlib.Path):
    swap = rollout.Rollout(box, service="program", check="ready", record=str(tmp_path / "rollout.json"))
    up = tmp_path / "up"
    up.touch()
    good = state("echo all is well; exec sleep 60", up)
    assert swap.bring(good) is None
    assert words.last(box, "program") == "all is well"
    live.wait(lambda: (box.get_check("ready").successes or 0) >= 3, hint="it is proven")
    assert swap.bring(good) is None
    bad = state(f"while test -e {up}; do sleep 0.1; done; echo failed to open the storage >&2; exit 2", up)
    assert swap.bring(bad) is None
    up.unlink()
    live.wait(lambda: not pebble.check_is_up(box, "ready"), hint="its check fails")
    live.wait(lambda: not pebble.running(box, "program"), hint="it ends")
    assert (swap.check_failed() or "").endswith("failed to open the storage")
    assert pebble.running(box, "program")
    assert (swap.bring(bad) or "").endswith("failed to open the storage")


def test_old_words_and_no_words(box: ops.Container, tmp_path: pathlib.Path):
    assert words.last(box, "program") == ""
    swap = rollout.Rollout(box, service="program", check="ready", record=str(tmp_path / "rollout.json"))
    swap.bring(state("echo all is well; exec sleep 60", tmp_path))
    assert words.last(box, "program", seconds=0) == ""
