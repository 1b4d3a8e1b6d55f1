# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What is watched of reception and profile controller: alarms, two under Charmed Kubeflow's names, and a page."""

import json

from charmkit import metrics
from charmkit.interfaces import grafana_dashboard, prometheus_scrape

ALERTS = (
    *metrics.standing("the reception"),
    prometheus_scrape.Alert(
        name="ReceptionHasNoCluster",
        expression="max(reception_trouble{%s}) > 0",
        lasting="5m",
        severity="critical",
        summary="Nobody can get a profile, the cluster does not answer or forbids it: see juju status reception",
    ),
    prometheus_scrape.Alert(
        name="ProfilesFail",
        expression="max(reception_profiles_failed{%s}) > 0",
        lasting="10m",
        severity="warning",
        summary="A profile cannot be made: see juju run reception/leader list-profiles",
    ),
    prometheus_scrape.Alert(
        name="ProfileControllersAllWait",
        expression="max(reception_controller_active{%s}) < 1",
        lasting="5m",
        severity="critical",
        summary="No profile controller is the active one; beside that of Kubeflow, set profile-controller=false",
    ),
)
PAGES = {
    "reception": json.dumps(
        grafana_dashboard.dashboard(
            "Reception and profiles",
            (
                grafana_dashboard.Panel(
                    title="Profiles of the cluster",
                    expression="max(reception_profiles{%s})",
                    legend="profiles",
                ),
                grafana_dashboard.Panel(
                    title="Profiles that could not be made",
                    expression="max(reception_profiles_failed{%s})",
                    legend="failed",
                ),
                grafana_dashboard.Panel(
                    title="Profiles made at a first login",
                    expression="sum by (juju_unit) (rate(reception_profiles_made_total{%s}[5m]))",
                    legend="{{juju_unit}}",
                    unit="ops",
                ),
                grafana_dashboard.Panel(
                    title="Profiles looked after",
                    expression="sum by (juju_unit) (rate(reception_reconciled_total{%s}[5m]))",
                    legend="{{juju_unit}}",
                    unit="ops",
                ),
                grafana_dashboard.Panel(
                    title="Active controllers",
                    expression="sum(reception_controller_active{%s})",
                    legend="active",
                ),
                grafana_dashboard.Panel(
                    title="Units that cannot use the cluster",
                    expression="sum(reception_trouble{%s})",
                    legend="units",
                ),
            ),
        ),
        sort_keys=True,
    )
}
