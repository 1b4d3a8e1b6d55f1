#!/usr/bin/env python3
# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The gateway's charm: reads options and relations, brings Envoy to them, tells applications the public URL."""

import dataclasses

import assemble
import certificates
import config
import engines
import ops
import relations
from charmkit import pebble
from charmkit.interfaces import ingress_auth


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inputs:
    """All that was read.

    Attributes:
        options: None while one of them is wrong.
        complaint: what is wrong with them.
        url: the public URL, empty when it is not known.
        certificate: the certificate to use.
        reading: what the related applications say.
    """

    options: config.Config | None
    complaint: str
    url: str
    certificate: certificates.Found
    reading: relations.Reading


class AmbassadorRouteCharm(ops.CharmBase):
    """Routes requests, and asks an authorization service about each of them."""

    def __init__(self, framework: ops.Framework) -> None:
        super().__init__(framework)
        self._container = self.unit.get_container("gateway")
        self._certificates = certificates.Certificates(self, self._container, wanted=self._wanted)
        self._outcome = engines.Outcome()
        events = [
            self.on.config_changed,
            self.on.leader_elected,
            self.on.update_status,
            self.on.upgrade_charm,
            self.on.secret_changed,
            self.on.gateway_pebble_ready,
            self.on.gateway_pebble_check_recovered,
            self._certificates.available,
        ]
        for endpoint in (*relations.ENDPOINTS, certificates.ENDPOINT):
            on = self.on[endpoint]
            events += [on.relation_created, on.relation_changed, on.relation_broken]
        for event in events:
            framework.observe(event, self._on_reconcile)
        framework.observe(self.on.gateway_pebble_check_failed, self._on_check_failed)
        framework.observe(self.on.collect_unit_status, self._on_collect_unit_status)

    def _on_reconcile(self, _: ops.EventBase) -> None:
        self._reconcile()

    def _on_check_failed(self, _: ops.PebbleCheckFailedEvent) -> None:
        if self._container.can_connect():
            self._engine().check_failed(self._container)
        self._reconcile()

    def _on_collect_unit_status(self, event: ops.CollectStatusEvent) -> None:
        inputs = self._read()
        blocked = list(inputs.reading.blocked)
        engine = self._engine()
        if self._outcome.fault:
            blocked.insert(0, f"{self._outcome.fault}: {self._log()}")
        if self._outcome.refusal:
            blocked.insert(0, f"{engine.title} refused its configuration, {self._outcome.refusal}: {self._log()}")
        if inputs.complaint:
            blocked.insert(0, inputs.complaint)
        elif not inputs.url:
            blocked.insert(0, f"Public URL not known: run juju config {self.app.name} external-url=http://HOST")
        for text in blocked:
            event.add_status(ops.BlockedStatus(text))
        waiting = [*inputs.reading.waiting, *([inputs.certificate.waiting] if inputs.certificate.waiting else [])]
        for text in waiting:
            event.add_status(ops.WaitingStatus(text))
        if not waiting:
            event.add_status(self._workload_status(inputs, engine))

    def _workload_status(self, inputs: Inputs, engine: engines.Engine) -> ops.StatusBase:
        if not self._container.can_connect():
            return ops.MaintenanceStatus("Waiting for the container")
        if not pebble.running(self._container, engine.service):
            return ops.MaintenanceStatus(f"Waiting for {engine.title} to start: {self._log()}")
        if not pebble.check_is_up(self._container, engine.check):
            return ops.MaintenanceStatus(f"Waiting for {engine.title} to answer: {self._log()}")
        if inputs.options and assemble.open_to_all(inputs.options, inputs.reading):
            closing = f"run juju config {self.app.name} --reset allow-unauthenticated"
            return ops.ActiveStatus(f"OPEN TO EVERYBODY, serving {inputs.url} without a login: {closing}")
        return ops.ActiveStatus(f"Serving {inputs.url}")

    def _log(self) -> str:
        return f"see juju debug-log --include {self.unit.name}"

    def _reconcile(self) -> None:
        inputs = self._read()
        if inputs.options is None or inputs.complaint:
            return
        tls = inputs.certificate.tls
        self.unit.set_ports(inputs.options.http_port, *([tls.port] if tls else []))
        if self.unit.is_leader():
            self._tell(inputs)
        if self._container.can_connect():
            self._route(inputs.options, inputs)

    def _tell(self, inputs: Inputs) -> None:
        for one in inputs.reading.related:
            bag = self.model.get_relation(one.endpoint, one.relation).data[self.app]
            # An empty value removes its key.
            bag.update(
                ingress_auth.write_gateway()
                if one.endpoint == relations.AUTH
                else relations.answer(one, inputs.reading, inputs.url)
            )

    def _route(self, options: config.Config, inputs: Inputs) -> None:
        gateway = assemble.gateway(
            options,
            inputs.reading,
            name=self.app.name,
            namespace=self.model.name,
            url=inputs.url,
            tls=inputs.certificate.tls,
        )
        self._outcome = self._engine().bring(self._container, gateway, self._bound())

    def _engine(self) -> engines.Engine:
        """Return the engine that the operator chose, also while another option is wrong."""
        return engines.ENGINES.get(str(self.config["engine"])) or engines.ENGINES[config.ENGINES[0]]

    def _read(self) -> Inputs:
        options, complaint = self._options()
        related = [
            relations.Related(
                endpoint=endpoint,
                relation=relation.id,
                application=relation.app.name,
                bag=dict(relation.data[relation.app]),
            )
            for endpoint in relations.ENDPOINTS
            for relation in self.model.relations[endpoint]
        ]
        found = self._certificates.find(options) if options else certificates.Found()
        return Inputs(
            options=options,
            complaint=complaint or found.complaint,
            url=options.url(self._address(), tls=found.tls is not None) if options else "",
            certificate=found,
            reading=relations.read(
                related,
                application=self.app.name,
                model=self.model.name,
                everybody_may=bool(options and options.allow_unauthenticated),
            ),
        )

    def _options(self) -> tuple[config.Config | None, str]:
        try:
            return self.load_config(config.Config, errors="raise"), ""
        except ValueError as error:
            option = str(error).split(":", 1)[0]
            return None, f"{error}: run juju config {self.app.name} {option}=... or --reset {option}"

    def _wanted(self) -> tuple[str, str]:
        options, _ = self._options()
        return (options.url(self._address()), options.csr_domain_name) if options else ("", "")

    def _address(self) -> str:
        binding = self.model.get_binding(relations.PROTECTED)
        address = binding.network.ingress_address if binding else None
        return str(address) if address else ""

    def _bound(self) -> str:
        binding = self.model.get_binding(relations.PROTECTED)
        address = binding.network.bind_address if binding else None
        return str(address or "localhost")


if __name__ == "__main__":
    ops.main(AmbassadorRouteCharm)
