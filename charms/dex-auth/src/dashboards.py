# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What Grafana shows of Dex: how many ask, how it goes, and how long it takes."""

from charmkit.interfaces import grafana_dashboard

_LOGINS = 'handler=~"/auth.*|/callback.*|/approval|/token"'
_TIMES = "request_duration_seconds_bucket"
DASHBOARD = grafana_dashboard.dashboard(
    "Dex",
    (
        grafana_dashboard.Panel(
            title="Requests by kind",
            expression="sum by (handler) (rate(http_requests_total{%s}[5m]))",
            legend="{{handler}}",
            unit="reqps",
        ),
        grafana_dashboard.Panel(
            title="Answers by status",
            expression="sum by (code) (rate(http_requests_total{%s}[5m]))",
            legend="{{code}}",
            unit="reqps",
        ),
        grafana_dashboard.Panel(
            title="Failures",
            expression='sum by (juju_unit) (rate(http_requests_total{code=~"5..", %s}[5m]))',
            legend="{{juju_unit}}",
            unit="reqps",
        ),
        grafana_dashboard.Panel(
            title="Refused passwords",
            expression='sum by (juju_unit) (rate(http_requests_total{code="401", %s}[5m]))',
            legend="{{juju_unit}}",
            unit="reqps",
        ),
        grafana_dashboard.Panel(
            title="Time of an answer in a login, 95 of 100",
            expression=f"histogram_quantile(0.95, sum by (le, handler) (rate({_TIMES}{{{_LOGINS}, %s}}[5m])))",
            legend="{{handler}}",
            unit="s",
        ),
        grafana_dashboard.Panel(
            title="Memory",
            expression="process_resident_memory_bytes{%s}",
            legend="{{juju_unit}}",
            unit="bytes",
        ),
    ),
)
