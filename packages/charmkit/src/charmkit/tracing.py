# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Has ops send the traces of a charm's own hooks to the application of an endpoint."""

import logging

import ops

from charmkit import single
from charmkit.interfaces import sdi, tracing

logger = logging.getLogger(__name__)
ENDPOINT = "charm-tracing"


def send(charm: ops.CharmBase, *, authorities: str = "") -> None:
    """Ask for a place for traces, and send them there; to nobody any more once the relation goes.

    `ops.tracing.Tracing` would do the same with one application of `receive-ca-cert`, and with none of several.

    Args:
        charm: whose hooks are traced.
        authorities: certificates in PEM of whom to trust with it; empty means those of the system.
    """
    relation = single.relation(charm.model, ENDPOINT)
    url = ""
    if relation is not None:
        if charm.unit.is_leader():
            relation.data[charm.app].update(tracing.write())
        try:
            url = tracing.read(relation.data[relation.app])
        except sdi.InterfaceError as error:
            logger.warning("%s: %s sent what it must not: %s", ENDPOINT, relation.app.name, error)
    assert ops.tracing is not None
    ops.tracing.set_destination(f"{url}/v1/traces" if url else None, authorities or None)
