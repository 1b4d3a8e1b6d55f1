# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Takes secrets out of what is to be shown. Pure."""

import collections.abc
import json

_SHORTEST = 4


def hide(text: str, secrets: collections.abc.Iterable[str]) -> str:
    """Return a text without secrets, as they are and as JSON writes them; shorter words occur everywhere."""
    for secret in sorted({secret for secret in secrets if len(secret) >= _SHORTEST}, key=len, reverse=True):
        text = text.replace(secret, "******").replace(json.dumps(secret)[1:-1], "******")
    return text
