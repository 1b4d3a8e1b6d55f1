# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""An application's own secret, found and followed by every unit through the peer relation."""

import collections.abc

import ops

from charmkit.interfaces import peers


class StateSecret:
    """What an application must remember and keep secret: written by the leader, read by every unit.

    The secret's id and a revision number travel in the peer application databag: the number changes with the content,
    so that the other units hear of it at once.
    """

    def __init__(
        self,
        charm: ops.CharmBase,
        *,
        endpoint: str = "peers",
        label: str = "state",
        name: str = "",
        rotate: ops.SecretRotate = ops.SecretRotate.NEVER,
    ) -> None:
        """Remember whose secret it is; nothing is read or written yet.

        Args:
            charm: the charm of the application that owns it.
            endpoint: the peer relation.
            label: what Juju calls it.
            name: what the databag calls it, for one beside others.
            rotate: how often Juju shall ask for another.
        """
        self._name = name
        self._rotate = rotate
        self._charm = charm
        self._endpoint = endpoint
        self._label = label
        self._rotate = rotate

    def read(self) -> dict[str, str]:
        """Return the newest content, or an empty mapping while the leader has not written any."""
        secret = self._find()
        return dict(secret.get_content(refresh=True)) if secret else {}

    def write(self, content: collections.abc.Mapping[str, str]) -> None:
        """Store the content if it differs; only the leader may, and only once the peer relation exists."""
        relation = self._charm.model.get_relation(self._endpoint)
        if relation is None:
            return
        secret = self._find()
        if secret is None:
            secret = self._charm.app.add_secret(dict(content), label=self._label, rotate=self._rotate)
        elif secret.peek_content() != content:
            secret.set_content(dict(content))
        else:
            return
        bag = relation.data[self._charm.app]
        bag.update(
            peers.write(
                secret_id=secret.id or "", revision=peers.read(bag, name=self._name).revision + 1, name=self._name
            )
        )

    @property
    def ready(self) -> bool:
        """Return whether the peer relation exists, without which nothing can be kept."""
        return self._charm.model.get_relation(self._endpoint) is not None

    def _find(self) -> ops.Secret | None:
        relation = self._charm.model.get_relation(self._endpoint)
        known = peers.read(relation.data[self._charm.app], name=self._name) if relation else peers.Peers()
        if not known.secret_id:
            return None
        return self._charm.model.get_secret(id=known.secret_id)
