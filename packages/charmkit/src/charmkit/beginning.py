# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Tells whether a unit is still being set up, when Juju shows it its relations one after the other."""

import ops

STATUS = ops.MaintenanceStatus("Setting up")


class Beginning(ops.Object):
    """The storage-attached and install hooks, and the relation-created hooks that follow them.

    In them `relation-ids` lists what Juju has created for the unit so far, so that nobody can say yet what is not
    integrated. The unit's own status remembers that it is so: only install says it, and whatever hook comes after the
    last relation-created says something else (Juju runs config-changed and start there).
    """

    def __init__(self, charm: ops.CharmBase) -> None:
        super().__init__(charm, "beginning")
        self._charm = charm
        self._early = False
        self.framework.observe(charm.on.install, self._on_install)
        for storage in charm.meta.storages:
            self.framework.observe(charm.on[storage].storage_attached, self._on_storage_attached)
        for endpoint in charm.meta.relations:
            self.framework.observe(charm.on[endpoint].relation_created, self._on_relation_created)

    @property
    def status(self) -> ops.StatusBase | None:
        """Return what a unit says that is being set up; None when it can say more."""
        return STATUS if self._early else None

    def _on_install(self, _: ops.InstallEvent) -> None:
        self._early = True

    def _on_storage_attached(self, _: ops.StorageAttachedEvent) -> None:
        # A unit that has worked before gets further storage; before install, Juju speaks for it.
        self._early = self._charm.unit.status.name not in ("active", "blocked")

    def _on_relation_created(self, _: ops.RelationCreatedEvent) -> None:
        self._early = self._charm.unit.status == STATUS
