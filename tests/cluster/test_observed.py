# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What alarms and dashboard of the reception's charm ask for is what its services measure."""

import pathlib
import re

import cluster
import httpx
import live
import observed
import receptions
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Namespace


def measured(*places: str) -> dict[str, float]:
    text = "\n".join(httpx.get(f"{place}/metrics", trust_env=False).text for place in places)
    return {name: float(value) for name, value in re.findall(r"^(\w+) (\S+)$", text, re.MULTILINE)}


def test_every_metric_that_is_watched_is_measured(kube: cluster.Cluster, tmp_path: pathlib.Path):
    receptions.prepare(kube)
    place = receptions.Reception(tmp_path / "watched", kube, "watched").up()
    expressions = " ".join([*(alert.expression for alert in observed.ALERTS), *observed.PAGES.values()])
    wanted = set(re.findall(r"\breception_\w+", expressions))
    before = measured(place.management, place.controller)
    assert wanted == set(before)
    assert (before["reception_trouble"], before["reception_controller_active"]) == (0, 1)
    admin = kube.client()
    admin.create(Namespace(metadata=ObjectMeta(name="watched-thief-example-com")))
    with place.visitor("thief@example.com") as client:
        assert client.get("/reception").status_code == 409

    def rise(name: str) -> float:
        return measured(place.management, place.controller)[name] - before[name]

    live.wait(lambda: rise("reception_profiles_failed") == 1, hint="what fails is counted")
    assert rise("reception_profiles") == rise("reception_profiles_made_total") == 1
    assert rise("reception_reconciled_total") > 0
    place.down()
    admin.delete(receptions.Profile, "watched-thief-example-com")
