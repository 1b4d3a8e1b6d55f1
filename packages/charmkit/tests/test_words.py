# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""A real Pebble: a service that ends after it had seemed to start is rolled back, and its own words say why."""

import collections.abc
import pathlib
import subprocess
import tempfile
import types
import typing

import live
import ops
import pytest
from charmkit import desired, pebble, rollout, words

from sandbox import programs


@pytest.fixture
def box(tmp_path: pathlib.Path) -> collections.abc.Iterator[ops.Container]:
    # A socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="pebble-") as short:
        socket = f"{short}/socket"
        process = subprocess.Popen(
            [programs.built("pebble", print), "run", "--create-dirs", "--hold"],
            env={"PEBBLE": str(tmp_path / "pebble"), "PEBBLE_SOCKET": socket, "PATH": "/usr/bin:/bin"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            live.wait(pathlib.Path(socket).exists, hint="Pebble listens")
            # Nothing but the version is asked of Juju here.
            juju = types.SimpleNamespace(_juju_context=types.SimpleNamespace(version=ops.JujuVersion("3.6.0")))
            yield ops.Container("box", typing.cast("typing.Any", juju), pebble_client=ops.pebble.Client(socket))
        finally:
            process.terminate()
            process.wait(timeout=20)


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
    bad = state("sleep 1.5; echo failed to open the storage >&2; exit 2", up)
    assert swap.bring(bad) is None
    up.unlink()
    live.wait(lambda: not pebble.check_is_up(box, "ready"), hint="its check fails")
    # While it runs, nobody knows yet that it will end.
    assert swap.check_failed() is None
    live.wait(lambda: not pebble.running(box, "program"), hint="it ends")
    assert (swap.check_failed() or "").endswith("failed to open the storage")
    assert pebble.running(box, "program")
    assert (swap.bring(bad) or "").endswith("failed to open the storage")


def test_old_words_and_no_words(box: ops.Container, tmp_path: pathlib.Path):
    assert words.last(box, "program") == ""
    swap = rollout.Rollout(box, service="program", check="ready", record=str(tmp_path / "rollout.json"))
    swap.bring(state("echo all is well; exec sleep 60", tmp_path))
    assert words.last(box, "program", seconds=0) == ""
