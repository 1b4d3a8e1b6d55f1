# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What the tests of packed charms share."""

import collections.abc
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHARMS = sorted(path.parent.name for path in ROOT.glob("charms/*/charmcraft.yaml"))
# The Python that runs the tests, in place of the charm base's.
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"

Pack = collections.abc.Callable[..., pathlib.Path]
