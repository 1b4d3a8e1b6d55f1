# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Reads from Juju all that the gateway depends on."""

import dataclasses

import assemble
import certificates
import config
import model
import ops
import relations
from charmkit import typed


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inputs:
    """All that was read.

    Attributes:
        options: None while one of them is wrong.
        complaint: what is wrong with them, or with the certificate.
        url: the public URL, empty when it is not known.
        certificate: the certificate to use.
        reading: what the related applications say.
        gateway: what shall be served; None while something is wrong with the options.
    """

    options: config.Config | None
    complaint: str
    url: str
    certificate: certificates.Found
    reading: relations.Reading
    gateway: model.Gateway | None


def read(charm: ops.CharmBase, requirer: certificates.Certificates) -> Inputs:
    """Return all that the gateway depends on."""
    chosen, complaint = options(charm)
    found = requirer.find(chosen) if chosen else certificates.Found()
    complaint = complaint or found.complaint
    url = chosen.url(address(charm), tls=found.tls is not None) if chosen else ""
    reading = relations.read(
        _related(charm),
        application=charm.app.name,
        model=charm.model.name,
        everybody_may=bool(chosen and chosen.allow_unauthenticated),
        hosts=chosen.applications_hosts if chosen else {},
        grpc=chosen.called_with_grpc if chosen else (),
    )
    gateway = None
    if chosen and not complaint:
        gateway = assemble.gateway(
            chosen,
            reading,
            name=charm.app.name,
            namespace=charm.model.name,
            url=url,
            tls=found.tls,
            scraped=bool(charm.model.relations[relations.METRICS]),
        )
    return Inputs(options=chosen, complaint=complaint, url=url, certificate=found, reading=reading, gateway=gateway)


def options(charm: ops.CharmBase) -> tuple[config.Config | None, str]:
    """Return the options, or None and what is wrong with them."""
    return typed.options(charm, config.Config)


def _related(charm: ops.CharmBase) -> list[relations.Related]:
    return [
        relations.Related(
            endpoint=endpoint,
            relation=relation.id,
            application=relation.app.name,
            bag=dict(relation.data[relation.app]),
        )
        for endpoint in relations.ENDPOINTS
        for relation in charm.model.relations[endpoint]
    ]


def address(charm: ops.CharmBase) -> str:
    """Return the address at which others reach the gateway, empty when it is not known."""
    binding = charm.model.get_binding(relations.PROTECTED)
    found = binding.network.ingress_address if binding else None
    return str(found) if found else ""


def where(charm: ops.CharmBase, found: Inputs) -> str:
    """Return the address at which this unit's gateway listens, or the URL of one elsewhere; empty when not known."""
    if found.options and found.options.target == config.CLUSTER:
        return found.options.ambassador_address.rstrip("/") or found.url
    binding = charm.model.get_binding(relations.PROTECTED)
    bound = binding.network.bind_address if binding else None
    return str(bound or "localhost")
