# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The API server that the other tests here stand on: it is a real one, with RBAC on, and leaves nothing behind."""

import os
import pathlib

import cluster
import lightkube
import live
import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Namespace, ServiceAccount


def test_a_service_account_may_do_nothing_that_nobody_gave_it(kube: cluster.Cluster):
    admin = kube.client()
    admin.create(Namespace(metadata=ObjectMeta(name="bare")))
    admin.create(ServiceAccount(metadata=ObjectMeta(name="nobody", namespace="bare")))
    with pytest.raises(lightkube.ApiError, match="cannot list resource") as caught:
        list(kube.client("bare/nobody").list(ConfigMap))
    assert caught.value.status.code == 403


def test_a_deleted_namespace_goes(kube: cluster.Cluster):
    admin = kube.client()
    admin.create(Namespace(metadata=ObjectMeta(name="brief")))
    admin.create(ConfigMap(metadata=ObjectMeta(name="inside", namespace="brief")))
    admin.delete(Namespace, "brief")
    live.wait(lambda: "brief" not in [found.metadata.name for found in admin.list(Namespace)], hint="it is gone")


def test_what_it_knows_survives_an_outage_and_nothing_is_left_when_it_ends(tmp_path: pathlib.Path):
    with cluster.running(tmp_path) as kube:
        kube.client().create(Namespace(metadata=ObjectMeta(name="kept")))
        kube.stop()
        with pytest.raises(Exception, match="refused"):
            kube.client().get(Namespace, "kept")
        kube.start()
        assert kube.client().get(Namespace, "kept").metadata.name == "kept"
        assert _of(tmp_path)
    assert not _of(tmp_path)


def _of(home: pathlib.Path) -> list[str]:
    """Return the processes that have a directory in their command line."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_text()
            except OSError:
                continue
            found += [words] if str(home) in words else []
    return found
