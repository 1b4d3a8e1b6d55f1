# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The Juju secret through which OpenID Connect providers read the client secret; the leader's to write."""

import collections.abc

import ops

LABEL = "client-secret"
# The same word by agreement: providers look for this key.
_KEY = LABEL


def publish(charm: ops.CharmBase, value: str, relations: collections.abc.Iterable[ops.Relation]) -> str:
    """Let the related applications read the value, and return the id of the Juju secret that holds it."""
    secret = _hold(charm, {_KEY: value})
    for relation in relations:
        secret.grant(relation)
    return secret.id or secret.get_info().id


def _hold(charm: ops.CharmBase, content: dict[str, str]) -> ops.Secret:
    try:
        secret = charm.model.get_secret(label=LABEL)
    except ops.SecretNotFoundError:
        return charm.app.add_secret(content, label=LABEL, rotate=ops.SecretRotate.YEARLY)
    # Not a peek: an owner that tracked an old revision would keep it alive for ever.
    if secret.get_content(refresh=True) != content:
        secret.set_content(content)
    return secret
