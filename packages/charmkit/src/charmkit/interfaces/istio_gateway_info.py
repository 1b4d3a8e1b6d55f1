# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Interface `istio-gateway-info` of Charmed Kubeflow: the Istio Gateway to which an application may add routes."""


def write(*, name: str, namespace: str, up: bool) -> dict[str, str]:
    """Return the application databag of the side that has the gateway."""
    return {"gateway_name": name, "gateway_namespace": namespace, "gateway_up": "true" if up else "false"}
