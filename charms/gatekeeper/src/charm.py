#!/usr/bin/env python3
# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The gatekeeper's charm: keeps its secrets, brings its service to options and relations, presents it to others."""

import dataclasses
import time

import actions
import client_secret
import config
import gatekeeper
import keys
import ops
import relations
from charmkit import pebble, rollout, secrets
from charmkit.interfaces import ingress, ingress_auth, oidc_client


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inputs:
    """All that was read.

    Attributes:
        options: None while one of them is wrong.
        complaint: what is wrong with them.
        public_url: where browsers reach the gateway, empty while it is not known.
        reading: what the related applications say.
        keys: the application's secrets; None until the leader has made them.
    """

    options: config.Config | None
    complaint: str
    public_url: str
    reading: relations.Reading
    keys: keys.Keys | None


class GatekeeperCharm(ops.CharmBase):
    """Answers the gateway's authorization checks and logs people in."""

    def __init__(self, framework: ops.Framework) -> None:
        super().__init__(framework)
        self._container = self.unit.get_container("gatekeeper")
        self._state = secrets.StateSecret(self, rotate=ops.SecretRotate.MONTHLY)
        self._actions = actions.Actions(self, self)
        self._rollout = rollout.Rollout(
            self._container, service=gatekeeper.SERVICE, check=gatekeeper.CHECK, record=gatekeeper.RECORD
        )
        self._refusal: str | None = None
        events = [
            self.on.config_changed,
            self.on.leader_elected,
            self.on.secret_changed,
            self.on.update_status,
            self.on.upgrade_charm,
            self.on.gatekeeper_pebble_ready,
            self.on.gatekeeper_pebble_check_recovered,
        ]
        for endpoint in ("peers", *relations.COUNTERPARTS):
            on = self.on[endpoint]
            events += [on.relation_created, on.relation_changed, on.relation_broken]
        for event in events:
            framework.observe(event, self._on_reconcile)
        framework.observe(self.on.gatekeeper_pebble_check_failed, self._on_check_failed)
        framework.observe(self.on.collect_unit_status, self._on_collect_unit_status)

    def _on_reconcile(self, _: ops.EventBase) -> None:
        self._reconcile()

    def _on_check_failed(self, _: ops.PebbleCheckFailedEvent) -> None:
        if self._container.can_connect():
            self._rollout.check_failed()
        self._reconcile()

    def _on_collect_unit_status(self, event: ops.CollectStatusEvent) -> None:
        inputs = self._read()
        if inputs.complaint:
            event.add_status(ops.BlockedStatus(inputs.complaint))
        if self._refusal:
            event.add_status(ops.BlockedStatus(f"Refused its configuration, {self._refusal}: {self._log()}"))
        for text in inputs.reading.blocked:
            event.add_status(ops.BlockedStatus(text))
        for text in inputs.reading.waiting:
            event.add_status(ops.WaitingStatus(text))
        if inputs.options and not inputs.public_url and not (inputs.reading.blocked or inputs.reading.waiting):
            command = f"juju config {self.app.name} public-url=https://HOST"
            event.add_status(ops.BlockedStatus(f"The gateway does not tell its public URL: run {command}"))
        if inputs.keys is None:
            event.add_status(ops.WaitingStatus(f"Waiting for the leader to make keys: see juju status {self.app.name}"))
        elif not inputs.reading.waiting:
            # What the service waits for explains why it does not run.
            event.add_status(self._workload_status())

    def _workload_status(self) -> ops.StatusBase:
        if not self._container.can_connect():
            return ops.MaintenanceStatus("Waiting for the container")
        if not pebble.running(self._container, gatekeeper.SERVICE):
            return ops.MaintenanceStatus(f"Waiting for the service to start: {self._log()}")
        if not pebble.check_is_up(self._container, gatekeeper.CHECK):
            return ops.MaintenanceStatus(f"Waiting for the service to answer: {self._log()}")
        return ops.ActiveStatus()

    def _log(self) -> str:
        return f"see juju debug-log --include {self.unit.name}"

    def _reconcile(self) -> None:
        if self.unit.is_leader() and self._state.ready and not self._state.read():
            self._state.write(keys.write(keys.make(int(time.time()))))
        inputs = self._read()
        self.unit.set_ports(gatekeeper.PORT)
        if inputs.options is None:
            return
        if self.unit.is_leader():
            self._tell(inputs.options, inputs.public_url, inputs.keys)
        self._serve(inputs.options, inputs)

    def _serve(self, options: config.Config, inputs: Inputs) -> None:
        """Bring the service to its configuration.

        While the provider or the public URL is missing, the last configuration goes on: sessions carry our own
        signature, so that those who are logged in stay so, and a login ends where its provider ended: the gatekeeper
        answers 503 when the provider is gone, and the provider refuses a client that it no longer knows. A container
        that never had a configuration runs nothing, and the gateway lets nobody in.
        """
        provider = inputs.reading.provider
        if not (self._container.can_connect() and provider and inputs.public_url and inputs.keys):
            return
        state = gatekeeper.configure(
            gatekeeper.Gatekeeper(options=options, public_url=inputs.public_url, provider=provider, keys=inputs.keys)
        )
        refusal = self._rollout.bring(state, gatekeeper.rehearsal(state))
        self._refusal = " ".join(refusal.split())[:300] if refusal else None

    def _tell(self, options: config.Config, public_url: str, known: keys.Keys | None) -> None:
        for relation in self.model.relations[relations.INGRESS]:
            relation.data[self.app].update(ingress.write_request(gatekeeper.ingress_request(self.app.name)))
        for relation in self.model.relations[relations.AUTH]:
            relation.data[self.app].update(ingress_auth.write(gatekeeper.authorizer(self.app.name, known)))
        clients = self.model.relations[relations.CLIENT]
        if not clients or known is None:
            return
        secret_id = client_secret.publish(self, known.client_secret, clients)
        for relation in clients:
            # In plain text only for a provider that has spoken, and has not said that it can read secrets.
            plain = oidc_client.takes_secrets(relation.data[relation.app]) is False
            secret = known.client_secret if plain else ""
            client = gatekeeper.client(options, public_url=public_url, secret=secret, secret_id=secret_id)
            relation.data[self.app].update(oidc_client.write_client(client))

    @property
    def options(self) -> config.Config:
        """Return the options, or the defaults while one of them is wrong."""
        return self._options()[0] or config.Config()

    def change_keys(self, change: actions.Change) -> bool:
        """Replace the application's secrets and bring everything to them; return whether there were any."""
        known = keys.read(self._state.read())
        if known is None:
            return False
        self._state.write(keys.write(change(known)))
        self._reconcile()
        return True

    def _read(self) -> Inputs:
        options, complaint = self._options()
        related = [
            relations.Related(endpoint=endpoint, application=relation.app.name, bag=dict(relation.data[relation.app]))
            for endpoint in relations.COUNTERPARTS
            for relation in self.model.relations[endpoint]
        ]
        reading = relations.read(related, application=self.app.name)
        return Inputs(
            options=options,
            complaint=complaint,
            public_url=(options.public_origin if options else "") or reading.external_url,
            reading=reading,
            keys=keys.read(self._state.read()),
        )

    def _options(self) -> tuple[config.Config | None, str]:
        try:
            return self.load_config(config.Config, errors="raise"), ""
        except ValueError as error:
            option = str(error).split(":", 1)[0]
            return None, f"{error}: run juju config {self.app.name} {option}=... or --reset {option}"


if __name__ == "__main__":
    ops.main(GatekeeperCharm)
