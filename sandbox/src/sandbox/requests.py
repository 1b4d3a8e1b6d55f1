# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Answers what the command line asks of a running sandbox, in Juju's words."""

import collections.abc
import contextlib
import difflib
import os
import re
import signal
import typing

import ops

from sandbox import box, control, model, status, supervisor

Json = typing.Any
Results = collections.abc.Iterable[Json]
# Longer than the longest action, shorter than a person's patience.
_ACTION_SECONDS = 60
_SECRET_KEY = re.compile(r"[a-z][a-z0-9-]+[a-z0-9]")


class Requests:
    """The commands, by their names on the command line."""

    def __init__(self, running: supervisor.Supervisor) -> None:
        """Answer for a sandbox."""
        self._running = running
        self._world = running.world

    def handle(self, command: str, arguments: dict[str, Json]) -> Results:
        """Run a command and yield its results.

        Raises:
            control.ControlError: it cannot be done.
        """
        method = getattr(self, f"do_{command.replace('-', '_')}", None)
        if method is None:
            raise control.ControlError(f"the running sandbox does not know the command {command!r}")
        try:
            yield from method(**arguments)
        except (model.WorldError, ops.pebble.Error) as error:
            # What a charm or Pebble says may have many lines, and words that are nobody else's business.
            raise control.ControlError(" ".join(self._running.journal.hide(str(error)).split())) from None

    def do_status(self) -> Results:
        """Return the status in Juju's shape."""
        yield status.show(self._world)

    def do_url(self) -> Results:
        """Return the gateway's URL."""
        yield self._running.url

    def do_config(self, app: str, values: dict[str, str], reset: list[str]) -> Results:
        """Set and reset options, and return all of them."""
        if values or reset:
            self._world.configure(app, values, reset)
        yield self._world.options(app)

    def do_run(self, unit: str, action: str, params: dict[str, str]) -> Results:
        """Run an action and return its results."""
        event = self._world.action(unit, action, params)
        assert event.outcome
        try:
            yield event.outcome.result(timeout=_ACTION_SECONDS)
        except TimeoutError:
            raise control.ControlError(
                f"action {action} did not end within {_ACTION_SECONDS} s: see debug-log"
            ) from None

    def do_integrate(self, one: str, two: str) -> Results:
        """Integrate two applications."""
        found = self._world.integrate(one, two)
        yield [f"{app}:{endpoint}" for app, endpoint in found.ends]

    def do_remove_relation(self, one: str, two: str) -> Results:
        """Remove a relation."""
        self._world.remove_relation(one, two)
        yield None

    def do_scale(self, app: str, units: int) -> Results:
        """Change the number of units."""
        self._world.scale(app, units)
        yield None

    def do_add_secret(self, name: str, content: dict[str, str]) -> Results:
        """Add a secret and return its URI."""
        for key in content:
            if not _SECRET_KEY.fullmatch(key):
                raise control.ControlError(
                    f"secret key {key!r} is not valid: three or more lower-case letters, digits and dashes, "
                    "a letter first"
                )
        yield self._world.add_secret(name, content)

    def do_grant_secret(self, name: str, app: str) -> Results:
        """Grant a secret to an application."""
        self._world.grant_secret(name, app)
        yield None

    def do_service(self, verb: str, unit: str, service: str) -> Results:
        """Stop, start or kill a service."""
        found = self._box_of(unit, service)
        if verb == "kill":
            pid = found.service_pid(service)
            if pid is None:
                raise control.ControlError(f"service {service} of {unit} does not run")
            os.kill(pid, signal.SIGKILL)
        else:
            client = found.client()
            (client.stop_services if verb == "stop" else client.start_services)([service])
        yield None

    def do_delete_pod(self, unit: str) -> Results:
        """Replace a unit's pod."""
        self._world.replace_pod(unit)
        for found in self._running.boxes(self._world.unit(unit).name).values():
            found.lose()
        yield None

    def _box_of(self, unit: str, service: str) -> box.Box:
        name = self._world.unit(unit).name
        known: dict[str, box.Box] = {}
        for found in self._running.boxes(name).values():
            with contextlib.suppress(ops.pebble.Error):
                known |= dict.fromkeys(found.client().get_plan().services, found)
        if service in known:
            return known[service]
        near = difflib.get_close_matches(service, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known) or 'none'}"
        raise control.ControlError(f"{unit} has no service {service!r}: {hint}")
