# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The actions about API tokens: asked of this unit's service, which tells the others."""

import dataclasses
import json
import typing

import gatekeeper
import ops

_SECONDS = 20.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wish:
    """What a token shall be."""

    user: str
    name: str = "token"
    groups: str = ""
    days: int = 30
    paths: str = ""
    methods: str = ""

    @property
    def words(self) -> tuple[str, ...]:
        """Return the words of the command line."""
        pairs = {**dataclasses.asdict(self), "days": str(self.days)}
        return ("create-token", *(f"--{key}={value}" for key, value in pairs.items()))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Whose:
    """Whose tokens are meant; empty for everybody's."""

    user: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Which:
    """Which token is meant."""

    id: str


class PublicUrl(typing.Protocol):
    """Knows where browsers reach the gateway."""

    @property
    def public_url(self) -> str:
        """Return the URL, empty while it is not known."""
        ...


class _RefusedError(Exception):
    """The service refused; the text says why."""


class TokenActions(ops.Object):
    """Observes the actions about API tokens."""

    def __init__(self, charm: ops.CharmBase, place: PublicUrl) -> None:
        super().__init__(charm, "token-actions")
        self._charm = charm
        self._place = place
        self._container = charm.unit.get_container(gatekeeper.SERVICE)
        framework, on = self.framework, charm.on
        framework.observe(on.create_token_action, self._on_create_token)
        framework.observe(on.list_tokens_action, self._on_list_tokens)
        framework.observe(on.revoke_token_action, self._on_revoke_token)
        framework.observe(on.get_access_command_action, self._on_get_access_command)

    def _on_create_token(self, event: ops.ActionEvent) -> None:
        found = self._ask(event, event.load_params(Wish).words)
        if found is not None:
            event.set_results({key: found[key] for key in ("token", "id", "user", "expires")})

    def _on_list_tokens(self, event: ops.ActionEvent) -> None:
        found = self._ask(event, ("list-tokens", f"--user={event.load_params(Whose).user}"))
        if found is not None:
            event.set_results({"tokens": json.dumps(found["tokens"], indent=2)})

    def _on_revoke_token(self, event: ops.ActionEvent) -> None:
        found = self._ask(event, ("revoke-token", f"--id={event.load_params(Which).id}"))
        if found is not None:
            event.set_results({"result": f"revoked {found['revoked']}"})

    def _on_get_access_command(self, event: ops.ActionEvent) -> None:
        url = self._place.public_url
        if not url:
            event.fail(f"the public URL is not known yet: see juju status {self._charm.app.name}")
            return
        found = self._ask(event, event.load_params(Wish).words)
        if found is not None:
            results = {key: found[key] for key in ("id", "user", "expires")}
            event.set_results({**results, **gatekeeper.access_commands(url, found["token"]), **self._device()})

    def _device(self) -> dict[str, str]:
        """Return how people log in on machines without a browser, nothing where that is not offered."""
        try:
            lines = self._run(("device-login",))["device"]
        except _RefusedError:
            return {}
        return {"device": lines} if lines else {}

    def _ask(self, event: ops.ActionEvent, words: tuple[str, ...]) -> dict[str, typing.Any] | None:
        """Return what the service says, or None after the action has failed."""
        if not self._container.can_connect():
            event.fail(f"the container is not there yet: see juju status {self._charm.app.name}")
            return None
        try:
            return self._run(words)
        except _RefusedError as refused:
            event.fail(str(refused))
        return None

    def _run(self, words: tuple[str, ...]) -> dict[str, typing.Any]:
        """Return what the service says to a command.

        Raises:
            _RefusedError: it does not do it, or says nothing.
        """
        try:
            process = self._container.exec([*gatekeeper.COMMAND, *words], timeout=_SECONDS)
            return json.loads(process.wait_output()[0])
        except ops.pebble.ExecError as error:  # pyright: ignore[reportUnknownVariableType] - its parameter cannot be named here
            said = typing.cast("ops.pebble.ExecError[str]", error).stderr or ""
            lines = [line.removeprefix("gatekeeper: ") for line in said.strip().splitlines()]
            raise _RefusedError(lines[-1][:300] if lines else "the service refused without a word") from None
        except (ops.pebble.ChangeError, ops.pebble.APIError, ops.pebble.TimeoutError):
            advice = f"see juju debug-log --include {self._charm.unit.name}"
            raise _RefusedError(f"the service cannot be asked: {advice}") from None
