# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What the interfaces of Canonical's data platform have in common: users and certificates stand in Juju secrets."""

import collections.abc

Secret = collections.abc.Mapping[str, str] | None


def secret_ids(bag: collections.abc.Mapping[str, str]) -> dict[str, str]:
    """Return the ids of the provider's secrets, by the part of the answer that stands there."""
    return {part: bag[f"secret-{part}"] for part in ("user", "tls") if bag.get(f"secret-{part}")}


def content(
    bag: collections.abc.Mapping[str, str], secrets: collections.abc.Mapping[str, Secret]
) -> collections.abc.Mapping[str, str]:
    """Return a databag together with what stands in its secrets, which win.

    Args:
        bag: the provider's databag.
        secrets: the content of the secrets that `secret_ids` names, None for one that cannot be read.
    """
    return {**bag, **(secrets.get("user") or {}), **(secrets.get("tls") or {})}


def speaks_tls(content: collections.abc.Mapping[str, str]) -> bool:
    """Return whether the server speaks TLS."""
    return content.get("tls", "").lower() == "true"
