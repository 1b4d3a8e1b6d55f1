# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The engines behind one word: bring what routes the requests to what the gateway shall be, and say how that went."""

import dataclasses
import typing

import diagnostics
import emissary
import envoy
import incluster
import model
import ops
import selftest
from charmkit import pebble, rollout


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """How it went.

    Attributes:
        refusal: why the engine refused the configuration, in its own words; empty when it took it.
        fault: what the self-test found; empty when nothing.
        complaint: what a person must do first, with the command; empty when nothing.
    """

    refusal: str = ""
    fault: str = ""
    complaint: str = ""


class Engine(typing.Protocol):
    """What routes the requests."""

    title: str

    def bring(self, container: ops.Container, gateway: model.Gateway, where: str) -> Outcome:
        """Bring a container to a gateway, which is reached at an address or URL."""
        ...

    def check_failed(self, container: ops.Container) -> None:
        """Go back to the last good configuration, if the one in use ended the engine."""
        ...

    def waits(self, container: ops.Container) -> str:
        """Return what the engine has not done yet, empty when it serves."""
        ...


class _InPod:
    """What a service of our own container has in common."""

    title: str
    service: str
    check: str
    record: str

    def check_failed(self, container: ops.Container) -> None:
        """Go back, if need be."""
        self._rollout(container).check_failed()

    def waits(self, container: ops.Container) -> str:
        """Return start or answer."""
        if not pebble.running(container, self.service):
            return "start"
        return "" if pebble.check_is_up(container, self.check) else "answer"

    def _rollout(self, container: ops.Container) -> rollout.Rollout:
        return rollout.Rollout(container, service=self.service, check=self.check, record=self.record)


class Envoy(_InPod):
    """Envoy itself, which reads its files again when they change."""

    title, service, check, record = "Envoy", envoy.SERVICE, envoy.CHECK, envoy.RECORD

    def bring(self, container: ops.Container, gateway: model.Gateway, where: str) -> Outcome:
        """Rehearse, swap, and test."""
        state = envoy.configure(gateway)
        refusal = self._rollout(container).bring(state, envoy.rehearsal(state))
        if refusal:
            return Outcome(refusal=envoy.words(refusal))
        return Outcome(fault=selftest.run(where, gateway, envoy.version(state)))


class Emissary(_InPod):
    """Emissary-ingress, which is told to read its files."""

    title, service, check, record = "Emissary", emissary.SERVICE, emissary.CHECK, emissary.RECORD

    def bring(self, container: ops.Container, gateway: model.Gateway, where: str) -> Outcome:
        """Swap, reload, ask what it thinks of it, and test; what it refuses is not left for its next start."""
        state = emissary.configure(gateway)
        roll = self._rollout(container)
        refusal = roll.bring(state) or diagnostics.reload()
        if refusal:
            roll.refuse(state, refusal)
            diagnostics.reload()
            return Outcome(refusal=emissary.words(refusal))
        return Outcome(fault=selftest.run(where, gateway))


class InCluster:
    """An Emissary-ingress of the cluster, which finds its resources there; the leader writes them."""

    title = "Emissary"

    def __init__(self, *, leader: bool, namespace: str, application: str) -> None:
        """Remember who writes.

        Args:
            leader: whether this unit is the one.
            namespace: the model.
            application: this application.
        """
        self._leader = leader
        self._names = (namespace, application)

    def bring(self, container: ops.Container, gateway: model.Gateway, where: str) -> Outcome:
        """Write the resources, and test; nothing that ran here before serves on."""
        running = [name for name, service in container.get_services().items() if service.is_running()]
        if running:
            container.stop(*running)
        if not self._leader:
            return Outcome()
        complaint = incluster.bring(*self._names, emissary.resources(gateway))
        if complaint or not where:
            return Outcome(complaint=complaint)
        return Outcome(fault=selftest.elsewhere(where, gateway))

    def leave(self) -> str:
        """Remove the resources, the authorizer last, and return why that is not possible, or an empty text."""
        return incluster.clear(*self._names) if self._leader else ""

    def check_failed(self, container: ops.Container) -> None:
        """Do nothing: no check of ours is about it."""

    def waits(self, container: ops.Container) -> str:
        """Return nothing: what runs elsewhere is not ours to wait for."""
        return ""


ENGINES: dict[str, Engine] = {"envoy": Envoy(), "emissary": Emissary()}
