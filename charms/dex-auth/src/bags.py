# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What this application writes into its databags. Pure."""

import json

import dashboards
import storage
from charmkit.interfaces import (
    dex_oidc_config,
    grafana_dashboard,
    ingress,
    istio_ingress_route,
    oidc_client,
    postgresql_client,
    prometheus_scrape,
)


def write(topology: prometheus_scrape.Topology, *, port: int, url: str, internal: str) -> dict[str, dict[str, str]]:
    """Return the application databag of each endpoint.

    Args:
        topology: this application, which is also its Kubernetes service, and the unit that leads; others of one without
            a database stop when they read another name than their own.
        port: that service's port.
        url: the issuer, empty while it cannot be known.
        internal: the issuer's address inside the cluster.
    """
    name = topology.application
    asked = ingress.Request(prefix="/dex", rewrite="/dex", service=name, port=port)
    route = istio_ingress_route.Request(model=topology.model, prefix="/dex", service=name, port=port)
    pages = {"dex": json.dumps(dashboards.DASHBOARD, sort_keys=True)}
    bags = {
        "ingress": ingress.write_request(asked),
        "istio-ingress-route-unauthenticated": istio_ingress_route.write(route),
        "oidc-client": oidc_client.write_provider(),
        "peers": {"serving": topology.unit},
        "grafana-dashboard": grafana_dashboard.write(topology, pages),
        "database": postgresql_client.write_request(storage.DATABASE),
    }
    if url:
        bags["dex-oidc-config"] = dex_oidc_config.write(dex_oidc_config.Provider(issuer_url=url, internal_url=internal))
    return bags
