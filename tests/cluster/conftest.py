# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""One API server for all tests of this directory; each of them uses namespaces and names of its own."""

import collections.abc

import cluster
import pytest


@pytest.fixture(scope="session")
def kube(tmp_path_factory: pytest.TempPathFactory) -> collections.abc.Iterator[cluster.Cluster]:
    with cluster.running(tmp_path_factory.mktemp("cluster"), controllers=True) as running:
        yield running
