# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""One API server for all tests of this directory; each of them uses namespaces and names of its own."""

import collections.abc
import pathlib

import cluster
import isolation
import pytest

HERE = pathlib.Path(__file__).parent
# The tests that import modules of a charm.
<<<<<<< HEAD
OF = {"test_emissary.py": "ambassador-route", "test_observed.py": "reception", "test_target.py": "ambassador-route"}
=======
OF = dict.fromkeys(("test_emissary.py", "test_service.py", "test_target.py"), "ambassador-route")
>>>>>>> 8b66732 (feat: hosts of single applications, the Service's type, a gateway elsewhere)


def pytest_configure(config: pytest.Config) -> None:
    for name, charm in OF.items():
        own = isolation.OwnModules(HERE / name, HERE.parents[1] / "charms" / charm)
        config.pluginmanager.register(own, f"modules of {name}")


@pytest.fixture(scope="session")
def kube(tmp_path_factory: pytest.TempPathFactory) -> collections.abc.Iterator[cluster.Cluster]:
    with cluster.running(tmp_path_factory.mktemp("cluster"), controllers=True) as running:
        yield running
