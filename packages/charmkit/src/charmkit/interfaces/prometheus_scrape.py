# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Interface `prometheus_scrape` of the Canonical Observability Stack: where metrics are, and when to raise an alarm."""

import collections.abc
import dataclasses
import hashlib
import json


@dataclasses.dataclass(frozen=True, kw_only=True)
class Topology:
    """Whose metrics they are, in Juju's words."""

    model: str
    model_uuid: str
    application: str
    unit: str
    charm: str

    @property
    def labels(self) -> dict[str, str]:
        """Return the labels that Prometheus gives to this application's metrics."""
        return {
            "juju_model": self.model,
            "juju_model_uuid": self.model_uuid,
            "juju_application": self.application,
            "juju_charm": self.charm,
        }

    @property
    def metadata(self) -> dict[str, str]:
        """Return the same as the interfaces of the Canonical Observability Stack spell it."""
        return {
            "model": self.model,
            "model_uuid": self.model_uuid,
            "application": self.application,
            "unit": self.unit,
            "charm_name": self.charm,
        }


@dataclasses.dataclass(frozen=True, kw_only=True)
class Alert:
    """One alarm; `%s` in its expression stands for the labels that select this application's metrics."""

    name: str
    expression: str
    lasting: str
    severity: str
    summary: str


def write(
    topology: Topology,
    *,
    port: int,
    more: collections.abc.Iterable[int] = (),
    alerts: collections.abc.Iterable[Alert] = (),
) -> dict[str, str]:
    """Return the application databag of the side that has metrics, at /metrics of one port or more of every unit."""
    targets = [f"*:{number}" for number in (port, *more)]
    jobs = [{"metrics_path": "/metrics", "static_configs": [{"targets": targets}]}]
    selected = ", ".join(f'{name}="{value}"' for name, value in topology.labels.items())
    rules = [
        {
            "alert": alert.name,
            "expr": alert.expression.replace("%s", selected),
            "for": alert.lasting,
            "labels": {"severity": alert.severity, **topology.labels},
            "annotations": {"summary": alert.summary},
        }
        for alert in alerts
    ]
    short = hashlib.sha256(topology.model_uuid.encode()).hexdigest()[:8]
    group = f"{topology.model}_{short}_{topology.application}_alerts"
    found = {"scrape_metadata": json.dumps(topology.metadata), "scrape_jobs": json.dumps(jobs)}
    return found | ({"alert_rules": json.dumps({"groups": [{"name": group, "rules": rules}]})} if rules else {})


def write_unit(*, address: str, unit: str) -> dict[str, str]:
    """Return the databag of one unit."""
    return {"prometheus_scrape_unit_address": address, "prometheus_scrape_unit_name": unit}
