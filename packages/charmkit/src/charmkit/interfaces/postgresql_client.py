# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Interface `postgresql_client` of Canonical's data platform, v0: an application asks for a PostgreSQL database.

The provider puts user, password and certificates into Juju secrets, whose ids it tells; one that knows no secrets
writes them into its databag.
"""

import collections.abc
import dataclasses
import json

from charmkit.interfaces import data_platform, sdi

secret_ids = data_platform.secret_ids


@dataclasses.dataclass(frozen=True, kw_only=True)
class Database:
    """A database, and who may use it.

    Attributes:
        host: its primary's.
        port: that server's port.
        name: of the database.
        user: whose it is.
        password: that user's.
        tls: whether the server speaks TLS.
        ca: the certificate authority of its certificate, in PEM, when it tells one.
    """

    host: str
    port: int
    name: str
    user: str
    password: str = dataclasses.field(repr=False)
    tls: bool = False
    ca: str = ""


def write_request(name: str) -> dict[str, str]:
    """Return the application databag of the side that asks for a database with a name."""
    secrets = ["username", "password", "tls", "tls-ca", "uris"]
    return {"database": name, "requested-secrets": json.dumps(secrets)}


def read(
    bag: collections.abc.Mapping[str, str], secrets: collections.abc.Mapping[str, data_platform.Secret], *, name: str
) -> Database | None:
    """Return the database, or None while the provider has not made it.

    Args:
        bag: the provider's application databag.
        secrets: the content of the secrets that `secret_ids` names, None for one that cannot be read.
        name: what was asked for, where the provider does not repeat it.

    Raises:
        sdi.InterfaceError: the provider wrote what the interface does not allow.
    """
    content = data_platform.content(bag, secrets)
    endpoint = bag.get("endpoints", "").split(",")[0].strip()
    if not endpoint or not content.get("username") or not content.get("password"):
        return None
    host, separator, port = endpoint.rpartition(":")
    if not separator:
        host, port = endpoint, "5432"
    return Database(
        host=host.strip("[]"),
        port=sdi.port({"port": port}),
        name=bag.get("database") or name,
        user=content["username"],
        password=content["password"],
        tls=data_platform.speaks_tls(content),
        ca=content.get("tls-ca", ""),
    )
