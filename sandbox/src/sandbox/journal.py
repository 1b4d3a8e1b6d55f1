# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The debug log: lines as `juju debug-log` prints them, and no secret in any of them."""

import collections.abc
import contextlib
import re
import threading
import time
import typing

from sandbox import world

_HIDDEN = "******"
# Options that hold a secret though Juju has no such type: whatever a charm logs of them is hidden.
_SECRET_OPTION = re.compile(r"password|secret|token|private-key")
# Shorter words occur everywhere.
_SHORTEST = 6


class Journal:
    """Writes the debug log."""

    def __init__(self, stream: typing.TextIO) -> None:
        """Write to a stream, and close it in the end."""
        self._stream = stream
        self._lock = threading.Lock()
        self._world: world.World | None = None

    def hide_secrets_of(self, truth: world.World) -> None:
        """Hide from now on what a world keeps secret."""
        self._world = truth

    def write(self, entity: str, level: str, text: str) -> None:
        """Write the lines of a text."""
        stamp = time.strftime("%H:%M:%S")
        lines = [f"{entity}: {stamp} {level} {line}\n" for line in self.hide(text).splitlines() or [""]]
        # A full disk or the end of the sandbox must not stop whoever has something to log.
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._stream.write("".join(lines))

    def hide(self, text: str) -> str:
        """Return a text without secrets."""
        if self._world is None:
            return text
        for word in sorted(_secrets(self._world), key=len, reverse=True):
            text = text.replace(word, _HIDDEN)
        return text

    def close(self) -> None:
        """Write nothing more."""
        # Closing writes what a full disk has not taken yet, and would fail again.
        with self._lock, contextlib.suppress(OSError):
            self._stream.close()


def _secrets(truth: world.World) -> set[str]:
    with truth.lock:
        values = [
            value
            for found in truth.secrets.values()
            for content in found.revisions.values()
            for value in content.values()
        ]
        values += [
            str(value)
            for app in truth.apps.values()
            for name, value in app.options.items()
            if _SECRET_OPTION.search(name)
        ]
    return {word for value in values for word in _words(value) if len(word) >= _SHORTEST}


def _words(value: str) -> collections.abc.Iterator[str]:
    """Yield a secret, and the lines of one that has several: some logs show them one by one."""
    yield value
    lines = value.splitlines()
    if len(lines) > 1:
        # The first and last line of a PEM text tell nothing.
        yield from (line.strip() for line in lines if not line.startswith("-----"))
