# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import json

from charmkit.interfaces import prometheus_scrape

TOPOLOGY = prometheus_scrape.Topology(
    model="kubeflow", model_uuid="12345678-0000", application="dex-auth", unit="dex-auth/0", charm="dex-auth"
)
ALERT = prometheus_scrape.Alert(name="Down", expression="up{%s} < 1", lasting="5m", severity="critical", summary="gone")


def test_what_the_library_of_canonical_writes():
    bag = prometheus_scrape.write(TOPOLOGY, port=5558, alerts=[ALERT])
    assert json.loads(bag["scrape_metadata"]) == {
        "model": "kubeflow", "model_uuid": "12345678-0000", "application": "dex-auth", "unit": "dex-auth/0",
        "charm_name": "dex-auth",
    }  # fmt: skip
    assert json.loads(bag["scrape_jobs"]) == [{"metrics_path": "/metrics", "static_configs": [{"targets": ["*:5558"]}]}]
    (group,) = json.loads(bag["alert_rules"])["groups"]
    (rule,) = group["rules"]
    assert rule["expr"] == (
        'up{juju_model="kubeflow", juju_model_uuid="12345678-0000", juju_application="dex-auth", '
        'juju_charm="dex-auth"} < 1'
    )
    assert (rule["alert"], rule["for"], rule["labels"]["severity"]) == ("Down", "5m", "critical")


def test_several_ports_are_targets_of_one_job():
    (job,) = json.loads(prometheus_scrape.write(TOPOLOGY, port=1, more=(2,))["scrape_jobs"])
    assert job["static_configs"] == [{"targets": ["*:1", "*:2"]}]


def test_a_unit_tells_its_address():
    assert prometheus_scrape.write_unit(address="10.1.2.3", unit="dex-auth/0") == {
        "prometheus_scrape_unit_address": "10.1.2.3",
        "prometheus_scrape_unit_name": "dex-auth/0",
    }
