# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Interface `dex-oidc-config` of Charmed Kubeflow: which OpenID Connect provider to trust.

`issuer-url` is the old, raw key. `internal-url` is ours: the same provider at its address in the cluster, for requests
that do not pass through a browser.
"""

import collections.abc
import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class Provider:
    """An OpenID Connect provider, at its public issuer URL and at its address in the cluster."""

    issuer_url: str
    internal_url: str = ""


def write(provider: Provider) -> dict[str, str]:
    """Return the application databag of the provider."""
    return {"issuer-url": provider.issuer_url, "internal-url": provider.internal_url}


def read(bag: collections.abc.Mapping[str, str]) -> Provider | None:
    """Return the provider, or None while it has not presented itself."""
    if not bag.get("issuer-url"):
        return None
    return Provider(issuer_url=bag["issuer-url"], internal_url=bag.get("internal-url", ""))
