# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Interface `grafana_dashboard` of the Canonical Observability Stack: how Grafana shows an application's metrics."""

import base64
import collections.abc
import dataclasses
import hashlib
import json
import lzma
import uuid

from charmkit.interfaces import prometheus_scrape

# Grafana's agents fill these in; they also add the drop-downs that the selection refers to.
_SOURCE = {"type": "prometheus", "uid": "${prometheusds}"}
_SELECTED = ", ".join(f'{name}=~"${name}"' for name in ("juju_model", "juju_application", "juju_unit"))
_COLUMNS, _WIDTH, _HEIGHT = 2, 12, 8


@dataclasses.dataclass(frozen=True, kw_only=True)
class Panel:
    """One diagram; `%s` in its expression stands for the labels that select an application, unit is Grafana's word."""

    title: str
    expression: str
    legend: str
    unit: str = "short"


def dashboard(title: str, panels: collections.abc.Sequence[Panel]) -> dict[str, object]:
    """Return a dashboard in Grafana's model."""
    found: list[dict[str, object]] = [
        {
            "id": number + 1,
            "title": panel.title,
            "type": "timeseries",
            "datasource": _SOURCE,
            "gridPos": {
                "h": _HEIGHT,
                "w": _WIDTH,
                "x": number % _COLUMNS * _WIDTH,
                "y": number // _COLUMNS * _HEIGHT,
            },
            "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": list[object]()},
            "targets": [
                {
                    "refId": "A",
                    "datasource": _SOURCE,
                    "expr": panel.expression.replace("%s", _SELECTED),
                    "legendFormat": panel.legend,
                }
            ],
        }
        for number, panel in enumerate(panels)
    ]
    return {
        "title": title,
        "uid": hashlib.sha256(title.encode()).hexdigest()[:16],
        "schemaVersion": 39,
        "time": {"from": "now-6h", "to": "now"},
        "refresh": "1m",
        "templating": {"list": []},
        "panels": found,
    }


def write(topology: prometheus_scrape.Topology, pages: collections.abc.Mapping[str, str]) -> dict[str, str]:
    """Return the application databag of the side that has dashboards.

    Args:
        topology: whose metrics they show; Grafana's charm puts a choice of it above each page.
        pages: JSON texts in Grafana's model, by name.
    """
    owner = {key: value for key, value in topology.metadata.items() if key != "charm_name"}
    templates = {
        f"file:{name}": {
            "charm": topology.charm,
            "content": base64.b64encode(lzma.compress(text.encode())).decode(),
            "juju_topology": owner,
            "inject_dropdowns": True,
            "dashboard_alt_uid": hashlib.sha256(f"{topology.charm}/{name}".encode()).hexdigest()[:16],
        }
        for name, text in pages.items()
    }
    # A new name for a new content: that is how the other side sees that it changed.
    version = uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(templates, sort_keys=True))
    return {"dashboards": json.dumps({"templates": templates, "uuid": str(version)}, sort_keys=True)}
