# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Interface `first_login`, ours: where people go right after their login, before the page that they asked for.

The side that receives them writes `path`; the side that logs people in sends them to `<path>?next=<page asked for>`.
"""

import collections.abc
import re

from charmkit.interfaces import sdi

_PATH = re.compile(r"(/[A-Za-z0-9_~-]+)+")
_LONGEST = 200


def write(*, path: str) -> dict[str, str]:
    """Return the application databag of the side that receives people."""
    return {"path": path}


def read(bag: collections.abc.Mapping[str, str]) -> str:
    """Return the path, empty while there is none.

    Raises:
        sdi.InterfaceError: it is no plain path of this origin.
    """
    path = bag.get("path", "")
    if path and (len(path) > _LONGEST or not _PATH.fullmatch(path)):
        raise sdi.InterfaceError(f"path must be like /reception, not {path[:50]!r}")
    return path
