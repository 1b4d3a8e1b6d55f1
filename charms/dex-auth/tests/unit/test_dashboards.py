# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The dashboard: on the wire, and against the metrics of a real Dex."""

import base64
import json
import lzma
import os
import pathlib
import re

import alerts
import bags
import dashboards
import httpx
import pytest
import served
from charmkit.interfaces import prometheus_scrape

TOPOLOGY = prometheus_scrape.Topology(model="m", model_uuid="u", application="dex-auth", unit="dex-auth/0", charm="c")


def test_grafana_gets_a_dashboard_that_it_can_unpack():
    bag = bags.write(TOPOLOGY, port=5556, url="", internal="")["grafana-dashboard"]
    template = json.loads(bag["dashboards"])["templates"]["file:dex"]
    content = json.loads(lzma.decompress(base64.b64decode(template["content"])))
    assert content == dashboards.DASHBOARD
    assert content["title"] == "Dex"
    assert template["charm"] == "c"
    assert template["juju_topology"] == {
        "model": "m",
        "model_uuid": "u",
        "application": "dex-auth",
        "unit": "dex-auth/0",
    }
    assert bags.write(TOPOLOGY, port=5556, url="", internal="")["grafana-dashboard"] == bag


@pytest.mark.skipif(not os.environ.get("DEX"), reason="DEX does not name a Dex: its metrics are not read here")
def test_dex_has_every_metric_of_the_dashboard_and_the_alerts(tmp_path: pathlib.Path):
    expressions = [panel["targets"][0]["expr"] for panel in dashboards.DASHBOARD["panels"]]
    expressions += [alert.expression for alert in alerts.ALERTS]
    names = {name for text in expressions for name in re.findall(r"([a-z_]+)[{]", text)} - {"up"}
    assert len(names) == 3
    with served.units(tmp_path) as (unit,):
        served.token(unit, grant_type="authorization_code", code=served.code(unit, served.form(unit)))
        metrics = httpx.get(f"http://127.0.0.1:{unit.telemetry}/metrics").text
    assert {name for name in names if f"\n{name}" not in metrics} == set()
    (handlers,) = {found for text in expressions for found in re.findall(r'handler=~"([^"]*)"', text)}
    seen = set(re.findall(r'handler="([^"]*)"', metrics))
    assert {name for name in seen if re.fullmatch(handlers, name)} >= {"/auth/{connector}/login", "/token"}
