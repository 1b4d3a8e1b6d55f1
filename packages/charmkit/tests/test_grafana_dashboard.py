# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The databag as Grafana's charm reads it."""

import base64
import json
import lzma

from charmkit.interfaces import grafana_dashboard, prometheus_scrape

TOPOLOGY = prometheus_scrape.Topology(model="m", model_uuid="1-2", application="gw", unit="gw/0", charm="gateway")


def test_a_page_stands_there_compressed_and_with_its_topology():
    bag = grafana_dashboard.write(TOPOLOGY, {"a.json": '{"title": "A"}'})
    templates = json.loads(bag["dashboards"])["templates"]
    content = templates["file:a.json"].pop("content")
    assert lzma.decompress(base64.b64decode(content)) == b'{"title": "A"}'
    assert templates == {
        "file:a.json": {
            "charm": "gateway",
            "juju_topology": {"model": "m", "model_uuid": "1-2", "application": "gw", "unit": "gw/0"},
            "inject_dropdowns": True,
            "dashboard_alt_uid": templates["file:a.json"]["dashboard_alt_uid"],
        }
    }
    assert len(templates["file:a.json"]["dashboard_alt_uid"]) == 16


def test_the_other_side_sees_only_changes():
    one, same, other = (grafana_dashboard.write(TOPOLOGY, {"a.json": text}) for text in ("1", "1", "2"))
    assert one == same
    assert json.loads(one["dashboards"])["uuid"] != json.loads(other["dashboards"])["uuid"]
