# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What is written for related applications: most of it by the leader."""

import client_secret
import config
import gatekeeper
import inputs
import keys
import ops
import relations
from charmkit import mesh
from charmkit.interfaces import forward_auth, ingress, ingress_auth, istio_ingress_route, oidc_client


def write_unit(charm: ops.CharmBase) -> None:
    """Tell the leader what this unit understands."""
    for peers in charm.model.relations[inputs.PEERS]:
        peers.data[charm.unit].update(ingress_auth.write_http2())


def _understands_http2(charm: ops.CharmBase, relation: ops.Relation) -> bool:
    """Return whether every unit does.

    Units are refreshed one after the other. Once all are, no unit that is new is behind them, and what was said stays:
    a gateway that changes how it asks loses what it asks just then.
    """
    bags = [peers.data[unit] for peers in charm.model.relations[inputs.PEERS] for unit in peers.units]
    return ingress_auth.read_http2(relation.data[charm.app]) or all(map(ingress_auth.read_http2, bags))


def write(charm: ops.CharmBase, options: config.Config, known: inputs.Inputs) -> None:
    """Present the gatekeeper to gateways and to the OpenID Connect provider."""
    for relation in charm.model.relations[relations.INGRESS]:
        relation.data[charm.app].update(ingress.write_request(gatekeeper.ingress_request(charm.app.name)))
    # Without a policy the mesh lets everybody ask the gatekeeper, which knows by itself whom to believe.
    mesh.tell(charm)
    for relation in charm.model.relations[relations.ROUTE]:
        relation.data[charm.app].update(istio_ingress_route.write(gatekeeper.route(charm.app.name, charm.model.name)))
    for relation in charm.model.relations[relations.AUTH]:
        http2 = _understands_http2(charm, relation)
        found = gatekeeper.authorizer(charm.app.name, options, known.keys, http2=http2)
        relation.data[charm.app].update(ingress_auth.write(found))
    headers = tuple(name for name in options.headers.values() if name)
    host = f"{charm.app.name}.{charm.model.name}.svc.cluster.local"
    for relation in charm.model.relations[relations.FORWARD]:
        # The path is for those that name the request in headers (Traefik); Istio asks about the request's own path.
        url = f"http://{host}:{gatekeeper.PORT}{gatekeeper.FORWARD}"
        relation.data[charm.app].update(forward_auth.write(url=url, headers=headers))
    if known.keys is not None:
        _present_client(charm, options, known.public_url, known.keys)


def _present_client(charm: ops.CharmBase, options: config.Config, public_url: str, known: keys.Keys) -> None:
    clients = charm.model.relations[relations.CLIENT]
    if not clients:
        return
    secret_id = client_secret.publish(charm, known.client_secret, clients)
    for relation in clients:
        # In plain text only for a provider that has spoken, and has not said that it can read secrets.
        plain = oidc_client.takes_secrets(relation.data[relation.app]) is False
        secret = known.client_secret if plain else ""
        client = gatekeeper.client(options, public_url=public_url, secret=secret, secret_id=secret_id)
        # An empty value takes back what an option asked for before.
        relation.data[charm.app].update({oidc_client.DEVICE: "", **oidc_client.write_client(client)})
