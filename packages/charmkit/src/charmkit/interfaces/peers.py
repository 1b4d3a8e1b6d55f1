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


def read(bag: collections.abc.Mapping[str, str]) -> Peers:
    """Return what the leader wrote."""
    revision = bag.get("secret-revision", "0")
    return Peers(secret_id=bag.get("secret-id", ""), revision=int(revision) if revision.isdecimal() else 0)


def write(*, secret_id: str, revision: int) -> dict[str, str]:
    """Return the databag entries of the leader."""
    return {"secret-id": secret_id, "secret-revision": str(revision)}
