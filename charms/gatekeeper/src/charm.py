#!/usr/bin/env python3
# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The gatekeeper's charm: keeps its secrets, brings its service to options and relations, presents it to others."""

import time

import actions
import config
import gatekeeper
import inputs
import keys
import offers
import ops
import relations
import revoked
import token_actions
from charmkit import beginning, mesh, metrics, observing, pebble, rollout, secrets


class GatekeeperCharm(ops.CharmBase):
    """Answers the gateway's authorization checks and logs people in."""

    def __init__(self, framework: ops.Framework) -> None:
        super().__init__(framework)
        self._container = self.unit.get_container("gatekeeper")
        self._beginning = beginning.Beginning(self)
        self._state = secrets.StateSecret(self, rotate=ops.SecretRotate.MONTHLY)
        self._actions = actions.Actions(self, self)
        self._token_actions = token_actions.TokenActions(self, self)
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
        for endpoint in (
            inputs.PEERS,
            relations.REDIS,
            relations.METRICS,
            *observing.ENDPOINTS,
            *mesh.ENDPOINTS,
            relations.FORWARD,
            relations.RECEPTION,
            relations.ROUTE,
            *relations.COUNTERPARTS,
        ):
            on = self.on[endpoint]
            events += [on.relation_created, on.relation_changed, on.relation_departed, on.relation_broken]
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
        if self._beginning.status:
            event.add_status(self._beginning.status)
            return
        known = inputs.read(self, self._state)
        if known.complaint:
            event.add_status(ops.BlockedStatus(known.complaint))
        if self._refusal:
            event.add_status(ops.BlockedStatus(f"Refused its configuration, {self._refusal}: {self._log()}"))
        for text in (*known.reading.blocked, *known.authorities.complaints):
            event.add_status(ops.BlockedStatus(text))
        for text in (*known.reading.waiting, *known.waiting):
            event.add_status(ops.WaitingStatus(text))
        if known.options and not known.public_url and not (known.reading.blocked or known.reading.waiting):
            command = f"juju config {self.app.name} public-url=https://HOST"
            event.add_status(ops.BlockedStatus(f"The gateway does not tell its public URL: run {command}"))
        if known.keys is None:
            event.add_status(ops.WaitingStatus(f"Waiting for the leader to make keys: see juju status {self.app.name}"))
        elif not known.reading.waiting:
            # What the service waits for explains why it does not run.
            event.add_status(self._workload_status(known))

    def _workload_status(self, known: inputs.Inputs) -> ops.StatusBase:
        if not self._container.can_connect():
            return ops.MaintenanceStatus("Waiting for the container")
        if not pebble.running(self._container, gatekeeper.SERVICE):
            return ops.MaintenanceStatus(f"Waiting for the service to start: {self._log()}")
        if not pebble.check_is_up(self._container, gatekeeper.CHECK):
            return ops.MaintenanceStatus(f"Waiting for the service to answer: {self._log()}")
        if known.redis and not pebble.check_is_up(self._container, gatekeeper.REDIS_CHECK):
            return ops.ActiveStatus(f"Redis does not answer, units tell each other who logged out: {self._log()}")
        if known.reviews and not pebble.check_is_up(self._container, gatekeeper.KUBERNETES_CHECK):
            trust = f"run juju trust {self.app.name} --scope=cluster, or apply docs/token-review.yaml"
            return ops.ActiveStatus(f"Tokens of service accounts are refused, they cannot be reviewed: {trust}")
        return ops.ActiveStatus()

    def _log(self) -> str:
        return f"see juju debug-log --include {self.unit.name}"

    def _reconcile(self) -> None:
        if self.unit.is_leader() and self._state.ready and not self._state.read():
            self._state.write(keys.write(keys.make(int(time.time()), client_secret=inputs.take_over(self))))
        known = inputs.read(self, self._state)
        self.unit.set_ports(gatekeeper.PORT, gatekeeper.MANAGEMENT_PORT)
        metrics.tell(self, self.model.relations[relations.METRICS], port=gatekeeper.MANAGEMENT_PORT)
        observing.tell(self, self._container)
        offers.write_unit(self)
        if self._container.can_connect():
            pebble.write(self._container, [gatekeeper.watched(known.peers, known.revoked)])
        if known.options is None:
            return
        if self.unit.is_leader():
            offers.write(self, known.options, known)
        self._serve(known.options, known)

    def _serve(self, options: config.Config, known: inputs.Inputs) -> None:
        """Bring the service to its configuration.

        While the provider or the public URL is missing, the last configuration goes on: sessions carry our own
        signature, so that those who are logged in stay so, and a login ends where its provider ended: the gatekeeper
        answers 503 when the provider is gone, and the provider refuses a client that it no longer knows. A container
        that never had a configuration runs nothing, and the gateway lets nobody in.
        """
        provider = known.reading.provider
        if not (self._container.can_connect() and provider and known.public_url and known.keys):
            return
        state = gatekeeper.configure(
            gatekeeper.Gatekeeper(
                options=options,
                public_url=known.public_url,
                provider=provider,
                keys=known.keys,
                store=known.redis,
                reception=known.reception,
                authorities=known.authorities.pem,
                device_flow=known.reading.device_flow,
            )
        )
        refusal = self._rollout.bring(state, gatekeeper.rehearsal(state))
        self._refusal = " ".join(refusal.split())[:300] if refusal else None

    @property
    def options(self) -> config.Config:
        """Return the options, or the defaults while one of them is wrong."""
        return inputs.options(self)[0] or config.Config()

    @property
    def public_url(self) -> str:
        """Return where browsers reach the gateway, empty while it is not known."""
        return inputs.read(self, self._state).public_url

    def change_keys(self, change: actions.Change) -> bool:
        """Replace the application's secrets and bring everything to them; return whether there were any."""
        current = keys.read(self._state.read())
        if current is None:
            return False
        self._state.write(keys.write(change(current)))
        self._reconcile()
        return True

    def revoke(self, user: str) -> bool:
        """End a person's sessions; return whether that could be kept."""
        peers = self.model.get_relation(inputs.PEERS)
        if peers is None:
            return False
        bag = peers.data[self.app]
        bag.update(revoked.write(revoked.add(revoked.read(bag), user, int(time.time()))))
        self._reconcile()
        return True


if __name__ == "__main__":
    ops.main(GatekeeperCharm)
