# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Frozen values that say what a container should hold and run; made by the charms' pure modules."""

import collections.abc
import dataclasses
import hashlib
import json

Layer = collections.abc.Mapping[str, object]


@dataclasses.dataclass(frozen=True, kw_only=True)
class File:
    """A text file of a container.

    Attributes:
        path: absolute path in the container.
        text: the whole content.
        mode: permission bits; secrets stand in many of these files, so the default is 0600.
        watched: true when the running process reads the file again by itself, so that a change needs no restart.
    """

    path: str
    text: str
    mode: int = 0o600
    watched: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Desired:
    """All that a container should hold and run: its files and its Pebble layer."""

    files: tuple[File, ...]
    layer: Layer

    @property
    def digest(self) -> str:
        """Return a name for exactly this state."""
        text = json.dumps([dataclasses.asdict(file) for file in self.files] + [self.layer], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def digest(files: collections.abc.Iterable[File]) -> str:
    """Return the digest of the files that a service reads only at its start.

    It goes into the service's environment: Pebble then restarts exactly what changed, and the plan shows why.
    """
    text = json.dumps([[file.path, file.text] for file in files if not file.watched])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def service(command: str, *, environment: collections.abc.Mapping[str, str]) -> dict[str, object]:
    """Return a Pebble service that starts with its container and comes back when it dies."""
    return {
        "override": "replace",
        "startup": "enabled",
        "command": command,
        "environment": dict(environment),
        "backoff-delay": "500ms",
        "backoff-limit": "10s",
        "kill-delay": "5s",
    }


def http_check(url: str, *, level: str = "ready", period: str = "1s", threshold: int = 3) -> dict[str, object]:
    """Return a Pebble check that asks a URL; period as a Go duration, threshold in failures."""
    return {
        "override": "replace",
        "level": level,
        "period": period,
        "timeout": period,
        "threshold": threshold,
        "http": {"url": url},
    }
