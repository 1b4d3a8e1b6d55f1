# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Has Pebble send what the services of a container write to the Lokis of an endpoint."""

import collections.abc
import logging
import typing

import ops

from charmkit import metrics
from charmkit.interfaces import loki_push_api, sdi

logger = logging.getLogger(__name__)
_LABEL = "logging"
_PREFIX = "loki-"


def forward(charm: ops.CharmBase, container: ops.Container, relations: collections.abc.Iterable[ops.Relation]) -> None:
    """Send logs to every unit of Loki that is related, and to no other any more; no service is started again for it."""
    topology = metrics.topology(charm)
    wanted: dict[str, dict[str, object]] = {}
    for relation in relations:
        if charm.unit.is_leader():
            relation.data[charm.app].update(loki_push_api.write(topology))
        for unit in relation.units:
            url = _url(relation, unit)
            if url:
                name = f"{_PREFIX}{relation.id}-{unit.name.replace('/', '-')}"
                wanted[name] = loki_push_api.target(topology, url)
    known = {name: found.to_dict() for name, found in container.get_plan().log_targets.items()}
    # A layer forgets nothing: what is gone must be named, and gets no service.
    gone = {
        name: {"override": "replace", "type": "loki", "location": found.get("location", ""), "services": ["-all"]}
        for name, found in known.items()
        if name.startswith(_PREFIX) and name not in wanted
    }
    changed = {name: target for name, target in {**wanted, **gone}.items() if known.get(name) != target}
    if changed:
        layer = typing.cast("ops.pebble.LayerDict", {"log-targets": changed})
        container.add_layer(_LABEL, layer, combine=True)


def _url(relation: ops.Relation, unit: ops.Unit) -> str:
    try:
        return loki_push_api.read_unit(relation.data[unit])
    except sdi.InterfaceError as error:
        logger.warning("%s: %s sent what it must not: %s", relation.name, unit.name, error)
        return ""
