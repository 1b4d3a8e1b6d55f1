# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The other interface `ingress`, that of Traefik and of charm-relation-interfaces: every value is JSON of its own.

An application does not choose its path here: the gateway gives it `/<model>-<name>` and answers with the URL.
"""

import collections.abc
import json

from charmkit.interfaces import ingress, sdi

_KEYS = frozenset({"model", "name", "port"})
_LONGEST = 1000


def speaks(bag: collections.abc.Mapping[str, str]) -> bool:
    """Return whether an application databag is of this kind and not of Charmed Kubeflow's."""
    return bag.keys() >= _KEYS and "_supported_versions" not in bag


def read_request(bag: collections.abc.Mapping[str, str]) -> ingress.Request:
    """Return what an application asks for.

    Raises:
        sdi.InterfaceError: a value is not JSON or has the wrong type.
    """
    data = {key: _value(bag, key) for key in (*sorted(_KEYS), "strip-prefix", "scheme") if key in bag}
    name, model = sdi.text(data, "name"), sdi.text(data, "model")
    scheme = sdi.text(data, "scheme", "http")
    if scheme not in ("http", "h2c"):
        raise sdi.InterfaceError(f"scheme {scheme[:20]!r} is not served, only http is")
    prefix = f"/{model}-{name}"
    return ingress.Request(
        prefix=prefix,
        rewrite="/" if data.get("strip-prefix") is True else prefix,
        service=name,
        port=sdi.port(data),
        namespace=model,
        grpc=scheme == "h2c",
    )


def _value(bag: collections.abc.Mapping[str, str], key: str) -> object:
    try:
        if len(bag[key]) > _LONGEST:
            raise ValueError
        return json.loads(bag[key])
    except (ValueError, RecursionError):
        raise sdi.InterfaceError(f"{key} is not JSON") from None


def write_url(url: str) -> dict[str, str]:
    """Return the entry of the gateway that answers; an empty URL takes it back."""
    return {"ingress": json.dumps({"url": url}) if url else ""}
