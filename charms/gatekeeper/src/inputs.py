# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Everything that the charm reads from Juju, read at once."""

import dataclasses
import logging

import config
import keys
import ops
import relations
import revoked
import rules
from charmkit import authorities, secrets, single, typed
from charmkit.interfaces import first_login, redis, sdi

logger = logging.getLogger(__name__)

PEERS = "peers"
_OLD_PEERS = "client-secret"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inputs:
    """All that was read.

    Attributes:
        options: None while one of them is wrong.
        complaint: what is wrong with them.
        public_url: where browsers reach the gateway, empty while it is not known.
        reading: what the related applications say.
        keys: the application's secrets; None until the leader has made them.
        peers: the addresses of the other units.
        revoked: whose sessions an operator has ended.
        redis: where a related Redis is, and how it wants to be spoken to.
        waiting: what is waited for besides what the reading says.
        reception: the path that people are sent to after their login, empty for none.
        authorities: whom to trust when the provider is asked.
    """

    options: config.Config | None
    complaint: str
    public_url: str
    reading: relations.Reading
    keys: keys.Keys | None
    peers: tuple[str, ...]
    revoked: tuple[revoked.Revoked, ...]
    redis: redis.Redis | None
    waiting: tuple[str, ...]
    reception: str
    authorities: authorities.Authorities

    @property
    def reviews(self) -> bool:
        """Return whether tokens of service accounts are to be reviewed."""
        return self.options is not None and "kubernetes" in rules.words(self.options.authenticators)


def read(charm: ops.CharmBase, state: secrets.StateSecret) -> Inputs:
    """Return what the charm was told by the operator, by related applications and by its peers."""
    chosen, complaint = options(charm)
    related = [
        relations.Related(endpoint=endpoint, application=relation.app.name, bag=dict(relation.data[relation.app]))
        for endpoint in (*relations.COUNTERPARTS, relations.ROUTE)
        for relation in charm.model.relations[endpoint]
    ]
    forwarded = bool(charm.model.relations[relations.FORWARD])
    reading = relations.read(related, application=charm.app.name, forwarded=forwarded)
    peers = charm.model.get_relation(PEERS)
    store, waiting = _redis(charm)
    return Inputs(
        options=chosen,
        complaint=complaint,
        public_url=(chosen.public_origin if chosen else "") or reading.external_url,
        reading=reading,
        keys=keys.read(state.read()),
        peers=tuple(sorted(peers.data[unit].get("ingress-address", "") for unit in peers.units)) if peers else (),
        revoked=revoked.read(peers.data[charm.app]) if peers else (),
        redis=store,
        waiting=waiting,
        reception=_reception(charm),
        authorities=authorities.read(charm),
    )


def take_over(charm: ops.CharmBase) -> str:
    """Return the client secret that an older charm left in plain text, empty without one, and take it from there."""
    peers = charm.model.get_relation(_OLD_PEERS)
    return peers.data[charm.app].pop(_OLD_PEERS, "") if peers else ""


def options(charm: ops.CharmBase) -> tuple[config.Config | None, str]:
    """Return the operator's options, or None and what is wrong with them."""
    return typed.options(charm, config.Config)


def _reception(charm: ops.CharmBase) -> str:
    relation = single.relation(charm.model, relations.RECEPTION)
    if relation is None:
        return ""
    try:
        return first_login.read(relation.data[relation.app])
    except sdi.InterfaceError as error:
        logger.warning("%s: %s", relations.RECEPTION, error)
        return ""


def _redis(charm: ops.CharmBase) -> tuple[redis.Redis | None, tuple[str, ...]]:
    """Return the related Redis, and what is waited for before it can be used."""
    relation = single.relation(charm.model, relations.REDIS)
    if relation is None:
        return None, ()
    bag = dict(relation.data[relation.app])
    contents = {part: _secret(charm, found) for part, found in redis.secret_ids(bag).items()}
    found = redis.read(bag, [relation.data[unit] for unit in relation.units], contents)
    name = relation.app.name
    waiting = f"Waiting for {name} to grant its secret over {relations.REDIS}: see juju status {name}"
    return found, (waiting,) if None in contents.values() else ()


def _secret(charm: ops.CharmBase, identifier: str) -> dict[str, str] | None:
    """Return the newest content of a secret, or None when it is not granted or not there."""
    try:
        return dict(charm.model.get_secret(id=identifier).get_content(refresh=True))
    except (ops.SecretNotFoundError, ops.ModelError):
        return None
