# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What was measured, against what is promised, as a file for programs and a table for people."""

import collections.abc
import dataclasses
import json
import pathlib
import statistics

import machine

HOME = pathlib.Path(__file__).resolve().parent
_BEGIN, _END = "<!-- results: written by make bench -->", "<!-- end of results -->"

# What every key promises: at least (">") or at most ("<") so much.
PROMISES: dict[str, tuple[str, float]] = {
    "direct.over_envoy": (">", 1.2),
    "direct.over_oauth2_proxy": (">", 4.0),
    "gateway.ext_authz_over_none": (">", 0.30),
    "gateway.fast_over_none": (">", 0.80),
    "sessions_10k_over_one": (">", 0.8),
    "memory_mib.idle": ("<", 55.0),
    "memory_mib.after_anonymous": ("<", 70.0),
    "memory_mib.after_forged": ("<", 70.0),
    "start_ms": ("<", 400.0),
}
LATENCY_UNDER_FLOOD = 0.020


@dataclasses.dataclass(frozen=True, kw_only=True)
class Flood:
    """What a flood did.

    Attributes:
        requests: how many there were.
        p99: the latencies of others' valid sessions meanwhile, one for each stretch of it, in seconds.
    """

    requests: int
    p99: tuple[float, ...]


Rounds = collections.abc.Mapping[str, list[machine.Load]]


def over(rounds: Rounds, first: str, second: str) -> float:
    """Return how many times as fast one is as another: the median over rounds, in each of which both ran."""
    pairs = zip(rounds[first], rounds[second], strict=True)
    return statistics.median(one.rate / other.rate for one, other in pairs)


def broken(results: collections.abc.Mapping[str, float], floods: collections.abc.Mapping[str, Flood]) -> list[str]:
    """Return which promises were not kept."""
    found: list[str] = []
    for key, (side, bound) in PROMISES.items():
        if (results[key] < bound) if side == ">" else (results[key] > bound):
            found.append(
                f"{key} is {results[key]:.3g}, promised is {'at least' if side == '>' else 'at most'} {bound:g}"
            )
    for name, flood in floods.items():
        if not flood.p99:
            found.append(f"too few valid sessions were answered during {name} to know their p99")
        elif (p99 := statistics.median(flood.p99)) > LATENCY_UNDER_FLOOD:
            found.append(f"p99 of valid sessions during {name} is {p99 * 1e3:.1f} ms, promised is at most 20")
    return found


def write(
    results: collections.abc.Mapping[str, float],
    rounds: Rounds,
    floods: collections.abc.Mapping[str, Flood],
    facts: collections.abc.Sequence[str],
) -> None:
    """Write bench/results.json, and the tables in bench/README.md."""
    (HOME / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    lines = [*facts, "", "| key | measured | promised |", "|---|---|---|"]
    for key, value in results.items():
        side, bound = PROMISES.get(key, ("", 0.0))
        promised = f"{'at least' if side == '>' else 'at most'} {bound:g}" if side else "-"
        lines.append(f"| `{key}` | {value:.3g} | {promised} |")
    lines += ["", "| what | answers/s: median (min to max) | CPU us per answer | p50 us | p99 us | bad |"]
    lines += ["|---|---|---|---|---|---|", *(_row(name, loads) for name, loads in rounds.items())]
    lines += ["", "| flood | requests | p99 of valid sessions meanwhile, ms: median (worst) |", "|---|---|---|"]
    for name, flood in floods.items():
        found = [seconds * 1e3 for seconds in flood.p99]
        latency = f"{statistics.median(found):.1f} ({max(found):.1f})" if found else "too few to know"
        lines.append(f"| {name} | {flood.requests:,} | {latency} |")
    page = HOME / "README.md"
    before, _, rest = page.read_text().partition(_BEGIN)
    page.write_text("\n".join([before + _BEGIN, *lines, _END]) + rest.partition(_END)[2])


def _row(name: str, loads: list[machine.Load]) -> str:
    rates = [load.rate for load in loads]
    cpu, p50, p99 = (
        statistics.median(values)
        for values in zip(*((load.cpu, load.p50 * 1e6, load.p99 * 1e6) for load in loads), strict=True)
    )
    spread = f"{statistics.median(rates):,.0f} ({min(rates):,.0f} to {max(rates):,.0f})"
    return f"| {name} | {spread} | {cpu:.1f} | {p50:.0f} | {p99:.0f} | {sum(load.bad for load in loads)} |"
