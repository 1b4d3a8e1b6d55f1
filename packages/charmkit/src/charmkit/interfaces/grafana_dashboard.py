# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Interface `grafana_dashboard` of the Canonical Observability Stack: pages on which Grafana shows metrics."""

import base64
import collections.abc
import hashlib
import json
import lzma
import uuid

from charmkit.interfaces import prometheus_scrape


def write(topology: prometheus_scrape.Topology, pages: collections.abc.Mapping[str, str]) -> dict[str, str]:
    """Return the application databag of the side that has dashboards.

    Args:
        topology: whose metrics they show; Grafana's charm puts a choice of it above each page.
        pages: the JSON texts that Grafana exports, by name.
    """
    about = {
        "model": topology.model,
        "model_uuid": topology.model_uuid,
        "application": topology.application,
        "unit": topology.unit,
    }
    templates = {
        f"file:{name}": {
            "charm": topology.charm,
            "content": base64.b64encode(lzma.compress(text.encode())).decode(),
            "juju_topology": about,
            "inject_dropdowns": True,
            "dashboard_alt_uid": hashlib.sha256(f"{topology.charm}/{name}".encode()).hexdigest()[:16],
        }
        for name, text in pages.items()
    }
    # Its other side looks again when this changes.
    version = uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(templates, sort_keys=True))
    return {"dashboards": json.dumps({"templates": templates, "uuid": str(version)}, sort_keys=True)}
