# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The charm's actions, done by the program in the container."""

import dataclasses
import json
import typing

import ops
import reception

_SECONDS = 30.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Whose:
    """Whose profiles are meant; empty for everybody's."""

    user: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wish:
    """A profile to be made."""

    user: str
    name: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Doomed:
    """A profile to be deleted."""

    name: str
    confirm: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contributor:
    """Who works in whose profile."""

    profile: str
    user: str
    role: str = "edit"


Params = Whose | Wish | Doomed | Contributor


class _RefusedError(Exception):
    """The program refused; the text says why."""


class Actions(ops.Object):
    """Observes the actions about profiles."""

    def __init__(self, charm: ops.CharmBase) -> None:
        super().__init__(charm, "actions")
        self._charm = charm
        self._container = charm.unit.get_container(reception.SERVICE)
        framework, on = self.framework, charm.on
        framework.observe(on.list_profiles_action, self._on_list_profiles)
        framework.observe(on.create_profile_action, self._on_create_profile)
        framework.observe(on.delete_profile_action, self._on_delete_profile)
        framework.observe(on.add_contributor_action, self._on_add_contributor)
        framework.observe(on.remove_contributor_action, self._on_remove_contributor)

    def _on_list_profiles(self, event: ops.ActionEvent) -> None:
        found = self._ask(event, "list-profiles", event.load_params(Whose))
        if found is not None:
            event.set_results({"profiles": json.dumps(found["profiles"], indent=2)})

    def _on_create_profile(self, event: ops.ActionEvent) -> None:
        self._answer(event, "create-profile", event.load_params(Wish))

    def _on_delete_profile(self, event: ops.ActionEvent) -> None:
        self._answer(event, "delete-profile", event.load_params(Doomed))

    def _on_add_contributor(self, event: ops.ActionEvent) -> None:
        self._answer(event, "add-contributor", event.load_params(Contributor))

    def _on_remove_contributor(self, event: ops.ActionEvent) -> None:
        self._answer(event, "remove-contributor", event.load_params(Contributor))

    def _answer(self, event: ops.ActionEvent, command: str, params: Params) -> None:
        found = self._ask(event, command, params)
        if found is not None:
            event.set_results(found)

    def _ask(self, event: ops.ActionEvent, command: str, params: Params) -> dict[str, typing.Any] | None:
        """Return what the program says, or None after the action has failed."""
        if not self._container.can_connect():
            event.fail(f"the container is not there yet: see juju status {self._charm.app.name}")
            return None
        words = [f"--{key}={value}" for key, value in dataclasses.asdict(params).items()]
        try:
            return run(self._container, command, *words)
        except _RefusedError as refused:
            event.fail(str(refused))
        except (ops.pebble.ChangeError, ops.pebble.APIError, ops.pebble.TimeoutError):
            event.fail(f"the program cannot be asked: see juju debug-log --include {self._charm.unit.name}")
        return None


def run(container: ops.Container, *words: str) -> dict[str, typing.Any]:
    """Return what the program in the container says to a command.

    Raises:
        _RefusedError: it refused.
        ops.pebble.Error: it could not be asked.
    """
    process = container.exec([*reception.COMMAND, *words], timeout=_SECONDS, working_dir="/")
    try:
        return json.loads(process.wait_output()[0])
    except ops.pebble.ExecError as error:  # pyright: ignore[reportUnknownVariableType] - its parameter cannot be named here
        said = typing.cast("ops.pebble.ExecError[str]", error).stderr or ""
        lines = [line.removeprefix("reception: ") for line in said.strip().splitlines()]
        raise _RefusedError(lines[-1][:300] if lines else "the program refused without a word") from None
