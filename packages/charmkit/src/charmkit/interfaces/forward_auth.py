# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Interface `forward_auth`, v0, of oauth2-proxy-k8s: where an ingress asks about requests, and what it passes on."""

import collections.abc
import json


def write(*, url: str, headers: collections.abc.Iterable[str]) -> dict[str, str]:
    """Return the application databag of the side that decides.

    No application is named: every one that the ingress protects is asked about.
    """
    return {"decisions_address": url, "app_names": json.dumps([]), "headers": json.dumps(list(headers))}
