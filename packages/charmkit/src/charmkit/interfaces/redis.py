# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Interface `redis` of redis-k8s, v0: where a Redis is.

Every unit writes `hostname` and `port`; the application writes `leader-host`, the unit that takes writes, if it knows.
"""

import collections.abc
import dataclasses

_DEFAULT_PORT = 6379


@dataclasses.dataclass(frozen=True, kw_only=True)
class Redis:
    """A Redis that takes writes."""

    host: str
    port: int = _DEFAULT_PORT


def read(
    bag: collections.abc.Mapping[str, str], units: collections.abc.Iterable[collections.abc.Mapping[str, str]]
) -> Redis | None:
    """Return the Redis of an application's databag and those of its units, or None while it has not said."""
    known = [unit for unit in units if unit.get("hostname")]
    host = bag.get("leader-host") or (known[0]["hostname"] if known else "")
    port = next((unit.get("port", "") for unit in known), "")
    number = int(port) if port.isascii() and port.isdecimal() and len(port) < 6 else _DEFAULT_PORT
    return Redis(host=host, port=number) if host else None
