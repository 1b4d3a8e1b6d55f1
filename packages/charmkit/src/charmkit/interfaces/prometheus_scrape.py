# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Interface `prometheus_scrape` of the observability charms: where Prometheus finds the metrics of each unit."""

import json


def write_app(*, model: str, model_uuid: str, application: str, charm: str, port: int, path: str) -> dict[str, str]:
    """Return the application databag of the side that has metrics."""
    metadata = {"model": model, "model_uuid": model_uuid, "application": application, "charm_name": charm}
    jobs = [{"metrics_path": path, "static_configs": [{"targets": [f"*:{port}"]}]}]
    return {"scrape_metadata": json.dumps(metadata), "scrape_jobs": json.dumps(jobs)}


def write_unit(*, address: str, name: str) -> dict[str, str]:
    """Return the databag of one of its units."""
    return {"prometheus_scrape_unit_address": address, "prometheus_scrape_unit_name": name}
