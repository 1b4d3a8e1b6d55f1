# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Where Dex keeps signing keys, refresh tokens and half-done logins: in a database, or on the unit's volume. Pure."""

import dataclasses
import typing

from charmkit import desired
from charmkit.interfaces import postgresql_client, sdi

DATABASE = "dex"
# Beside the configuration, where any user of the image may write.
CA = "/tmp/dex/database-ca.pem"  # noqa: S108
# Where charmcraft.yaml mounts the storage.
VOLUME = "/var/lib/dex"
PRIVATE = f"{VOLUME}/private"
FILE = f"{PRIVATE}/dex.db"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Storage:
    """Where to keep things.

    Attributes:
        database: None where one unit keeps everything.
        volume: whether that unit has a volume; else it keeps things in its memory.
        waiting: what is waited for before anything can be decided.
        problem: what another application did wrong.
        warning: what works and should not stay so.
    """

    database: postgresql_client.Database | None = None
    volume: bool = False
    waiting: str = ""
    problem: str = ""
    warning: str = ""

    @property
    def pending(self) -> bool:
        """Return whether there is a database that cannot be used yet."""
        return bool(self.waiting or self.problem)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Offered:
    """What the application behind the relation says."""

    application: str
    bag: dict[str, str]
    secrets: dict[str, dict[str, str] | None] = dataclasses.field(repr=False)


def decide(offered: Offered | None, *, obstacle: str, app: str) -> Storage:
    """Return where Dex keeps things.

    Args:
        offered: the database, where one is related.
        obstacle: why the unit has no volume that can be used.
        app: this application's name, for commands.
    """
    if offered is None:
        if not obstacle:
            return Storage(volume=True)
        command = f"juju integrate {app}:database postgresql-k8s"
        return Storage(warning=f"each restart of Dex ends half-done logins, because {obstacle}: {command}")
    try:
        database = postgresql_client.read(offered.bag, offered.secrets, name=DATABASE)
    except sdi.InterfaceError as error:
        return Storage(problem=f"database: {offered.application} sent what it must not: {error}")
    if database is None:
        return Storage(waiting=f"waiting for {offered.application} to make the database")
    warning = "" if database.tls else f"database: {offered.application} speaks no TLS"
    return Storage(database=database, warning=warning)


def configuration(
    database: postgresql_client.Database | None, *, volume: bool = False, ca: str = CA
) -> dict[str, typing.Any]:
    """Return the section storage of Dex's configuration, with the path of the CA's certificate."""
    if database is None:
        return {"type": "sqlite3", "config": {"file": FILE}} if volume else {"type": "memory"}
    ssl: dict[str, str] = {"mode": "disable"}
    if database.tls:
        ssl = {"mode": "verify-full", "caFile": ca} if database.ca else {"mode": "require"}
    config = {
        "host": database.host,
        "port": database.port,
        "database": database.name,
        "user": database.user,
        "password": database.password,
        "connectionTimeout": 5,
        "ssl": ssl,
    }
    return {"type": "postgres", "config": config}


def files(database: postgresql_client.Database | None, *, ca: str = CA) -> tuple[desired.File, ...]:
    """Return what the configuration refers to."""
    return (desired.File(path=ca, text=database.ca),) if database is not None and database.ca else ()
