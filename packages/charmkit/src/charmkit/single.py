# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The relation of an endpoint that has room for one."""

import ops


def relation(model: ops.Model, endpoint: str) -> ops.Relation | None:
    """Return the relation of an endpoint, the newest of several, None without one.

    For a moment there are two where one is removed and made again: the hook that ends the old one may come after the
    hooks that begin the new one. `ops.Model.get_relation` raises then.
    """
    found = [one for one in model.relations[endpoint] if one.active]
    return max(found, key=lambda one: one.id, default=None)
