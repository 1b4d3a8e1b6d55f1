# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The two engines behind one word: bring the container to what the gateway shall be, and say how that went."""

import dataclasses
import typing

import diagnostics
import emissary
import envoy
import model
import ops
import selftest
from charmkit import rollout


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """How it went.

    Attributes:
        refusal: why the engine refused the configuration, in its own words; empty when it took it.
        fault: what the self-test found; empty when nothing.
    """

    refusal: str = ""
    fault: str = ""


class Engine(typing.Protocol):
    """What routes the requests."""

    title: str
    service: str
    check: str

    def bring(self, container: ops.Container, gateway: model.Gateway, address: str) -> Outcome:
        """Bring a container to a gateway that listens on an address."""
        ...

    def check_failed(self, container: ops.Container) -> None:
        """Go back to the last good configuration, if the one in use ended the engine."""
        ...


class Envoy:
    """Envoy itself, which reads its files again when they change."""

    title = "Envoy"
    service = envoy.SERVICE
    check = envoy.CHECK

    def bring(self, container: ops.Container, gateway: model.Gateway, address: str) -> Outcome:
        """Rehearse, swap, and test."""
        state = envoy.configure(gateway)
        refusal = self._rollout(container).bring(state, envoy.rehearsal(state))
        if refusal:
            return Outcome(refusal=envoy.words(refusal))
        return Outcome(fault=selftest.run(address, gateway, envoy.version(state)))

    def check_failed(self, container: ops.Container) -> None:
        """Go back, if need be."""
        self._rollout(container).check_failed()

    def _rollout(self, container: ops.Container) -> rollout.Rollout:
        return rollout.Rollout(container, service=envoy.SERVICE, check=envoy.CHECK, record=envoy.RECORD)


class Emissary:
    """Emissary-ingress, which is told to read its files."""

    title = "Emissary"
    service = emissary.SERVICE
    check = emissary.CHECK

    def bring(self, container: ops.Container, gateway: model.Gateway, address: str) -> Outcome:
        """Swap, reload, ask what it thinks of it, and test; what it refuses is not left for its next start."""
        state = emissary.configure(gateway)
        roll = self._rollout(container)
        refusal = roll.bring(state) or diagnostics.reload()
        if refusal:
            roll.refuse(state, refusal)
            diagnostics.reload()
            return Outcome(refusal=emissary.words(refusal))
        return Outcome(fault=selftest.run(address, gateway))

    def check_failed(self, container: ops.Container) -> None:
        """Go back, if need be."""
        self._rollout(container).check_failed()

    def _rollout(self, container: ops.Container) -> rollout.Rollout:
        return rollout.Rollout(container, service=emissary.SERVICE, check=emissary.CHECK, record=emissary.RECORD)


ENGINES: dict[str, Engine] = {"envoy": Envoy(), "emissary": Emissary()}
