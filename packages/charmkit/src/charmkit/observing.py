# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Has logs and traces sent to the Canonical Observability Stack, and reads the authorities that vouch for others."""

import ops

from charmkit import authorities, logs, tracing

LOGGING = "logging"
# What a charm that calls `tell` declares, and reconciles at.
ENDPOINTS = (LOGGING, tracing.ENDPOINT, authorities.ENDPOINT)


def tell(charm: ops.CharmBase, container: ops.Container) -> authorities.Authorities:
    """Have logs and traces sent, and return whom the workload shall trust.

    Args:
        charm: whose hooks are traced.
        container: where the workload writes its log; nothing is said to it before it answers.
    """
    if container.can_connect():
        logs.forward(charm, container, charm.model.relations[LOGGING])
    trusted = authorities.read(charm)
    tracing.send(charm, authorities=trusted.pem)
    return trusted
