# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What this application writes into its databags. Pure."""

import storage
from charmkit.interfaces import dex_oidc_config, ingress, oidc_client, postgresql_client


def write(*, app: str, unit: str, port: int, url: str, internal: str) -> dict[str, dict[str, str]]:
    """Return the application databag of each endpoint.

    Args:
        app: this application, which is also its Kubernetes service.
        unit: the one that leads; others of an application that keeps its state in memory stop when they read another
            name than their own.
        port: that service's port.
        url: the issuer, empty while it cannot be known.
        internal: the issuer's address inside the cluster.
    """
    asked = ingress.Request(prefix="/dex", rewrite="/dex", service=app, port=port)
    bags = {
        "ingress": ingress.write_request(asked),
        "oidc-client": oidc_client.write_provider(),
        "peers": {"serving": unit},
        "database": postgresql_client.write_request(storage.DATABASE),
    }
    if url:
        bags["dex-oidc-config"] = dex_oidc_config.write(dex_oidc_config.Provider(issuer_url=url, internal_url=internal))
    return bags
