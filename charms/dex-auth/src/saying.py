# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Collects what is to be said of one run of the charm."""

import logging

import ops

logger = logging.getLogger(__name__)


class Saying:
    """The statuses of one run; ops shows the gravest, and of equally grave ones the first."""

    def __init__(self) -> None:
        self.statuses: list[ops.StatusBase] = []

    def add(self, status: ops.StatusBase) -> None:
        """Say something that is no text of an option's or application's making."""
        self.statuses.append(status)

    def problems(self, texts: tuple[str, ...]) -> None:
        """Say the first of some mistakes, because a status has one line, and log all."""
        for text in texts:
            logger.error("%s", text)
        more = f" (and {len(texts) - 1} more: juju debug-log)" if texts[1:] else ""
        self.blocked(*(text + more for text in texts[:1]))

    def blocked(self, *texts: str) -> None:
        """Say what a person must do."""
        self.statuses += [ops.BlockedStatus(text) for text in texts if text]

    def waiting(self, *texts: str) -> None:
        """Say what another application must do."""
        self.statuses += [ops.WaitingStatus(text) for text in texts if text]

    def warn(self, *texts: str) -> None:
        """Say what works and should not stay so."""
        self.statuses += [ops.ActiveStatus(f"warning: {text}") for text in texts if text]
