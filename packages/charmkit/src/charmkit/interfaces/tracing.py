# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Interface `tracing` of the Canonical Observability Stack, v2: where a charm's own traces go."""

import collections.abc
import json
import typing

from charmkit import urls
from charmkit.interfaces import sdi

# OpenTelemetry's protocol over HTTP, which is what ops speaks.
PROTOCOL = "otlp_http"


def write() -> dict[str, str]:
    """Return the application databag of the side that has traces."""
    return {"receivers": json.dumps([PROTOCOL])}


def read(bag: collections.abc.Mapping[str, str]) -> str:
    """Return the base URL that takes traces, empty while the other side has not said so.

    Raises:
        sdi.InterfaceError: it wrote what the interface does not allow.
    """
    if not bag.get("receivers"):
        return ""
    try:
        receivers: object = json.loads(bag["receivers"])
        for receiver in typing.cast("list[dict[str, typing.Any]]", receivers):
            if receiver["protocol"]["name"] == PROTOCOL:
                url = str(receiver["url"])
                urls.split("url", url, "it is like http://tempo:4318")
                return url.rstrip("/")
    except (TypeError, KeyError, RecursionError):
        raise sdi.InterfaceError("receivers must be a JSON list, each with a protocol and a url") from None
    except ValueError as error:
        raise sdi.InterfaceError(f"receivers: {error}") from None
    return ""
