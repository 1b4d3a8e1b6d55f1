# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Tells Prometheus where an application's metrics are and when to raise an alarm, and Grafana how to show them."""

import collections.abc
import pathlib

import ops

from charmkit.interfaces import grafana_dashboard, prometheus_scrape


def standing(title: str) -> tuple[prometheus_scrape.Alert, ...]:
    """Return the alarms of Charmed Kubeflow about what is away; title is what people call it."""
    return (
        prometheus_scrape.Alert(
            name="KubeflowServiceDown",
            expression="up{%s} < 1",
            lasting="5m",
            severity="critical",
            summary=f"A unit of {title} has not answered for five minutes: see juju status",
        ),
        prometheus_scrape.Alert(
            name="KubeflowServiceIsNotStable",
            expression="avg_over_time(up{%s}[10m]) < 0.5",
            lasting="0m",
            severity="warning",
            summary=f"A unit of {title} was away for more than half of the last ten minutes",
        ),
    )


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
    more: collections.abc.Iterable[int] = (),
    alerts: collections.abc.Iterable[prometheus_scrape.Alert] = (),
) -> None:
    """Write where the metrics are, at /metrics: the leader for the application, every unit its own address."""
    written = prometheus_scrape.write(topology(charm), port=port, more=more, alerts=alerts)
    for relation in relations:
        binding = charm.model.get_binding(relation)
        address = str(binding.network.ingress_address or "") if binding else ""
        relation.data[charm.unit].update(prometheus_scrape.write_unit(address=address, unit=charm.unit.name))
        if charm.unit.is_leader():
            relation.data[charm.app].update(written)


def show(charm: ops.CharmBase, relations: collections.abc.Iterable[ops.Relation], directory: pathlib.Path) -> None:
    """Write the dashboards of a directory for endpoints of the interface `grafana_dashboard`, if this unit leads."""
    if not charm.unit.is_leader():
        return
    pages = {path.name: path.read_text() for path in sorted(directory.glob("*.json"))}
    for relation in relations:
        relation.data[charm.app].update(grafana_dashboard.write(topology(charm), pages))
