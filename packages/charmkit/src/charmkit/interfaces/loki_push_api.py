# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Interface `loki_push_api` of the Canonical Observability Stack: where the logs of an application go."""

import collections.abc
import json
import typing

from charmkit import urls
from charmkit.interfaces import prometheus_scrape, sdi


def write(topology: prometheus_scrape.Topology) -> dict[str, str]:
    """Return the application databag of the side that has logs."""
    return {"metadata": json.dumps(topology.metadata)}


def read_unit(bag: collections.abc.Mapping[str, str]) -> str:
    """Return where one unit of Loki takes logs, empty while it has not said so.

    Raises:
        sdi.InterfaceError: it is no URL.
    """
    if not bag.get("endpoint"):
        return ""
    try:
        found: object = json.loads(bag["endpoint"])
        url = typing.cast("dict[str, object]", found).get("url") if isinstance(found, dict) else None
        if not isinstance(url, str):
            raise ValueError("endpoint: there is no url in it")
        urls.split("endpoint", url, "it is like http://loki:3100/loki/api/v1/push")
    except ValueError as error:
        raise sdi.InterfaceError(str(error)) from None
    return url


def target(topology: prometheus_scrape.Topology, url: str) -> dict[str, object]:
    """Return the log target of Pebble that sends everything to one unit of Loki, under Juju's labels."""
    labels = {"product": "Juju", "charm": topology.charm, **topology.labels, "juju_unit": topology.unit}
    return {"override": "replace", "type": "loki", "location": url, "services": ["all"], "labels": labels}
