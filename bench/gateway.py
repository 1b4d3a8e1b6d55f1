#!/usr/bin/env python3
# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What fast mode saves behind the gateway as its charm configures it: with every filter that a real one has.

Run it with the environment of the tests: .venv/bin/python bench/gateway.py. It needs wrk and two cores: Envoy, the
authorizer and the application have one, the load comes from the other. Authorizer and application say yes to all, so
that what is compared is the gateway. The table goes into bench/README.md.
"""

import contextlib
import os
import pathlib
import statistics
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
CHARM = ROOT / "charms" / "ambassador-route"
sys.path[:0] = [str(CHARM / "src"), str(CHARM / "tests" / "unit" / "helpers"), str(ROOT / "tests" / "support")]

import machine  # noqa: E402
import report  # noqa: E402
import signer  # noqa: E402
from worlds import SESSION, World  # noqa: E402

ROUNDS = 7
SECONDS = 2.0
YES = pathlib.Path(__file__).with_name("yes.py")
PAGE = pathlib.Path(__file__).with_name("README.md")
BEGIN, END = "<!-- fast mode: written by bench/gateway.py -->", "<!-- end of fast mode -->"
OPEN, ASKED, FAST = "open: nobody is asked", "asked: the authorizer decides", "fast mode: Envoy verifies the session"


def main() -> int:
    """Measure, and write the table."""
    # Whatever is started from here has the servers' core; wrk moves to the other by itself.
    os.sched_setaffinity(0, {machine.SERVER})
    with World.running(pathlib.Path(tempfile.mkdtemp(prefix="bench-"))) as world, contextlib.ExitStack() as stack:
        rounds = fast_mode(world, stack)
    write(rounds)
    return 0


def fast_mode(world: World, stack: contextlib.ExitStack) -> dict[str, list[machine.Load]]:
    """Measure a session that the authorizer is asked about, one that Envoy verifies, and what nobody is asked about."""
    keys = signer.Signer()
    world.serve(fast=keys.fast)
    for server in (world.authorizer, world.app):
        server.close()
        log = pathlib.Path(tempfile.mkdtemp(prefix="bench-")) / "log"
        quick = machine.Server(log, sys.executable, str(YES), str(server.port))
        stack.callback(quick.stop)
        quick.wait_for(server.port)
    host, cookie = "Host: gateway.test", f"Cookie: authservice_session={keys.token()}"
    asked = (OPEN, "/dex/x", cookie), (ASKED, "/protected", ": ".join(SESSION)), (FAST, "/protected", cookie)
    rounds: dict[str, list[machine.Load]] = {name: [] for name, _, _ in asked}
    for number in range(ROUNDS + 1):
        for name, path, header in asked:
            load = machine.wrk(f"http://127.0.0.1:{world.port}{path}", seconds=SECONDS, headers=(host, header))
            assert load.answers and not load.bad, f"{name}: {load.bad} of {load.answers} answers were wrong"
            if number:
                rounds[name].append(load)
    return rounds


def write(rounds: dict[str, list[machine.Load]]) -> None:
    """Write the table, and show it."""
    lines = [f"{time.strftime('%Y-%m-%d')}, load of the machine {os.getloadavg()[0]:.1f}.", ""]
    lines += ["| request | answers/s: median (min to max) | p50 us | of those that nobody is asked about |"]
    lines += ["|---|---|---|---|"]
    for name, loads in rounds.items():
        rates, p50 = [load.rate for load in loads], statistics.median(load.p50 for load in loads) * 1e6
        spread = f"{statistics.median(rates):,.0f} ({min(rates):,.0f} to {max(rates):,.0f})"
        lines.append(f"| {name} | {spread} | {p50:.0f} | {report.over(rounds, name, OPEN):.2f} |")
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text("\n".join([before + BEGIN, *lines, END]) + rest.partition(END)[2])
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
