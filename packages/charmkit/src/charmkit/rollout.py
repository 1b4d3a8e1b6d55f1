# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Swaps a service's configuration so that a bad one never takes a running service down."""

import collections.abc
import dataclasses
import hashlib
import json
import logging
import typing

import ops

from charmkit import desired, pebble, words

logger = logging.getLogger(__name__)

# The check must have been up this often since the swap before a configuration counts as proven.
_PROOF = 3
# Refusals that are remembered; each is a digest and a sentence.
_MOST_REFUSALS = 32


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """How to try a candidate before it is swapped in.

    Attributes:
        files: what the trial reads; never the files of the running service.
        command: the program and its arguments.
        environment: its environment.
        timeout: seconds after which a program that still runs has accepted the candidate.
        serving: a word that it prints once it serves; with one, a program that did not print it in time is refused.
        first: whether to try also what nothing runs before, so that a start that never ends is found out.
    """

    files: tuple[desired.File, ...]
    command: tuple[str, ...]
    environment: collections.abc.Mapping[str, str] = dataclasses.field(default_factory=dict[str, str])
    timeout: float = 1.0
    serving: str = ""
    first: bool = False

    @property
    def digest(self) -> str:
        """Return a name for exactly this trial."""
        text = json.dumps([desired.digest(self.files), list(self.command), dict(self.environment)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Record:
    """What this container went through: kept beside its files, so that it goes when the container is replaced.

    Attributes:
        running: digest of the state that was swapped in last.
        good: the last state that was proven.
        refused: by digest, what the program said.
    """

    running: str = ""
    good: desired.Desired | None = None
    refused: collections.abc.Mapping[str, str] = dataclasses.field(default_factory=dict[str, str])


class Rollout:
    """Brings one service of a container from what runs to what is desired, and back when it does not prove good.

    A candidate is rehearsed while the old configuration serves, then swapped in. A service that ends within a second,
    or before its configuration was proven, is rolled back. A refused candidate is remembered, so that the next event
    does not try it again.
    """

    def __init__(self, container: ops.Container, *, service: str, check: str, record: str) -> None:
        """Remember where to work.

        Args:
            container: the container of the service.
            service: the Pebble service.
            check: the Pebble check that proves that it serves.
            record: path in the container of the file that this class keeps its memory in.
        """
        self._container = container
        self._service = service
        self._check = check
        self._path = record

    def bring(self, state: desired.Desired, rehearsal: Rehearsal | None = None, *, again: bool = False) -> str | None:
        """Bring the service to a state, and return the program's own words when it refused.

        After a refusal everything is as it was before: what ran goes on.

        Args:
            state: what shall run.
            rehearsal: how to try it before.
            again: whether to try also what runs already; what it depends on may be away.
        """
        record = self._load()
        for name in (state.digest, rehearsal.digest if rehearsal else ""):
            if name in record.refused:
                return record.refused[name]
        running = record.running == state.digest
        if running and not (again and rehearsal):
            return self._keep(record, state)
        if rehearsal is not None and (rehearsal.first or pebble.running(self._container, self._service)):
            reason = self.rehearse(rehearsal)
            if reason is not None:
                return reason
        return self._keep(record, state) if running else self._swap(record, state)

    def serves(self, state: desired.Desired) -> bool:
        """Return whether exactly this state runs, and answers."""
        answers = pebble.check_is_up(self._container, self._check)
        return self._load().running == state.digest and pebble.running(self._container, self._service) and answers

    def check_failed(self) -> str | None:
        """Go back to the last good configuration when the running one ended the service before it was proven.

        A service that runs and does not answer is not rolled back: no option did that, and Pebble starts it again.
        What is returned are the service's own last words, where Pebble has them.
        """
        record = self._load()
        proven = record.good is None or record.good.digest == record.running
        if proven or pebble.check_is_up(self._container, self._check) or pebble.running(self._container, self._service):
            return None
        said = words.last(self._container, self._service)
        reason = said or f"{self._service} ended after its configuration changed"
        self._refuse(record, record.running, reason, running=record.good)
        return reason

    def refuse(self, state: desired.Desired, reason: str) -> None:
        """Go back to the last good configuration, because the service itself said no to the one that was swapped in."""
        record = self._load()
        self._refuse(record, state.digest, reason, running=record.good)

    def forget_refusals(self) -> None:
        """Let refused candidates be tried again: what they depend on may have come back."""
        record = self._load()
        if record.refused:
            self._save(dataclasses.replace(record, refused={}))

    def _keep(self, record: _Record, state: desired.Desired) -> str | None:
        try:
            pebble.apply(self._container, state)
        except ops.pebble.ChangeError as error:
            return change_reason(error)
        if record.good != state and self._proven():
            self._save(dataclasses.replace(record, good=state))
        return None

    def rehearse(self, rehearsal: Rehearsal) -> str | None:
        """Try something beside the running service, and return what the program said when it refused.

        A refusal is remembered: the same is not tried again until refusals are forgotten.
        """
        record = self._load()
        if rehearsal.digest in record.refused:
            return record.refused[rehearsal.digest]
        reason = self._try(rehearsal)
        if reason is not None:
            self._refuse(record, rehearsal.digest, reason)
        return reason

    def _try(self, rehearsal: Rehearsal) -> str | None:
        pebble.write(self._container, rehearsal.files)
        try:
            return pebble.rehearse(
                self._container,
                rehearsal.command,
                environment=rehearsal.environment,
                timeout=rehearsal.timeout,
                serving=rehearsal.serving,
            )
        finally:
            for file in rehearsal.files:
                self._container.remove_path(file.path)

    def _swap(self, record: _Record, state: desired.Desired) -> str | None:
        # Written before the swap: a hook that is killed in the middle finds here what it was about to do.
        self._save(dataclasses.replace(record, running=state.digest))
        try:
            pebble.apply(self._container, state)
        except ops.pebble.ChangeError as error:
            reason = change_reason(error)
            self._refuse(record, state.digest, reason, running=record.good)
            return reason
        return None

    def _refuse(self, record: _Record, digest: str, reason: str, *, running: desired.Desired | None = None) -> None:
        """Remember a refusal, and with running bring back what ran before."""
        logger.warning("%s refused its configuration", self._service)
        refused = dict([*record.refused.items(), (digest, reason)][-_MOST_REFUSALS:])
        self._save(dataclasses.replace(record, refused=refused, running=running.digest if running else record.running))
        if running is None:
            return
        try:
            pebble.apply(self._container, running)
        except ops.pebble.ChangeError as error:
            # What was good is not any more; Pebble goes on trying, and the caller says why.
            logger.error("%s does not start as before: %s", self._service, change_reason(error))

    def _proven(self) -> bool:
        info = self._container.get_checks(self._check).get(self._check)
        if info is None or info.status != ops.pebble.CheckStatus.UP:
            return False
        return info.successes is None or info.successes >= _PROOF

    def _load(self) -> _Record:
        text = pebble.read(self._container, self._path)
        if text is None:
            return _Record()
        data = json.loads(text)
        good = data.pop("good")
        return _Record(**data, good=_state(good) if good else None)

    def _save(self, record: _Record) -> None:
        text = json.dumps(dataclasses.asdict(record), sort_keys=True)
        self._container.push(self._path, text, make_dirs=True, permissions=0o600)


def change_reason(error: ops.pebble.ChangeError) -> str:
    """Return the last words of a service that did not start, out of Pebble's task log."""
    lines = [line for task in error.change.tasks for line in task.log]
    return "\n".join(lines) or error.err


def _state(data: collections.abc.Mapping[str, typing.Any]) -> desired.Desired:
    files = tuple(desired.File(**file) for file in data["files"])
    return desired.Desired(files=files, layer=data["layer"])
