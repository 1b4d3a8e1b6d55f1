# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Interface `k8s-service` of Charmed Kubeflow, v1: which Kubernetes service of an application another shall use.

Over the endpoint `kubeflow-profiles` it is the one that serves the API of access management (kfam). The dashboard's
charm takes the name only, looks for it in its own model, and expects the API at the port 8081 under /kfam.
"""

from charmkit.interfaces import sdi


def write(*, name: str, port: int) -> dict[str, str]:
    """Return the application databag of the side that offers a service; the schema wants the port as text."""
    return sdi.write({"service-name": name, "service-port": str(port)}, "v1")
