# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Counts of what happened, in the text format of Prometheus. No label holds anything that a request can choose."""

import bisect
import collections
import collections.abc
import dataclasses
import itertools
import typing

_Labels = tuple[str, ...]
_Merge = typing.Literal["sum", "max", "min"]
# Seconds: a provider beside us answers in the first, one whose directory is slow in the last.
_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
# How many different connectors get a label of their own: their names are the provider's words.
_MOST_CONNECTORS = 50
OTHER = "other"


class Counter:
    """Counts events by labels."""

    def __init__(self, name: str, text: str, labels: _Labels) -> None:
        self.name = name
        self.text = text
        self.labels = labels
        self.values: collections.defaultdict[_Labels, float] = collections.defaultdict(float)

    def add(self, *labels: str, amount: float = 1) -> None:
        """Count one more event, or an amount."""
        self.values[labels] += amount


class Histogram:
    """Counts durations by labels: how many took at most so long, and all of them together."""

    def __init__(self, name: str, text: str, labels: _Labels) -> None:
        self.name = name
        self.text = text
        self.labels = labels
        self.values: dict[_Labels, list[float]] = {}

    def observe(self, *labels: str, seconds: float) -> None:
        """Count one more duration."""
        found = self.values.setdefault(labels, [0.0] * (len(_BOUNDS) + 2))
        found[bisect.bisect_left(_BOUNDS, seconds)] += 1
        found[-1] += seconds


class Tally:
    """One number that the fastest path counts with: no look-up, no call."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gauge:
    """A number that goes up and down.

    Attributes:
        read: returns it now.
        merge: makes one number of those of several processes: sum, max or min.
    """

    name: str
    text: str
    read: collections.abc.Callable[[], float]
    merge: _Merge = "sum"
    labels: collections.abc.Mapping[str, str] = dataclasses.field(default_factory=dict[str, str])


# What a process has counted: by line of the text, without the line's value.
Snapshot = dict[str, float]


class Metrics:
    """Everything that is counted.

    Attributes:
        others: returns what the other processes of this service have counted.
    """

    def __init__(self) -> None:
        self.checks = Counter(
            "gatekeeper_checks_total",
            "Checks by what became of them, by what proved or should have proved somebody, and by why not.",
            ("result", "authenticator", "reason"),
        )
        self.logins = Counter("gatekeeper_logins_total", "Logins that came back, by outcome.", ("outcome", "connector"))
        self.renewals = Counter("gatekeeper_renewals_total", "Sessions renewed, or not.", ("outcome",))
        self.logouts = Counter("gatekeeper_logouts_total", "Sessions ended by a logout.", ())
        self.asked = Counter("gatekeeper_provider_requests_total", "Requests to the provider.", ("endpoint", "outcome"))
        self.waited = Histogram("gatekeeper_provider_seconds", "Seconds until the provider answered.", ("endpoint",))
        self.tallies: dict[str, Tally] = {}
        self.gauges: list[Gauge] = []
        self.others: collections.abc.Callable[[], list[Snapshot]] = list
        self._connectors: set[str] = set()

    def tally(self, authenticator: str) -> Tally:
        """Return what counts the checks that one authenticator lets through."""
        return self.tallies.setdefault(authenticator, Tally())

    def login(self, outcome: str, connector: str = "") -> None:
        """Count a login that came back, through a connector of the provider if it tells which."""
        if connector not in self._connectors and len(self._connectors) >= _MOST_CONNECTORS:
            connector = OTHER
        self._connectors.add(connector)
        self.logins.add(outcome, connector)

    def snapshot(self) -> Snapshot:
        """Return what this process has counted."""
        taken: Snapshot = {}
        for name, tally in self.tallies.items():
            taken[_line(self.checks.name, self.checks.labels, ("allowed", name, ""))] = tally.count
        for one in self._counters:
            taken |= {_line(one.name, one.labels, labels): count for labels, count in one.values.items()}
        for labels, found in self.waited.values.items():
            taken |= _buckets(self.waited, labels, found)
        for gauge in self.gauges:
            taken[_line(gauge.name, tuple(gauge.labels), tuple(gauge.labels.values()))] = gauge.read()
        return taken

    def render(self) -> str:
        """Return everything as text, of all processes together."""
        merges: dict[str, _Merge] = {gauge.name: gauge.merge for gauge in self.gauges}
        total: Snapshot = {}
        for line, value in itertools.chain(*(taken.items() for taken in (self.snapshot(), *self.others()))):
            merge: _Merge = merges.get(line.partition("{")[0], "sum")
            total[line] = _merged(merge, total[line], value) if line in total else value
        kinds = {one.name: (one.text, "counter") for one in self._counters}
        kinds[self.waited.name] = (self.waited.text, "histogram")
        kinds |= {gauge.name: (gauge.text, "gauge") for gauge in self.gauges}
        lines: list[str] = []
        for name, (text, kind) in kinds.items():
            lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
            lines += [f"{line} {value:.17g}" for line, value in total.items() if _belongs(line, name)]
        return "\n".join(lines) + "\n"

    @property
    def _counters(self) -> tuple[Counter, ...]:
        return self.checks, self.logins, self.renewals, self.logouts, self.asked


def _buckets(histogram: Histogram, labels: _Labels, found: list[float]) -> Snapshot:
    *counts, total = found
    named = (*histogram.labels, "le")
    sums = list(itertools.accumulate(counts))
    taken = {
        _line(f"{histogram.name}_bucket", named, (*labels, bound)): count
        for bound, count in zip([f"{bound:g}" for bound in _BOUNDS] + ["+Inf"], sums, strict=True)
    }
    taken[_line(f"{histogram.name}_sum", histogram.labels, labels)] = total
    taken[_line(f"{histogram.name}_count", histogram.labels, labels)] = sums[-1]
    return taken


def _merged(how: _Merge, one: float, other: float) -> float:
    match how:
        case "max":
            return max(one, other)
        case "min":
            return min(one, other)
        case "sum":
            return one + other


def _belongs(line: str, name: str) -> bool:
    found = line.partition("{")[0]
    return found == name or (found.startswith(name) and found[len(name) :] in ("_bucket", "_sum", "_count"))


def _line(name: str, names: _Labels, values: _Labels) -> str:
    pairs = ",".join(f'{label}="{_escaped(value)}"' for label, value in zip(names, values, strict=True))
    return f"{name}{{{pairs}}}" if pairs else name


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
