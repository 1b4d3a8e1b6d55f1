# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The peer databag of our own charms: where the application's secret is, and which revision of it is newest."""

import collections.abc
import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class Peers:
    """What the leader tells its peers."""

    secret_id: str = ""
    revision: int = 0


def read(bag: collections.abc.Mapping[str, str], *, name: str = "") -> Peers:
    """Return what the leader wrote, of the application's only secret or of the one with a name."""
    revision = bag.get(_key(name, "secret-revision"), "0")
    return Peers(secret_id=bag.get(_key(name, "secret-id"), ""), revision=int(revision) if revision.isdecimal() else 0)


def write(*, secret_id: str, revision: int, name: str = "") -> dict[str, str]:
    """Return the databag entries of the leader."""
    return {_key(name, "secret-id"): secret_id, _key(name, "secret-revision"): str(revision)}


def _key(name: str, key: str) -> str:
    return f"{name}-{key}" if name else key
