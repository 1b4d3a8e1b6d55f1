# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Takes over what the dex-auth charm of Charmed Kubeflow (to track 2.41) kept in its stored state, where it can."""

import collections.abc
import dataclasses
import logging
import typing

import bcrypt
import credentials
import ops
from ops import storage

logger = logging.getLogger(__name__)
Found = collections.abc.Mapping[str, typing.Any]
# That charm's class, and the attribute that it kept things in.
_OWNER = ops.Handle(None, "Operator", None)
_KIND = ops.StoredStateData.handle_kind
_KEY = "state"


def find(framework: ops.Framework) -> Found:
    """Return what the other charm stored in this unit; nothing when the pod is a new one."""
    framework.register_type(ops.StoredStateData, _OWNER, _KIND)
    try:
        stored = framework.load_snapshot(ops.Handle(_OWNER, _KIND, _KEY))
    except storage.NoSnapshotError:
        return {}
    return typing.cast("ops.StoredStateData", stored).snapshot()


def adopt(kept: credentials.Credentials, found: Found) -> credentials.Credentials:
    """Return the static login with what could be read of the other charm's; the very hash, so that nothing changes.

    Once this charm remembers something, there is nothing to take over.
    """
    if kept.hash:
        return kept
    password, user_id = found.get("password"), found.get("user_id")
    if isinstance(user_id, str) and user_id:
        kept = dataclasses.replace(kept, user_id=user_id)
    if isinstance(password, str) and password:
        made = _hash(password, found.get("salt"))
        kept = dataclasses.replace(kept, password=password, generated=password, hash=made)
    return kept


def tell(kept: credentials.Credentials, found: Found) -> None:
    """Log what an upgrade could not take over, if there was anything to."""
    if kept.hash:
        return
    parts = {"user id": "user_id", "password": "password", "salt": "salt"}
    missing = [name for name, key in parts.items() if not found.get(key)]
    if missing:
        logger.warning("cannot read the former charm's %s: see get-credentials for the new ones", ", ".join(missing))
    if found.get("username"):
        logger.warning("the former charm's user was %r: juju config static-username keeps it", found["username"])


def _hash(password: str, salt: object) -> str:
    text = salt.decode(errors="replace") if isinstance(salt, bytes) else salt
    if not isinstance(text, str):
        return ""
    try:
        return bcrypt.hashpw(password.encode(), text.encode()).decode()
    except ValueError:
        return ""
