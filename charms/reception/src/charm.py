#!/usr/bin/env python3
# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The reception's charm: brings its services to the options, and presents them to the gateway and the gatekeeper."""

import actions
import config
import observed
import ops
import reception
from charmkit import authorities, beginning, metrics, observing, pebble, rollout, typed
from charmkit.interfaces import first_login, grafana_dashboard, ingress, k8s_service

INGRESS, LOGIN, PROFILES = "ingress", "first-login", "kubeflow-profiles"
METRICS, DASHBOARD = "metrics-endpoint", "grafana-dashboard"
# Longer than the program itself waits for the API server.
_SECONDS = 15.0


class ReceptionCharm(ops.CharmBase):
    """Gives people their profiles after the first login."""

    def __init__(self, framework: ops.Framework) -> None:
        super().__init__(framework)
        self._container = self.unit.get_container(reception.SERVICE)
        self._beginning = beginning.Beginning(self)
        self._actions = actions.Actions(self)
        self._rollout = rollout.Rollout(
            self._container, service=reception.SERVICE, check=reception.CHECK, record=reception.RECORD
        )
        self._refusal: str | None = None
        events = [
            self.on.config_changed,
            self.on.leader_elected,
            self.on.update_status,
            self.on.upgrade_charm,
            self.on.reception_pebble_ready,
            self.on.reception_pebble_check_recovered,
        ]
        for endpoint in (INGRESS, LOGIN, PROFILES, METRICS, DASHBOARD, *observing.ENDPOINTS):
            on = self.on[endpoint]
            events += [on.relation_created, on.relation_changed, on.relation_broken]
        for event in events:
            framework.observe(event, self._on_reconcile)
        framework.observe(self.on.reception_pebble_check_failed, self._on_check_failed)
        framework.observe(self.on.collect_unit_status, self._on_collect_unit_status)

    def _on_reconcile(self, _: ops.EventBase) -> None:
        self._reconcile()

    def _on_check_failed(self, _: ops.PebbleCheckFailedEvent) -> None:
        if self._container.can_connect():
            self._rollout.check_failed()
        self._reconcile()

    def _on_collect_unit_status(self, event: ops.CollectStatusEvent) -> None:
        if self._beginning.status:
            event.add_status(self._beginning.status)
            return
        _, complaint = self._options()
        if complaint:
            event.add_status(ops.BlockedStatus(complaint))
        for text in authorities.read(self).complaints:
            event.add_status(ops.BlockedStatus(text))
        if self._refusal:
            event.add_status(ops.BlockedStatus(f"Refused its configuration, {self._refusal}: {self._log()}"))
        if not self.model.relations[INGRESS]:
            command = f"juju integrate {self.app.name}:{INGRESS} ambassador-route:ingress"
            event.add_status(ops.BlockedStatus(f"Not integrated over {INGRESS}: run {command}"))
        event.add_status(self._workload_status())

    def _workload_status(self) -> ops.StatusBase:
        if not self._container.can_connect():
            return ops.MaintenanceStatus("Waiting for the container")
        if not pebble.running(self._container, reception.SERVICE):
            return ops.MaintenanceStatus(f"Waiting for the service to start: {self._log()}")
        if not pebble.check_is_up(self._container, reception.CHECK):
            return ops.MaintenanceStatus(f"Waiting for the service to answer: {self._log()}")
        checks = (reception.KUBERNETES_CHECK, reception.CONTROLLER_CHECK)
        if not all(pebble.check_is_up(self._container, check) for check in checks):
            return ops.BlockedStatus(reception.advice(self._trouble() or "", self.app.name))
        return ops.ActiveStatus()

    def _log(self) -> str:
        return f"see juju debug-log --include {self.unit.name}"

    def _reconcile(self) -> None:
        options, _ = self._options()
        self.unit.set_ports(*reception.ports(kfam=bool(self.model.relations[PROFILES])))
        metrics.tell(
            self,
            self.model.relations[METRICS],
            port=reception.MANAGEMENT_PORT,
            more=(reception.CONTROLLER_PORT,) if options and options.profile_controller else (),
            alerts=observed.ALERTS,
        )
        observing.tell(self, self._container)
        if options and self._container.can_connect():
            self._serve(options)
        if self.unit.is_leader():
            self._present()

    def _serve(self, options: config.Config) -> None:
        kfam = bool(self.model.relations[PROFILES])
        what = reception.Reception(options=options, application=self.app.name, model=self.model.name, kfam=kfam)
        state = reception.configure(what)
        refusal = self._rollout.bring(state, reception.rehearsal(state))
        self._refusal = " ".join(refusal.split())[:300] if refusal else None
        if not options.profile_controller:
            # Pebble leaves running what is no longer to be started.
            pebble.stop(self._container, reception.CONTROLLER)

    def _present(self) -> None:
        bags = {
            INGRESS: ingress.write_request(reception.ingress_request(self.app.name)),
            PROFILES: k8s_service.write(name=self.app.name, port=reception.KFAM_PORT),
            DASHBOARD: grafana_dashboard.write(metrics.topology(self), observed.PAGES),
        }
        for endpoint, bag in bags.items():
            for relation in self.model.relations[endpoint]:
                relation.data[self.app].update(bag)
        if not self.model.relations[INGRESS] or not self._container.can_connect():
            return
        for relation in self.model.relations[LOGIN]:
            # A login is led here only once profiles could be used here; an outage later is told on a page.
            if not first_login.read(relation.data[self.app]) and self._trouble() is None:
                relation.data[self.app].update(first_login.write(path=reception.PREFIX))

    def _trouble(self) -> str | None:
        """Return why profiles cannot be used, None where they can."""
        if not pebble.running(self._container, reception.SERVICE):
            return "the service does not run"
        said = pebble.rehearse(self._container, (*reception.COMMAND, "diagnose"), timeout=_SECONDS)
        return said.removeprefix("reception: ") if said is not None else None

    def _options(self) -> tuple[config.Config | None, str]:
        """Return the operator's options, or None and what is wrong with them."""
        return typed.options(self, config.Config)


if __name__ == "__main__":
    ops.main(ReceptionCharm)
