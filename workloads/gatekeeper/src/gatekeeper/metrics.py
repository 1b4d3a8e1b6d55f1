# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Counts of what happened, in the text format of Prometheus. No label holds anything that a request can choose."""

import collections
import collections.abc

_Labels = tuple[str, ...]


class Counter:
    """Counts events by labels."""

    def __init__(self, name: str, text: str, labels: _Labels) -> None:
        self.name = name
        self.text = text
        self.labels = labels
        self.kind = "counter"
        self.values: collections.defaultdict[_Labels, float] = collections.defaultdict(float)

    def add(self, *labels: str, amount: float = 1) -> None:
        """Count one more event, or an amount."""
        self.values[labels] += amount


class Tally:
    """One number that the fastest path counts with: no look-up, no call."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


Gauge = collections.abc.Callable[[], float]


class Metrics:
    """Everything that is counted."""

    def __init__(self) -> None:
        self.denied = Counter("gatekeeper_checks_denied_total", "Checks that were refused, by reason.", ("reason",))
        self.logins = Counter("gatekeeper_logins_total", "Logins that came back, by outcome.", ("outcome",))
        self.renewals = Counter("gatekeeper_renewals_total", "Sessions renewed, or not.", ("outcome",))
        self.logouts = Counter("gatekeeper_logouts_total", "Sessions ended by a logout.", ())
        self.asked = Counter("gatekeeper_provider_requests_total", "Requests to the provider.", ("endpoint", "outcome"))
        self.waited = Counter("gatekeeper_provider_seconds_total", "Seconds spent waiting for it.", ("endpoint",))
        self.tallies: dict[str, Tally] = {}
        self.gauges: dict[str, tuple[str, Gauge]] = {}

    def tally(self, authenticator: str) -> Tally:
        """Return what counts the checks that one authenticator lets through."""
        return self.tallies.setdefault(authenticator, Tally())

    def render(self) -> str:
        """Return everything as text."""
        allowed = Counter("gatekeeper_checks_allowed_total", "Checks that were allowed.", ("authenticator",))
        for name, tally in self.tallies.items():
            allowed.add(name, amount=tally.count)
        lines: list[str] = []
        for one in (allowed, self.denied, self.logins, self.renewals, self.logouts, self.asked, self.waited):
            lines += [f"# HELP {one.name} {one.text}", f"# TYPE {one.name} {one.kind}"]
            lines += [f"{one.name}{_labels(one.labels, values)} {count:.17g}" for values, count in one.values.items()]
        for name, (text, gauge) in self.gauges.items():
            lines += [f"# HELP {name} {text}", f"# TYPE {name} gauge", f"{name} {gauge():.17g}"]
        return "\n".join(lines) + "\n"


def _labels(names: _Labels, values: _Labels) -> str:
    pairs = ",".join(f'{name}="{value}"' for name, value in zip(names, values, strict=True))
    return f"{{{pairs}}}" if pairs else ""
