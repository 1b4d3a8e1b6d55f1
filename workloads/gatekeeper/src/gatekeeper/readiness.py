# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Whether new requests should come to this process: not any more while it waits for its end."""

import time


class Readiness:
    """Tells whoever sends requests to stop doing so, before they cannot be answered any more.

    Whoever asks whether the process is alive gets a yes to the very end: to end it by force would help nobody.
    """

    def __init__(self, drain: float) -> None:
        self._drain = drain
        self._end: float | None = None

    @property
    def trouble(self) -> str:
        """Return why no requests should come, empty while they should."""
        return "" if self._end is None else "draining: this process ends"

    @property
    def drained(self) -> bool:
        """Return whether the time is over in which others may hear of it."""
        return self._end is not None and time.monotonic() >= self._end

    def leave(self) -> bool:
        """Begin to leave; return whether to do so at once, as the settings say or who said it before."""
        if self._drain <= 0 or self._end is not None:
            return True
        self._end = time.monotonic() + self._drain
        return False
