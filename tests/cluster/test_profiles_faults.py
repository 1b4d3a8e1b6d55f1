# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The profile controller when things go wrong, or there is much to do: outages, kill -9, replicas, 500 profiles."""

import collections.abc
import os
import pathlib
import random
import re
import signal
import time

import cluster
import httpx
import lightkube
import live
import pytest
import receptions
from lightkube.resources.coordination_v1 import Lease
from lightkube.resources.core_v1 import Namespace, ServiceAccount

MANY = 500
SECONDS = 60.0
MEBIBYTES = 200
KILLS = 20
# The load of a machine that runs this test and little else.
BUSY = 6.0


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> collections.abc.Iterator[cluster.Cluster]:
    """Run a cluster of this module's own, which can be taken away and counts only this module's requests."""
    with cluster.running(tmp_path_factory.mktemp("own")) as kube:
        receptions.prepare(kube)
        yield kube


def whole(client: lightkube.Client, name: str, owner: str) -> bool:
    """Return whether everything of a profile is there."""
    accounts = {found.metadata.name for found in client.list(ServiceAccount, namespace=name)}
    return {"default-editor", "default-viewer"} <= accounts and receptions.bindings(client, name) == {
        "default-editor": ("default-editor", "kubeflow-edit"),
        "default-viewer": ("default-viewer", "kubeflow-view"),
        "namespaceAdmin": (owner, "kubeflow-admin"),
    }


def done(client: lightkube.Client, prefix: str) -> int:
    """Return how many profiles with a prefix have been made."""
    conditions = [
        (found.status or {}).get("conditions")
        for found in client.list(receptions.Profile)
        if found.metadata.name.startswith(prefix)
    ]
    return sum(bool(one and one[0]["type"] == "Successful") for one in conditions)


def counted(kube: cluster.Cluster) -> float:
    """Return how many requests the API server has had, but for those that ask so."""
    text = kube.client()._client._client.get("/metrics").text
    lines = re.findall(r"^apiserver_request_total\{(.*)\} (\S+)$", text, re.MULTILINE)
    ours = [
        float(number)
        for labels, number in lines
        if re.search(r'resource="(profiles|namespaces|serviceaccounts|rolebindings|resourcequotas)"', labels)
        or 'resource="leases",scope="resource",subresource="",verb' in labels
    ]
    return sum(ours)


def test_kill_9_anywhere_ends_in_the_same_state(own: cluster.Cluster, tmp_path: pathlib.Path):
    admin = own.client()
    place = receptions.Reception(tmp_path / "killed", own, "killed")
    chance = random.Random(8)
    for number in range(KILLS):
        admin.create(receptions.profile(f"killed-{number}", f"{number}@example.com"))
        place.start("control")
        live.wait(lambda: "active one" in place.log("control"), hint="a controller is active")
        time.sleep(chance.uniform(0, 0.4))
        place.end("control", signal.SIGKILL)
        (place.home / "control.log").unlink()
        # The next one need not wait here until the lease has run out; another test sees to that.
        admin.delete(Lease, "kubeflow-auth-profile-controller", namespace="killed")
    place.start("control")
    live.wait(lambda: "active one" in place.log("control"), hint="the last controller is active")
    live.wait(lambda: done(admin, "killed-") == KILLS, seconds=120, hint="all are made")
    assert all(whole(admin, f"killed-{number}", f"{number}@example.com") for number in range(KILLS))
    place.down()


def test_an_outage_of_the_api_server_is_survived(own: cluster.Cluster, tmp_path: pathlib.Path):
    admin = own.client()
    place = receptions.Reception(tmp_path / "outage", own, "outage").up()
    with place.visitor("before@example.com") as client:
        assert client.get("/reception?next=/x").status_code == 303
        own.stop()
        live.wait(lambda: not place.ready(place.management), seconds=60, hint="it says that it cannot work")
        # Who has a workspace gets on; who has none reads why not.
        assert client.get("/reception?next=/x").status_code == 303
        with place.visitor("during@example.com") as other:
            assert other.get("/reception").status_code == 503
        own.start()
    live.wait(lambda: place.ready(place.management), seconds=60, hint="it works again")

    def comes_in() -> bool:
        with place.visitor("during@example.com") as client:
            return client.get("/reception?next=/x").status_code == 303

    live.wait(comes_in, seconds=90, hint="what could not be made before is made")
    assert whole(admin, "outage-during-example-com", "during@example.com")
    assert place.running["serve"].poll() is place.running["control"].poll() is None
    place.down()


def test_one_of_two_is_active_and_the_other_takes_over(own: cluster.Cluster, tmp_path: pathlib.Path):
    one = receptions.Reception(tmp_path / "one", own, "pair")
    two = receptions.Reception(tmp_path / "two", own, "pair")
    one.start("control")
    live.wait(lambda: one.ready(one.controller) == "active", hint="one is active")
    two.start("control")
    live.wait(lambda: two.ready(two.controller) == "waiting for the lease", hint="the other waits")
    one.end("control", signal.SIGKILL)
    began = time.monotonic()
    live.wait(lambda: two.ready(two.controller) == "active", seconds=60, hint="the other takes over")
    # Not before the lease has run out: the first might only have been slow.
    assert time.monotonic() - began > 8
    one.start("control")
    live.wait(lambda: one.ready(one.controller) == "waiting for the lease", hint="one waits now")
    # Who ends in peace leaves the lease to the next at once.
    began = time.monotonic()
    two.down()
    live.wait(lambda: one.ready(one.controller) == "active", seconds=30, hint="one is active again")
    assert time.monotonic() - began < 15
    one.down()


def test_many_profiles_from_nothing_and_an_idle_controller(own: cluster.Cluster, tmp_path: pathlib.Path):
    admin = own.client()
    place = receptions.Reception(tmp_path / "many", own, "many")
    for number in range(MANY):
        admin.create(receptions.profile(f"many-{number}", f"{number}@example.org"))
    process = place.start("control")
    live.wait(lambda: place.ready(place.controller) == "active", hint="the controller is active")
    began, busy = time.monotonic(), os.getloadavg()[0]
    live.wait(lambda: done(admin, "many-") == MANY, seconds=270, hint="all are made")
    seconds = time.monotonic() - began
    ticks = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    worked = sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
    live.wait(lambda: _quiet(place), seconds=60, hint="nothing more is to be done")
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    peak = int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024
    before, since = counted(own), time.monotonic()
    time.sleep(30)
    rate = (counted(own) - before) / (time.monotonic() - since)
    print(f"{MANY} profiles in {seconds:.1f} s, {worked:.1f} s of them at work, load {busy:.0f}")
    print(f"{peak:.0f} MiB at the most, {rate:.2f} requests a second when idle")
    assert len([found for found in admin.list(Namespace) if found.metadata.name.startswith("many-")]) == MANY
    assert whole(admin, "many-499", "499@example.org")
    assert peak < MEBIBYTES
    assert rate < 1
    assert worked < SECONDS / 2
    # Where others use the cores too, the clock on the wall says nothing about the controller.
    assert seconds < SECONDS or busy > BUSY
    place.down()


def _quiet(place: receptions.Reception) -> bool:
    def count() -> str:
        text = httpx.get(f"{place.controller}/metrics", trust_env=False).text
        return re.search(r"^reception_reconciled_total (\S+)", text, re.MULTILINE)[1]

    before = count()
    time.sleep(2)
    return count() == before
