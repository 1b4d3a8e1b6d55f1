# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""A container of ops with a real Pebble, and nothing of Juju."""

import collections.abc
import contextlib
import pathlib
import subprocess
import tempfile
import types
import typing

import live
import ops

from sandbox import programs


@contextlib.contextmanager
def container(home: pathlib.Path) -> collections.abc.Iterator[ops.Container]:
    """Run a Pebble that keeps its state under a directory."""
    # A socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="pebble-") as short:
        socket = f"{short}/socket"
        process = subprocess.Popen(
            [programs.built("pebble", print), "run", "--create-dirs", "--hold"],
            env={"PEBBLE": str(home / "pebble"), "PEBBLE_SOCKET": socket, "PATH": "/usr/bin:/bin"},
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
