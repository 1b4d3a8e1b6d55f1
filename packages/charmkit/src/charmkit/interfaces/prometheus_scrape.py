# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Interface `prometheus_scrape`, v0: where metrics are."""

import collections.abc
import json


def write(*, port: int, path: str, metadata: collections.abc.Mapping[str, str]) -> dict[str, str]:
    """Return the application databag: one job for all units.

    Args:
        port: where every unit serves its metrics.
        path: the path there.
        metadata: `model`, `model_uuid`, `application`, `unit` and `charm_name`, as Juju's topology has them.
    """
    job = {"metrics_path": path, "static_configs": [{"targets": [f"*:{port}"]}]}
    return {"scrape_jobs": json.dumps([job]), "scrape_metadata": json.dumps(dict(metadata), sort_keys=True)}


def write_unit(*, address: str, name: str) -> dict[str, str]:
    """Return the databag of one unit."""
    return {"prometheus_scrape_unit_address": address, "prometheus_scrape_unit_name": name}
