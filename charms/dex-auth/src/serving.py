# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Brings Dex to what was decided, keeps what is good, and finds out which connectors it cannot open."""

import collections.abc
import dataclasses
import typing

import addresses
import dex
import ops
from charmkit import pebble, rollout


def version(container: ops.Container) -> tuple[int, int]:
    """Return the version of the Dex in a container; while nobody can look, the one that this charm is made for."""
    return dex.version(pebble.output(container, dex.ASK_VERSION, timeout=5) if container.can_connect() else "")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of it.

    Attributes:
        accepted: whether Dex takes these connectors, and they may be remembered as good.
        problems: what a person must mend.
        warnings: what will mend itself.
        away: the connectors that Dex cannot open.
    """

    accepted: bool
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    away: tuple[dex.Connector, ...] = ()


class Serving:
    """Dex in its container."""

    def __init__(self, container: ops.Container) -> None:
        self._container = container
        self._rollout = rollout.Rollout(container, service=dex.SERVICE, check=dex.CHECK, record=dex.RECORD)
        self._again = False

    def doubt(self) -> None:
        """Try everything again in this run: what was away may be back, and what was there may be gone."""
        self._rollout.forget_refusals()
        self._again = True

    def check_changed(self, name: str, *, failed: bool) -> None:
        """Roll back to what was good, or find out which connector Dex waits for; or try one again that is back."""
        back = name == dex.AWAY and not failed
        if back or (name != dex.AWAY and failed and self._rollout.check_failed() is None):
            self.doubt()

    def stand_by(self) -> None:
        """Serve nobody."""
        pebble.apply(self._container, dex.standby())
        pebble.stop(self._container, dex.SERVICE)

    def hold(self) -> None:
        """Let what runs go on; serve nobody before anything does."""
        if dex.SERVICE not in self._container.get_services():
            pebble.apply(self._container, dex.standby())

    def progress(self) -> str:
        """Return what is still waited for, or nothing."""
        if not pebble.running(self._container, dex.SERVICE):
            return "waiting for Dex to start"
        return "" if pebble.check_is_up(self._container, dex.CHECK) else "waiting for Dex to answer"

    def bring(self, inputs: dex.Inputs, good: tuple[dex.Connector, ...]) -> Outcome:
        """Swap the configuration in; of connectors that Dex cannot open, serve with the last good ones.

        Args:
            inputs: what is wanted.
            good: the last good connectors, of which some may be away now.
        """
        outcome = self._bring(inputs, good)
        self._watch(outcome.away)
        return outcome

    def _bring(self, inputs: dex.Inputs, good: tuple[dex.Connector, ...]) -> Outcome:
        again = self._again and bool(inputs.connectors)
        refusal = self._rollout.bring(dex.configure(inputs), dex.rehearsal(inputs), again=again)
        if refusal is None:
            return Outcome(accepted=True)
        away = self._away(inputs)
        if inputs.connectors == good:
            return self._without(inputs, away, refusal)
        if away and not good:
            # Nobody else need wait for these of a first list; Dex opens also them once they answer.
            first = self._without(inputs, away, refusal)
            if first.accepted:
                told = (*first.problems, *first.warnings)
                return dataclasses.replace(first, accepted=False, problems=told, warnings=())
        problem = f"connectors: Dex refuses them: {dex.words(refusal, inputs)}"
        # Whoever could log in still can: a connector goes only with a list that is good as a whole.
        opened = [entry for entry in inputs.connectors if away and entry["id"] not in away]
        served = {entry["id"]: entry for entry in (*good, *opened)}
        fallback = dataclasses.replace(inputs, connectors=tuple(served.values()))
        if not fallback.users and not fallback.connectors:
            return Outcome(accepted=False, problems=(problem,))
        rest = self._bring(fallback, fallback.connectors)
        waiting = (*_among(inputs, away), *rest.away)
        return Outcome(accepted=False, problems=(problem, *rest.problems), warnings=rest.warnings, away=waiting)

    def _watch(self, away: tuple[dex.Connector, ...]) -> None:
        """Have Pebble say when the first server that is away is back: update-status comes, but it comes late."""
        url = next((url for entry in away for url in addresses.urls(entry["type"], entry["config"])), "")
        check = dex.watch(url)
        known = self._container.get_plan().checks.get(dex.AWAY)
        # Pebble writes durations in words of its own.
        if known.tcp != check["tcp"] if known else url:
            layer = typing.cast("ops.pebble.LayerDict", {"checks": {dex.AWAY: check}})
            self._container.add_layer(dex.AWAY, layer, combine=True)

    def _away(self, inputs: dex.Inputs) -> dict[str, str]:
        """Return what Dex says of each connector that it cannot open, by its id."""
        said = {
            entry["id"]: self._rollout.rehearse(dex.rehearsal(dex.alone(inputs, entry))) for entry in inputs.connectors
        }
        return {name: reason for name, reason in said.items() if reason is not None}

    def _without(self, inputs: dex.Inputs, reasons: dict[str, str], refusal: str) -> Outcome:
        """Serve with connectors of which Dex cannot open some: what they ask is away."""
        away = {name: dex.words(reason, inputs) for name, reason in reasons.items()}
        stuck = {name for name, reason in reasons.items() if reason == pebble.SILENT}
        if not away:
            return Outcome(accepted=False, problems=(f"Dex refuses its configuration: {dex.words(refusal, inputs)}",))
        warnings = tuple(f"connector {name!r}: Dex cannot open it: {text}" for name, text in away.items())
        waiting = _among(inputs, away)
        if self._rollout.serves(dex.configure(inputs)):
            return Outcome(accepted=True, warnings=warnings, away=waiting)
        if not inputs.users and len(away) == len(inputs.connectors):
            # Dex ends where it can open none at all.
            return Outcome(accepted=True, problems=(f"nobody can log in, {warnings[0]}",), away=waiting)
        # Dex passes over one that fails, and opens it at the next login; it would wait for ever for one that hangs.
        rest = tuple(entry for entry in inputs.connectors if entry["id"] not in stuck)
        reduced = dataclasses.replace(inputs, connectors=rest)
        refused = self._rollout.bring(dex.configure(reduced), dex.rehearsal(reduced, strict=False))
        problems = (f"Dex refuses its configuration: {dex.words(refused, inputs)}",) if refused else ()
        return Outcome(accepted=not refused, problems=problems, warnings=warnings, away=waiting)


def _among(inputs: dex.Inputs, names: collections.abc.Container[str]) -> tuple[dex.Connector, ...]:
    """Return the connectors with some ids."""
    return tuple(entry for entry in inputs.connectors if entry["id"] in names)
