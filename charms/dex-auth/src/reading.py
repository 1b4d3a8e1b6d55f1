# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Reads what Juju knows and this application may see: secrets, and what other applications say over relations.

A relation that is being removed is not in the model any more.
"""

import collections.abc
import datetime

import connectors
import issuer
import ops
import references
import relations
import serving
import storage
from charmkit import mesh, observing
from charmkit.interfaces import ingress, istio_ingress_route, postgresql_client

# Istio's gateway in the place of the one over ingress.
ROUTE = "istio-ingress-route-unauthenticated"
ENDPOINTS = (
    "ingress",
    ROUTE,
    "oidc-client",
    "dex-oidc-config",
    "database",
    "metrics-endpoint",
    "grafana-dashboard",
    "peers",
    *observing.ENDPOINTS,
    *mesh.ENDPOINTS,
)


def facts(model: ops.Model, container: ops.Container, *texts: str) -> connectors.Facts:
    """Return what connectors are judged by, with every secret that texts refer to."""
    contents = secrets(model, *texts)
    return connectors.Facts(
        version=serving.version(container),
        now=datetime.datetime.now(datetime.UTC),
        contents=contents,
        app=model.app.name,
    )


def secrets(model: ops.Model, *texts: str) -> dict[str, dict[str, str] | None]:
    """Return every secret that texts refer to, by id; None for one that cannot be read."""
    return {identifier: secret(model, f"secret:{identifier}") for identifier in references.named(*texts)}


def secret(model: ops.Model, identifier: str) -> dict[str, str] | None:
    """Return the newest content of a secret, or None when it is not granted, not granted any more, or not there."""
    try:
        return dict(model.get_secret(id=identifier).get_content(refresh=True))
    except (ops.SecretNotFoundError, ops.ModelError):
        return None


def gateways(model: ops.Model) -> collections.abc.Iterator[issuer.Gateway]:
    """Yield the gateways."""
    for endpoint, read in (("ingress", ingress.read_external_url), (ROUTE, istio_ingress_route.read_external_url)):
        for relation in model.relations[endpoint]:
            yield issuer.Gateway(application=relation.app.name, url=read(relation.data[relation.app]))


def presented(model: ops.Model) -> collections.abc.Iterator[relations.Presented]:
    """Yield what the clients say of themselves."""
    for relation in model.relations["oidc-client"]:
        bag = dict(relation.data[relation.app])
        content = secret(model, bag["secret-id"]) if bag.get("secret-id") else None
        yield relations.Presented(application=relation.app.name, bag=bag, secret=content)


def offered(model: ops.Model) -> storage.Offered | None:
    """Return what the application says that makes the database, or None when there is none."""
    for relation in model.relations["database"]:
        bag = dict(relation.data[relation.app])
        contents = {part: secret(model, found) for part, found in postgresql_client.secret_ids(bag).items()}
        return storage.Offered(application=relation.app.name, bag=bag, secrets=contents)
    return None
