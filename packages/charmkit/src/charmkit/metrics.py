# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Tells Prometheus over an endpoint of the interface `prometheus_scrape` where an application's metrics are."""

import collections.abc

import ops

from charmkit.interfaces import prometheus_scrape


def topology(charm: ops.CharmBase) -> prometheus_scrape.Topology:
    """Return whose metrics a charm's are."""
    return prometheus_scrape.Topology(
        model=charm.model.name,
        model_uuid=charm.model.uuid,
        application=charm.app.name,
        unit=charm.unit.name,
        charm=charm.meta.name,
    )


def tell(
    charm: ops.CharmBase,
    relations: collections.abc.Iterable[ops.Relation],
    *,
    port: int,
    alerts: collections.abc.Iterable[prometheus_scrape.Alert] = (),
) -> None:
    """Write where the metrics are, at /metrics: the leader for the application, every unit its own address."""
    for relation in relations:
        binding = charm.model.get_binding(relation)
        address = str(binding.network.ingress_address or "") if binding else ""
        relation.data[charm.unit].update(prometheus_scrape.write_unit(address=address, unit=charm.unit.name))
        if charm.unit.is_leader():
            relation.data[charm.app].update(prometheus_scrape.write(topology(charm), port=port, alerts=alerts))
