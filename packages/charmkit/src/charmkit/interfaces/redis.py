# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Interface `redis` of redis-k8s, v0: where a Redis is.

Every unit writes `hostname` and `port`, and `password` where it has one (as the charm redis does); the application
writes `leader-host`, the unit that takes writes, if it knows. One of the data platform names Juju secrets besides, with
`username`, `password`, `tls` and `tls-ca`, or writes these into its databag.
"""

import collections.abc
import dataclasses

from charmkit.interfaces import data_platform

secret_ids = data_platform.secret_ids
_DEFAULT_PORT = 6379


@dataclasses.dataclass(frozen=True, kw_only=True)
class Redis:
    """A Redis that takes writes, and how it wants to be spoken to.

    Attributes:
        host: its name or address.
        port: that server's port.
        user: as whom, empty for the user that needs no name.
        password: that user's, empty for none.
        tls: whether it speaks TLS.
        ca: the certificate authority of its certificate, in PEM, when it tells one.
    """

    host: str
    port: int = _DEFAULT_PORT
    user: str = ""
    password: str = dataclasses.field(default="", repr=False)
    tls: bool = False
    ca: str = ""


def read(
    bag: collections.abc.Mapping[str, str],
    units: collections.abc.Iterable[collections.abc.Mapping[str, str]],
    secrets: collections.abc.Mapping[str, data_platform.Secret],
) -> Redis | None:
    """Return the Redis, or None while it has not said where and how.

    Args:
        bag: the databag of the application.
        units: those of its units.
        secrets: the content of the secrets that `secret_ids` names, None for one that cannot be read.
    """
    if None in secrets.values():
        return None
    known = [unit for unit in units if unit.get("hostname")]
    first = known[0] if known else dict[str, str]()
    host = bag.get("leader-host") or first.get("hostname", "")
    port = next((unit.get("port", "") for unit in known), "")
    number = int(port) if port.isascii() and port.isdecimal() and len(port) < 6 else _DEFAULT_PORT
    if not host:
        return None
    content = data_platform.content({**first, **bag}, secrets)
    return Redis(
        host=host,
        port=number,
        user=content.get("username", ""),
        password=content.get("password", ""),
        tls=data_platform.speaks_tls(content),
        ca=content.get("tls-ca", ""),
    )
