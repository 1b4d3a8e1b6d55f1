# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Reads which certificate authorities an application shall trust beside those of its system."""

import dataclasses

import ops

from charmkit.interfaces import certificate_transfer, sdi

ENDPOINT = "receive-ca-cert"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Authorities:
    """What all related applications say.

    Attributes:
        pem: their certificates, one after the other, empty for none.
        complaints: which application sent what it must not, for a status.
    """

    pem: str = ""
    complaints: tuple[str, ...] = ()


def read(charm: ops.CharmBase) -> Authorities:
    """Return whom to trust; whoever's relation is being removed is not in the model any more.

    The leader tells the other side that it may speak the newer version of the interface.
    """
    found: set[str] = set()
    complaints: list[str] = []
    for relation in charm.model.relations[ENDPOINT]:
        if charm.unit.is_leader():
            relation.data[charm.app].update(certificate_transfer.write())
        units = [relation.data[unit] for unit in sorted(relation.units, key=lambda unit: unit.name)]
        try:
            found.update(certificate_transfer.read(relation.data[relation.app], units))
        except sdi.InterfaceError as error:
            complaints.append(f"{ENDPOINT}: {relation.app.name} sent what it must not: {error}")
    return Authorities(pem="".join(f"{block}\n" for block in sorted(found)), complaints=tuple(complaints))
