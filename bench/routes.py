#!/usr/bin/env python3
# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What routes cost: rendering and swapping 10, 100 and 1000 of them, and changing them under load, in both engines.

Run it with the environment of the tests: .venv/bin/python bench/routes.py. It needs wrk. Emissary is measured when
EMISSARY names a directory with its programs, as for tests/cluster/test_emissary.py; that needs root. The sizes are
measured in turn, ROUNDS times; the median counts. Everything is on loopback.
"""

import collections.abc
import contextlib
import dataclasses
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
CHARM = ROOT / "charms" / "ambassador-route"
sys.path[:0] = [str(CHARM / "src"), str(CHARM / "tests" / "unit" / "helpers"), str(ROOT / "tests" / "support")]

import ambassador  # noqa: E402
import cluster  # noqa: E402
import emissary  # noqa: E402
import engines  # noqa: E402
import envoy  # noqa: E402
import model  # noqa: E402
import servers  # noqa: E402
from worlds import SESSION, World  # noqa: E402

COUNTS = (10, 100, 1000)
ROUNDS = 5
# What 1000 routes may take, in seconds from the model to an answer of the last of them.
LIMIT = 2.0
# By how much more than ten times the work may grow, when there are ten times the routes.
SLACK = 1.5
CHANGES = 20
CONNECTIONS = 8

Swap = collections.abc.Callable[[model.Gateway], None]


@dataclasses.dataclass
class Engine:
    """A way to bring routes into service.

    Attributes:
        name: what it is called.
        render: makes the text of its files.
        swap: writes them, and lets them be read.
        limit: what 1000 routes may take, in seconds; 0 for as long as they like.
    """

    name: str
    render: Swap
    swap: Swap
    limit: float = 0.0


def main() -> int:
    """Measure, print tables, and return 1 when a promise is broken."""
    broken: list[str] = []
    home = pathlib.Path(tempfile.mkdtemp(prefix="bench-"))
    with World.running(home) as world:

        def write(gateway: model.Gateway) -> None:
            world.envoy.write([(file.path, file.text) for file in envoy.configure(gateway).files])

        broken += measure(world, Engine("envoy", envoy.configure, write, LIMIT))
    if "EMISSARY" in os.environ:
        with _emissary() as (world, engine):
            broken += measure(world, engine)
    for promise in broken:
        print(f"BROKEN: {promise}")
    return 1 if broken else 0


@contextlib.contextmanager
def _emissary() -> collections.abc.Generator[tuple[World, Engine]]:
    home = pathlib.Path(tempfile.mkdtemp(prefix="bench-"))
    source = pathlib.Path(os.environ["EMISSARY"]).resolve()
    for name in ("envoy", "kube", "gateway"):
        (home / name).mkdir()
    with (
        contextlib.closing(World(home / "envoy")) as world,
        cluster.running(home / "kube") as kube,
        ambassador.running(home / "gateway", source, kube, "bench") as container,
    ):

        def bring(gateway: model.Gateway) -> None:
            outcome = engines.Emissary().bring(container, dataclasses.replace(gateway, namespace="bench"), "127.0.0.1")
            assert outcome == engines.Outcome(), outcome

        bring(world.gateway())
        servers.until(lambda: _status(world, "/dex/x") == 200, "Emissary does not serve", seconds=60)
        yield world, Engine("emissary", lambda gateway: emissary.configure(gateway) and None, bring)


def measure(world: World, engine: Engine) -> list[str]:
    """Print what an engine costs, and return which promises it breaks."""
    rendered: dict[int, list[float]] = {count: [] for count in COUNTS}
    totals: dict[int, list[float]] = {count: [] for count in COUNTS}
    for generation in range(ROUNDS):
        for count in COUNTS:
            gateway = _many(world, count, f"g{generation}")
            began = time.monotonic()
            engine.render(gateway)
            rendered[count].append(time.monotonic() - began)
            began = time.monotonic()
            engine.swap(gateway)
            last = gateway.table[count - 1].prefix
            servers.until(lambda last=last: _status(world, last) == 302, f"{last} is not served", seconds=120)
            totals[count].append(time.monotonic() - began)
    print(f"{engine.name}\n{'routes':>8} {'render':>20} {'render, swap, served':>30}   (median, min to max, seconds)")
    for count in COUNTS:
        print(f"{count:>8} {_spread(rendered[count]):>20} {_spread(totals[count]):>30}")
    requests, failed = _under_load(world, engine)
    print(f"{CHANGES} changes of 100 routes under load: {requests} requests, {failed} failed\n")
    broken = [f"{engine.name}: {failed} of {requests} requests failed during changes"] if failed else []
    if engine.limit and statistics.median(totals[1000]) > engine.limit:
        broken.append(f"{engine.name}: 1000 routes took {statistics.median(totals[1000]):.2f} s, not {engine.limit}")
    if statistics.median(rendered[1000]) > 10 * SLACK * statistics.median(rendered[100]):
        broken.append(f"{engine.name}: rendering grows faster than the number of routes")
    return broken


def _many(world: World, count: int, name: str) -> model.Gateway:
    """Return a gateway with so many routes beside those of the world."""
    fresh = tuple(
        world.route(f"/{name}-{number}", application=f"app-{number}", relation=number + 2) for number in range(count)
    )
    return dataclasses.replace(world.gateway(), table=(*fresh, *world.table))


def _status(world: World, path: str) -> int:
    try:
        return world.get(path).status
    except OSError:
        return 0


def _spread(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.3f} ({min(seconds):.3f}-{max(seconds):.3f})"


def _under_load(world: World, engine: Engine) -> tuple[int, int]:
    """Change routes while wrk asks for others; return how many requests there were, and how many failed."""
    url = f"http://127.0.0.1:{world.port}/protected"
    words = ["wrk", "-t1", f"-c{CONNECTIONS}", "-d600s", "-H", f"{SESSION[0]}: {SESSION[1]}", url]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as load:
        try:
            time.sleep(1)
            for generation in range(CHANGES):
                gateway = _many(world, 100, f"l{generation}")
                engine.swap(gateway)
                last = gateway.table[99].prefix
                servers.until(lambda last=last: _status(world, last) == 302, f"{last} is not served", seconds=120)
        finally:
            # It prints what it saw, as at its end.
            load.send_signal(2)
        said, _ = load.communicate(timeout=60)
    (requests,) = re.findall(r"(\d+) requests in", said)
    failed = [int(number) for number in re.findall(r"Non-2xx or 3xx responses: (\d+)", said)]
    failed += [int(number) for number in re.findall(r"(?:connect|read|write) (\d+)", said)]
    return int(requests), sum(failed)


if __name__ == "__main__":
    sys.exit(main())
