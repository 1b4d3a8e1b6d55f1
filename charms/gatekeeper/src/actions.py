# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The charm's actions, and what Juju asks for in their place when a secret is due."""

import collections.abc
import dataclasses
import time
import typing

import client_secret
import config
import keys
import ops

Change = collections.abc.Callable[[keys.Keys], keys.Keys]


_LONGEST_USER = 320


@dataclasses.dataclass(frozen=True, kw_only=True)
class User:
    """Whom an action is about."""

    user: str


class Keeper(typing.Protocol):
    """Keeps the application's secrets."""

    @property
    def options(self) -> config.Config:
        """Return the options, or the defaults while one of them is wrong."""
        ...

    def change_keys(self, change: Change) -> bool:
        """Replace the secrets and bring everything to them; return whether there were any."""
        ...

    def revoke(self, user: str) -> bool:
        """End a person's sessions; return whether that could be kept."""
        ...


class Actions(ops.Object):
    """Observes actions and secrets that are due."""

    def __init__(self, charm: ops.CharmBase, keeper: Keeper) -> None:
        super().__init__(charm, "actions")
        self._charm = charm
        self._keeper = keeper
        framework, on = self.framework, charm.on
        framework.observe(on.secret_rotate, self._on_secret_rotate)
        framework.observe(on.secret_remove, self._on_secret_remove)
        framework.observe(on.rotate_client_secret_action, self._on_rotate_client_secret)
        framework.observe(on.rotate_keys_action, self._on_rotate_keys)
        framework.observe(on.revoke_sessions_action, self._on_revoke_sessions)

    def _on_secret_rotate(self, event: ops.SecretRotateEvent) -> None:
        if event.secret.label == client_secret.LABEL:
            self._keeper.change_keys(keys.rotate_client_secret)
        else:
            self._keeper.change_keys(self._rotated)

    def _on_secret_remove(self, event: ops.SecretRemoveEvent) -> None:
        event.remove_revision()

    def _on_rotate_client_secret(self, event: ops.ActionEvent) -> None:
        self._change(event, "rotate-client-secret", keys.rotate_client_secret, "the client secret was replaced")

    def _on_rotate_keys(self, event: ops.ActionEvent) -> None:
        self._change(event, "rotate-keys", self._rotated, "the next keys are in use; nobody was logged out")

    def _on_revoke_sessions(self, event: ops.ActionEvent) -> None:
        user = event.load_params(User).user
        if not self._leads(event, f"revoke-sessions user={user}"):
            return
        if not user.strip() or len(user) > _LONGEST_USER:
            event.fail(f"user: {user[:50]!r} is not a user id, run revoke-sessions user=user@example.com")
        elif not self._keeper.revoke(user):
            event.fail(f"the peer relation is not there yet: see juju status {self._charm.app.name}")
        else:
            event.set_results({"result": f"ended what {user} has begun until now"})

    def _rotated(self, known: keys.Keys) -> keys.Keys:
        options = self._keeper.options
        signed, sealed = options.session_lifetime, options.refresh_idle_lifetime
        return keys.rotate(known, int(time.time()), signed=signed, sealed=sealed)

    def _change(self, event: ops.ActionEvent, name: str, change: Change, result: str) -> None:
        if not self._leads(event, name):
            return
        if self._keeper.change_keys(change):
            event.set_results({"result": result})
        else:
            event.fail(f"there is no secret yet: see juju status {self._charm.app.name}")

    def _leads(self, event: ops.ActionEvent, words: str) -> bool:
        if not self._charm.unit.is_leader():
            event.fail(f"only the leader can: run juju run {self._charm.app.name}/leader {words}")
            return False
        return True
