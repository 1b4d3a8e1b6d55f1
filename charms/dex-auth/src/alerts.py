# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""When somebody should look at Dex: those of all tracks of Charmed Kubeflow under their names, and two of our own."""

from charmkit import metrics
from charmkit.interfaces import prometheus_scrape

ALERTS = (
    *metrics.standing("Dex"),
    prometheus_scrape.Alert(
        # Its name in tracks up to 2.36.
        name="DexAuthUnitIsUnavailable",
        expression="up{%s} < 1",
        lasting="0m",
        severity="critical",
        summary="A unit of Dex does not answer",
    ),
    prometheus_scrape.Alert(
        name="DexErrors",
        expression='sum(rate(http_requests_total{code=~"5..", %s}[5m])) > 0.1',
        lasting="5m",
        severity="warning",
        summary="Dex fails: a connector or the database may be away, see juju run dex-auth/leader check-connectors",
    ),
    prometheus_scrape.Alert(
        name="DexRefusesManyLogins",
        expression='sum(rate(http_requests_total{code="401", %s}[5m])) > 1',
        lasting="5m",
        severity="warning",
        summary="More than one login in a second is refused: somebody may be guessing passwords",
    ),
)
