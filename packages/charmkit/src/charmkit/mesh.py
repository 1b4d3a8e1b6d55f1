# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Tells Istio's mesh which related applications connect to this one, so that it closes it to all others."""

import collections.abc

import ops

from charmkit.interfaces import service_mesh

MESH, OWN, OTHERS = "service-mesh", "require-cmr-mesh", "provide-cmr-mesh"
ENDPOINTS = (MESH, OWN, OTHERS)


def tell(
    charm: ops.CharmBase, *, service: collections.abc.Sequence[str] = (), units: collections.abc.Sequence[str] = ()
) -> None:
    """Write what the leader has to say.

    Args:
        charm: the application that is connected to.
        service: endpoints whose other sides connect to its service.
        units: endpoints whose other sides connect to its units directly.
    """
    relations = charm.model.relations
    own = service_mesh.Application(name=charm.app.name, model=charm.model.name)
    # An application of another model has another name here than there.
    others = {one.app.name: service_mesh.read_other(one.data[one.app]) for one in relations[OTHERS]}
    policies: list[service_mesh.Policy] = []
    for endpoint in (*service, *units):
        for relation in relations[endpoint]:
            near = service_mesh.Application(name=relation.app.name, model=own.model)
            source = others.get(relation.app.name, near)
            if source:
                policies.append(service_mesh.Policy(source=source, target=own, units=endpoint in units))
    for name, bag in ((MESH, service_mesh.write(dict.fromkeys(policies))), (OWN, service_mesh.write_other(own))):
        for relation in relations[name]:
            relation.data[charm.app].update(bag)
