# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""When somebody should look at the gateway: alarms of Charmed Kubeflow under their names, two about the gatekeeper."""

from charmkit import metrics
from charmkit.interfaces import prometheus_scrape

# The listeners of the gateway and the cluster of its authorizer, as Envoy's metrics name them.
_GATEWAY = 'envoy_http_conn_manager_prefix="gateway", %s'
_AUTHORIZER = 'envoy_cluster_name="authorizer", %s'

ALERTS = (
    *metrics.standing("the gateway"),
    prometheus_scrape.Alert(
        name="HTTP5xxRateHigh",
        expression=(
            f'sum(rate(envoy_http_downstream_rq_xx{{envoy_response_code_class="5", {_GATEWAY}}}[5m]))'
            f" / sum(rate(envoy_http_downstream_rq_xx{{{_GATEWAY}}}[5m])) > 0.05"
        ),
        lasting="5m",
        severity="warning",
        summary="One of twenty requests fails: see juju run ambassador-route/leader show-routes",
    ),
    prometheus_scrape.Alert(
        name="GatekeeperFails",
        expression=f"sum(rate(envoy_http_ext_authz_error{{{_GATEWAY}}}[5m])) > 0",
        lasting="5m",
        severity="critical",
        summary="The gatekeeper does not answer checks, so nobody is let in: see juju status gatekeeper",
    ),
    prometheus_scrape.Alert(
        name="GatekeeperSlow",
        expression=(
            "histogram_quantile(0.99, sum by (le) "
            f"(rate(envoy_cluster_upstream_rq_time_bucket{{{_AUTHORIZER}}}[5m]))) > 500"
        ),
        lasting="10m",
        severity="warning",
        summary="One of a hundred checks takes the gatekeeper longer than half a second",
    ),
)
