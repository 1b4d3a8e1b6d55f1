#!/usr/bin/env python3
# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The charm of Dex: reads options, relations and secrets, has the pure modules decide, and applies what they say."""

import accounts
import adoption
import alerts
import bags
import checking
import config
import credentials
import dex
import issuer
import logins
import ops
import reading
import relations
import saying
import serving
import storage
import volume
from charmkit import beginning, mesh, metrics, observing, secrets


class DexCharm(ops.CharmBase):
    """Runs Dex: on every unit where they share a database, else on the leader's volume."""

    def __init__(self, framework: ops.Framework) -> None:
        super().__init__(framework)
        self._container = self.unit.get_container("dex")
        self._beginning = beginning.Beginning(self)
        self._state = secrets.StateSecret(self)
        self._dex = serving.Serving(self._container)
        self._accounts = accounts.Accounts(self, known=self._known, apply=self._reconcile)
        self._checking = checking.Checking(self)
        # What is to be said of this run; None until there was one.
        self._said: saying.Saying | None = None
        events = [
            self.on.config_changed,
            self.on.leader_elected,
            self.on.secret_changed,
            self.on.dex_pebble_ready,
        ]
        # tools/pack leaves it out for an application that was deployed without.
        if "state" in self.meta.storages:
            events.append(self.on.state_storage_attached)
        for endpoint in reading.ENDPOINTS:
            on = self.on[endpoint]
            events += [on.relation_created, on.relation_changed, on.relation_broken]
        for event in events:
            framework.observe(event, self._on_reconcile)
        framework.observe(self.on.upgrade_charm, self._on_upgrade_charm)
        framework.observe(self.on.update_status, self._on_update_status)
        framework.observe(self.on.dex_pebble_check_failed, self._on_check_changed)
        framework.observe(self.on.dex_pebble_check_recovered, self._on_check_changed)
        framework.observe(self.on.collect_unit_status, self._on_collect_unit_status)

    def _on_reconcile(self, _: ops.EventBase) -> None:
        self._reconcile()

    def _on_upgrade_charm(self, _: ops.UpgradeCharmEvent) -> None:
        adoption.tell(credentials.load(self._state.read()), adoption.find(self.framework))
        self._reconcile()

    def _on_update_status(self, _: ops.UpdateStatusEvent) -> None:
        if self._container.can_connect():
            self._dex.doubt()
        self._reconcile()

    def _on_check_changed(self, event: ops.PebbleCheckEvent) -> None:
        if self._container.can_connect():
            self._dex.check_changed(event.info.name, failed=isinstance(event, ops.PebbleCheckFailedEvent))
        self._reconcile()

    def _on_collect_unit_status(self, event: ops.CollectStatusEvent) -> None:
        if self._said is None:
            self._reconcile()
        assert self._said is not None
        for status in (self._beginning.status,) if self._beginning.status else self._said.statuses:
            event.add_status(status)

    def _reconcile(self) -> None:
        """Read everything, decide once, write everything; doing it twice changes nothing."""
        self._said = said = saying.Saying()
        kept, settings = self._known()
        said.problems(settings.problems)
        self.unit.set_ports(settings.port)
        found = self.model.relations["metrics-endpoint"]
        metrics.tell(self, found, port=dex.TELEMETRY_PORT, alerts=alerts.ALERTS)
        trusted = observing.tell(self, self._container)
        said.blocked(*trusted.complaints)
        url = self._issuer(settings, said)
        if self.unit.is_leader():
            self._tell(settings, url)
            kept = self._renew(kept, settings)
        if not self._container.can_connect():
            said.waiting("waiting for the container dex")
        else:
            store = self._storage()
            said.blocked(store.problem)
            said.waiting(store.waiting)
            if store.pending:
                self._dex.hold()
            elif store.database is None and not self.unit.is_leader():
                command = f"juju integrate {self.app.name}:database postgresql-k8s"
                self._dex.stand_by()
                said.waiting(f"standby: without a database one unit serves: {command}")
            elif not url:
                self._dex.hold()
                said.waiting("waiting for the gateway to tell its URL over ingress")
            elif kept.hash:
                self._serve(settings, kept, url, store, trusted.pem, said)
                said.warn(store.warning)
        said.warn(*settings.warnings)
        said.add(ops.ActiveStatus())

    def _known(self) -> tuple[credentials.Credentials, config.Settings]:
        kept = credentials.load(self._state.read())
        texts = (str(self.config.get("connectors", "")), str(self.config.get("static-password", "")))
        return kept, config.read(self.config, kept.options, reading.facts(self.model, self._container, *texts))

    def _storage(self) -> storage.Storage:
        obstacle = volume.obstacle(self._container, attached=bool(self.model.storages.get("state")))
        return storage.decide(reading.offered(self.model), obstacle=obstacle, app=self.app.name)

    def _renew(self, kept: credentials.Credentials, settings: config.Settings) -> credentials.Credentials:
        if not self._state.ready:
            return kept
        kept = adoption.adopt(kept, adoption.find(self.framework))
        renewed = credentials.renew(kept, settings.static.password if settings.static else kept.password, settings.cost)
        if kept.hash and renewed.password != kept.password:
            accounts.audit(renewed.user_id, "password of the static user changed")
        self._state.write(credentials.dump(renewed))
        return renewed

    def _serve(
        self,
        settings: config.Settings,
        kept: credentials.Credentials,
        url: str,
        store: storage.Storage,
        authorities: str,
        said: saying.Saying,
    ) -> None:
        decided = config.for_issuer(settings, kept.options, url)
        said.problems(decided.problems)
        known = self._accounts.read()
        people = logins.people(settings, kept, known)
        if not people and not decided.found.entries:
            command = f"juju config {self.app.name} connectors=@connectors.yaml"
            self._dex.stand_by()
            said.blocked(f"nobody can log in, static login is disabled and there is no connector: {command}")
            return
        clients = relations.read(reading.presented(self.model), app=self.app.name, issuer=url)
        said.blocked(*clients.blocked)
        said.waiting(*clients.waiting)
        said.warn(*clients.warnings)
        inputs = dex.Inputs(
            issuer=url,
            port=settings.port,
            clients=clients.clients,
            users=people,
            tuned=settings.tuning,
            connectors=decided.found.entries,
            database=store.database,
            volume=store.volume,
            authorities=authorities,
            secrets=decided.found.secrets,
        )
        outcome = self._dex.bring(inputs, decided.good.entries)
        if outcome.accepted and self.unit.is_leader():
            self._state.write(credentials.dump(credentials.accept(kept, decided.accepted)))
        said.problems(outcome.problems)
        said.warn(*outcome.warnings, *logins.warnings(settings, known))
        if progress := self._dex.progress():
            said.add(ops.MaintenanceStatus(progress))

    def _issuer(self, settings: config.Settings, said: saying.Saying) -> str:
        """Return the issuer URL, empty while it cannot be known."""
        gateways = reading.gateways(self.model)
        decided = issuer.decide(settings.issuer, gateways, internal=self._internal(settings), app=self.app.name)
        said.blocked(decided.problem)
        said.warn(decided.warning)
        return decided.url

    def _internal(self, settings: config.Settings) -> str:
        return f"http://{self.app.name}.{self.model.name}.svc.cluster.local:{settings.port}/dex"

    def _tell(self, settings: config.Settings, url: str) -> None:
        internal = self._internal(settings)
        written = bags.write(metrics.topology(self), port=settings.port, url=url, internal=internal)
        for endpoint, bag in written.items():
            for relation in self.model.relations[endpoint]:
                relation.data[self.app].update(bag)
        mesh.tell(self, service=("ingress", "oidc-client", "dex-oidc-config"), units=("metrics-endpoint",))


if __name__ == "__main__":
    ops.main(DexCharm)
