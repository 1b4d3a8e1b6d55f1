#!/usr/bin/env python3
# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The gateway's charm: reads options and relations, brings its engine to them, tells applications the public URL."""

import dataclasses
import logging
import pathlib
import urllib.parse

import alerts
import assemble
import certificates
import config
import engines
import inputs
import loopback
import ops
import relations
import service
import table
import walk
from charmkit import beginning, metrics, observing
from charmkit.interfaces import ingress_auth, istio_gateway_info

logger = logging.getLogger(__name__)

DASHBOARDS = pathlib.Path(__file__).parent / "dashboards"


class AmbassadorRouteCharm(ops.CharmBase):
    """Routes requests, and asks an authorization service about each of them."""

    def __init__(self, framework: ops.Framework) -> None:
        super().__init__(framework)
        self._container = self.unit.get_container("gateway")
        self._beginning = beginning.Beginning(self)
        self._certificates = certificates.Certificates(self, self._container, wanted=self._wanted)
        self._outcome = engines.Outcome()
        events = [
            self.on.leader_elected,
            self.on.update_status,
            self.on.upgrade_charm,
            self.on.secret_changed,
            self.on.gateway_pebble_ready,
            self.on.gateway_pebble_check_recovered,
            self._certificates.available,
        ]
        for endpoint in (*relations.ALL, *observing.ENDPOINTS, certificates.ENDPOINT):
            on = self.on[endpoint]
            events += [on.relation_created, on.relation_changed, on.relation_broken]
        for event in events:
            framework.observe(event, self._on_reconcile)
        framework.observe(self.on.config_changed, self._on_config_changed)
        framework.observe(self.on.remove, self._on_remove)
        framework.observe(self.on.gateway_pebble_check_failed, self._on_check_failed)
        framework.observe(self.on.collect_unit_status, self._on_collect_unit_status)
        framework.observe(self.on.show_routes_action, self._on_show_routes)
        framework.observe(self.on.trace_login_action, self._on_trace_login)

    def _on_reconcile(self, _: ops.EventBase) -> None:
        self._reconcile()

    def _on_config_changed(self, _: ops.EventBase) -> None:
        self._reconcile()
        if self.config["target"] == config.POD and (reason := self._in_cluster().leave()):
            # Whoever was never trusted has left nothing there.
            logger.info("nothing is removed from the cluster: %s", reason)

    def _on_remove(self, _: ops.RemoveEvent) -> None:
        if self.config["target"] == config.CLUSTER and self.app.planned_units() == 0:
            reason = self._in_cluster().leave()
            if reason:
                logger.warning("resources stay in the cluster: %s", reason)

    def _on_check_failed(self, _: ops.PebbleCheckFailedEvent) -> None:
        if self._container.can_connect():
            self._engine().check_failed(self._container)
        self._reconcile()

    def _on_show_routes(self, event: ops.ActionEvent) -> None:
        found = inputs.read(self, self._certificates)
        if found.gateway is None:
            event.fail(found.complaint)
            return
        ask = loopback.client(inputs.where(self, found), found.gateway)
        event.set_results({"routes": table.show(found.gateway, ask, loopback.listens)})

    def _on_trace_login(self, event: ops.ActionEvent) -> None:
        found = inputs.read(self, self._certificates)
        if found.gateway is None:
            event.fail(found.complaint)
            return
        host = urllib.parse.urlsplit(found.url).netloc
        hops = walk.walk(loopback.client(inputs.where(self, found), found.gateway, host), found.gateway, found.url)
        event.set_results({"trace": walk.show(hops)})
        if hops[-1].fault:
            event.fail(f"{hops[-1].name}: {hops[-1].fault}")

    def _on_collect_unit_status(self, event: ops.CollectStatusEvent) -> None:
        if self._beginning.status:
            event.add_status(self._beginning.status)
            return
        found = inputs.read(self, self._certificates)
        engine = self._engine()
        blocked = list(found.reading.blocked)
        if self._outcome.fault:
            blocked.insert(0, f"{self._outcome.fault}: {self._log()}")
        if self._outcome.refusal:
            blocked.insert(0, f"{engine.title} refused its configuration, {self._outcome.refusal}: {self._log()}")
        if self._outcome.complaint:
            blocked.insert(0, self._outcome.complaint)
        if found.complaint:
            blocked.insert(0, found.complaint)
        elif not found.url:
            blocked.insert(0, f"Public URL not known: run juju config {self.app.name} external-url=http://HOST")
        for text in blocked:
            event.add_status(ops.BlockedStatus(text))
        waiting = [*found.reading.waiting, *([found.certificate.waiting] if found.certificate.waiting else [])]
        for text in waiting:
            event.add_status(ops.WaitingStatus(text))
        if not waiting:
            event.add_status(self._workload_status(found, engine))

    def _workload_status(self, found: inputs.Inputs, engine: engines.Engine) -> ops.StatusBase:
        if not self._container.can_connect():
            return ops.MaintenanceStatus("Waiting for the container")
        if waits := engine.waits(self._container):
            return ops.MaintenanceStatus(f"Waiting for {engine.title} to {waits}: {self._log()}")
        if found.options and assemble.open_to_all(found.options, found.reading):
            closing = f"run juju config {self.app.name} --reset allow-unauthenticated"
            return ops.ActiveStatus(f"OPEN TO EVERYBODY, serving {found.url} without a login: {closing}")
        return ops.ActiveStatus(f"Serving {found.url}")

    def _log(self) -> str:
        return f"see juju debug-log --include {self.unit.name}"

    def _reconcile(self) -> None:
        found = inputs.read(self, self._certificates)
        gateway = found.gateway
        if gateway is None:
            return
        ports = (gateway.port, gateway.tls.port if gateway.tls else 0, gateway.metrics_port)
        self.unit.set_ports(*(port for port in ports if port))
        observing.tell(self, self._container)
        complaint = self._tell(found) if self.unit.is_leader() else ""
        metrics.tell(self, self.model.relations[relations.METRICS], port=gateway.metrics_port, alerts=alerts.ALERTS)
        metrics.show(self, self.model.relations[relations.DASHBOARDS], DASHBOARDS)
        if self._container.can_connect():
            self._outcome = self._engine().bring(self._container, gateway, inputs.where(self, found))
        if complaint:
            self._outcome = dataclasses.replace(self._outcome, complaint=self._outcome.complaint or complaint)

    def _tell(self, found: inputs.Inputs) -> str:
        """Tell applications and Kubernetes, and return what a person must do for the latter."""
        for one in found.reading.related:
            relation = self.model.get_relation(one.endpoint, one.relation)
            assert relation
            bag = relation.data[self.app]
            # An empty value removes its key.
            bag.update(
                ingress_auth.write_gateway()
                if one.endpoint == relations.AUTH
                else relations.answer(one, found.reading, found.url)
            )
        for relation in self.model.relations[relations.GATEWAY_INFO]:
            # There is no Istio here to which anybody could add a route.
            info = istio_gateway_info.write(name=self.app.name, namespace=self.model.name, up=False)
            relation.data[self.app].update(info)
        assert found.options
        wished = (found.options.gateway_service_type, found.options.service_annotations)
        return service.bring(self.model.name, self.app.name, *wished)

    def _engine(self) -> engines.Engine:
        """Return the engine that the operator chose, also while another option is wrong."""
        if self.config["target"] == config.CLUSTER:
            return self._in_cluster()
        return engines.ENGINES.get(str(self.config["engine"])) or engines.ENGINES[config.ENGINES[0]]

    def _in_cluster(self) -> engines.InCluster:
        leader = self.unit.is_leader()
        return engines.InCluster(leader=leader, namespace=self.model.name, application=self.app.name)

    def _wanted(self) -> certificates.Wanted:
        options, _ = inputs.options(self)
        if options is None:
            return ("", "", ())
        return (options.url(inputs.address(self)), options.csr_domain_name, tuple(options.applications_hosts.values()))


if __name__ == "__main__":
    ops.main(AmbassadorRouteCharm)
