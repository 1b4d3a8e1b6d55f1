# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The unit's own volume, on which Dex keeps its state where there is no database."""

import ops
import storage


def obstacle(container: ops.Container, *, attached: bool) -> str:
    """Make a file on the volume that nobody but Dex can read, and return what is in the way, if anything is.

    Args:
        container: where Juju mounts the volume; it answers.
        attached: whether Juju knows a volume of this unit.
    """
    # An application that was deployed before there were volumes keeps its pods as they are.
    if not attached or not container.exists(storage.VOLUME):
        return "this unit has no volume"
    try:
        container.make_dir(storage.PRIVATE, make_parents=True, permissions=0o700)
        if not container.exists(storage.FILE):
            # SQLite takes an empty file for a new database, and gives its journal the same mode.
            container.push(storage.FILE, "", permissions=0o600)
    except ops.pebble.PathError as error:
        return f"its volume cannot be written: {error.message[:200]}"
    return ""
