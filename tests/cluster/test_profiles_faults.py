# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The profile controller when things go wrong, or there is much to do: outages, kill -9, replicas, 500 profiles."""

import collections.abc
import dataclasses
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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measured:
    """What one controller took for many profiles: in seconds, MiB, and requests a second when nothing was to do."""

    load: float
    seconds: float
    worked: float
    peak: float
    rate: float


@pytest.fixture(scope="module")
def measured(own: cluster.Cluster, tmp_path_factory: pytest.TempPathFactory) -> Measured:
    admin = own.client()
    place = receptions.Reception(tmp_path_factory.mktemp("many"), own, "many")
    for number in range(MANY):
        admin.create(receptions.profile(f"many-{number}", f"{number}@example.org"))
    process = place.start("control")
    live.wait(lambda: place.ready(place.controller) == "active", hint="the controller is active")
    began, load = time.monotonic(), os.getloadavg()[0]
    live.wait(lambda: done(admin, "many-") == MANY, seconds=270, hint="all are made")
    seconds = time.monotonic() - began
    ticks = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    live.wait(lambda: _quiet(place), seconds=60, hint="nothing more is to be done")
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    before, since = counted(own), time.monotonic()
    time.sleep(30)
    found = Measured(
        load=load,
        seconds=seconds,
        worked=sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK"),
        peak=int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024,
        rate=(counted(own) - before) / (time.monotonic() - since),
    )
    print(f"{MANY} profiles: {found}")
    assert len([one for one in admin.list(Namespace) if one.metadata.name.startswith("many-")]) == MANY
    assert all(whole(admin, f"many-{number}", f"{number}@example.org") for number in range(0, MANY, 50))
    place.down()
    return found


def test_many_profiles_are_made_in_a_minute(measured: Measured):
    # On two cores, which the API server and etcd have a share of; others who want one too prove nothing against it.
    if measured.seconds >= SECONDS and measured.load > BUSY:
        pytest.skip(f"the machine had other work (load {measured.load:.0f}): {measured.seconds:.1f} s say nothing")
    assert measured.seconds < SECONDS


def test_many_profiles_take_little_of_a_core_and_of_memory(measured: Measured):
    assert measured.worked < SECONDS / 2
    assert measured.peak < MEBIBYTES


def test_an_idle_controller_asks_less_than_once_a_second(measured: Measured):
    assert measured.rate < 1


def _quiet(place: receptions.Reception) -> bool:
    def count() -> str:
        text = httpx.get(f"{place.controller}/metrics", trust_env=False).text
        return re.search(r"^reception_reconciled_total (\S+)", text, re.MULTILINE)[1]

    before = count()
    time.sleep(2)
    return count() == before
