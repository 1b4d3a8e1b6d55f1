# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Runs one hook of a charm in a State; as a program, it does so for the process that started it, with real Pebbles."""

import collections.abc
import dataclasses
import importlib
import logging
import pathlib
import pickle
import signal
import struct
import sys
import traceback
import typing
import warnings

import ops
import scenario
import scenario.errors
import scenario.mocking

from sandbox import client, model, words

JUJU = "3.6.0"
# ops.testing doubts what a test author may have forgotten; what a world builds is what it is.
logging.getLogger("ops-scenario").setLevel(logging.ERROR)
_SIMPLE = frozenset(
    {"install", "start", "stop", "remove", "config_changed", "leader_elected", "update_status", "upgrade_charm"}
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """One hook to run, and for a live one how to reach the Pebble of each container."""

    charm: model.Charm
    app: str
    number: int
    event: model.Event
    state: scenario.State
    boxes: dict[str, tuple[str, words.Words]] = dataclasses.field(default_factory=dict[str, tuple[str, words.Words]])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reply:
    """What came of a hook: a new state, or why there is none.

    Attributes:
        state: None when the hook raised.
        trace: the traceback of a hook that raised.
        results: the results of an action.
        failure: why an action failed.
        logs: level and text of what the charm logged.
    """

    state: scenario.State | None = None
    trace: str = ""
    results: dict[str, model.Json] = dataclasses.field(default_factory=dict[str, model.Json])
    failure: str | None = None
    logs: tuple[tuple[str, str], ...] = ()


def load(source: pathlib.Path) -> type[ops.CharmBase]:
    """Import src/charm.py of a charm, and return its class.

    Every charm calls its modules charm and config: they are taken out of the interpreter's table again, so that the
    next charm gets its own.
    """
    directory = source / "src"
    names = {path.stem for path in directory.iterdir()}
    # A charm's module may also have the name of a package that somebody else imported.
    others = {name: sys.modules.pop(name) for name in names if name in sys.modules}
    sys.path.insert(0, str(directory))
    try:
        module = importlib.import_module("charm")
    finally:
        sys.path.remove(str(directory))
        for name in names:
            sys.modules.pop(name, None)
        sys.modules.update(others)
    classes = [value for value in vars(module).values() if isinstance(value, type) and value.__module__ == "charm"]
    return next(value for value in classes if issubclass(value, ops.CharmBase))


def applicable(event: model.Event, state: scenario.State) -> bool:
    """Return whether what an event speaks of is still there."""
    if event.relation is not None:
        return any(found.id == event.relation for found in state.relations)
    if event.secret:
        return any(found.id == event.secret for found in state.secrets)
    if event.check:
        return event.check in state.get_container(event.container).plan.checks
    return True


def run(charm_type: type[ops.CharmBase], job: Job) -> Reply:
    """Run a hook."""
    charm = job.charm
    with (
        warnings.catch_warnings(),
        scenario.Context(
            charm_type,
            meta=charm.meta,
            config=charm.config,
            actions=charm.actions,
            app_name=job.app,
            unit_id=job.number,
            juju_version=JUJU,
        ) as context,
    ):
        warnings.simplefilter("ignore")
        state, event = _event(context, job.event, job.state)
        results: dict[str, model.Json] = {}
        try:
            after, failure, trace = context.run(event, state), None, ""
            results = dict(context.action_results or {})
        except scenario.ActionFailed as error:
            after, failure, trace = typing.cast("scenario.State", error.state), error.message, ""
        except scenario.errors.UncaughtCharmError as error:
            after, failure, trace = None, None, _trace(error)
        logs = tuple((line.level, line.message) for line in context.juju_log)
    return Reply(state=after, trace=trace, results=results, failure=failure, logs=logs)


def _trace(error: scenario.errors.UncaughtCharmError) -> str:
    cause = error.__cause__ or error
    return "".join(traceback.format_exception(cause)).strip()


def _event(
    context: scenario.Context[ops.CharmBase], event: model.Event, state: scenario.State
) -> tuple[scenario.State, typing.Any]:
    """Return the event in ops.testing's form, and the state that fits it."""
    on = context.on
    if event.kind in _SIMPLE:
        return state, getattr(on, event.kind)()
    if event.kind == "action":
        return state, on.action(event.action, params=dict(event.params))
    if event.relation is not None:
        relation = state.get_relation(event.relation)
        emit = getattr(on, event.kind)
        if not event.remote_unit:
            return state, emit(relation)
        number = int(event.remote_unit.split("/")[1])
        if event.kind == "relation_departed":
            return state, emit(relation, remote_unit=number, departing_unit=number)
        return state, emit(relation, remote_unit=number)
    if event.secret:
        secret = state.get_secret(id=event.secret)
        return state, getattr(on, event.kind)(secret)
    if event.storage:
        return state, on.storage_attached(next(found for found in state.storages if found.name == event.storage))
    container = state.get_container(event.container)
    if event.check:
        info = next(info for info in container.check_infos if info.name == event.check)
        return state, getattr(on, event.kind)(container, info=info)
    return state, on.pebble_ready(container)


def live_containers(boxes: collections.abc.Mapping[str, tuple[str, words.Words]]) -> tuple[scenario.Container, ...]:
    """Return the containers of a unit as their Pebbles tell them at this moment."""
    return tuple(_live_container(name, client.LiveClient(*box)) for name, box in boxes.items())


def _live_container(name: str, pebble: client.LiveClient) -> scenario.Container:
    try:
        checks = {check.name: check for check in pebble.get_checks()}
    except ops.pebble.Error:
        return scenario.Container(name, can_connect=False)
    layers = pebble.charm_layers()
    plan = pebble.get_plan()
    infos = [
        scenario.CheckInfo(
            name=check,
            level=checks[check].level,
            startup=checks[check].startup,
            status=ops.pebble.CheckStatus(checks[check].status),
            successes=checks[check].successes,
            failures=checks[check].failures,
            threshold=checks[check].threshold,
            change_id=checks[check].change_id,
        )
        for check in plan.checks
        if check in checks
    ]
    return scenario.Container(name, can_connect=True, layers=layers, check_infos=infos)


def _serve(inward: typing.BinaryIO, outward: typing.BinaryIO) -> None:
    """Run the hooks that come in, one by one, until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    boxes: dict[str, tuple[str, words.Words]] = {}

    def get_pebble(self: object, socket_path: str) -> ops.pebble.Client:
        del self
        # ops asks for the socket of a container by its path in the charm's container: /charm/containers/NAME/...
        return client.LiveClient(*boxes[pathlib.PurePosixPath(socket_path).parent.name])

    scenario.mocking._MockModelBackend.get_pebble = get_pebble  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]
    classes: dict[pathlib.Path, type[ops.CharmBase]] = {}
    while (job := receive(inward)) is not None:
        assert isinstance(job, Job)
        boxes.clear()
        boxes.update(job.boxes)
        try:
            if job.charm.source not in classes:
                classes[job.charm.source] = load(job.charm.source)
            state = dataclasses.replace(job.state, containers=frozenset(live_containers(job.boxes)))
            if applicable(job.event, state):
                reply = run(classes[job.charm.source], dataclasses.replace(job, state=state))
            else:
                reply = Reply(state=job.state)
        except Exception:
            reply = Reply(trace=traceback.format_exc())
        send(outward, reply)


def send(stream: typing.IO[bytes], message: object) -> None:
    """Write one message to a pipe."""
    data = pickle.dumps(message)
    stream.write(struct.pack("!Q", len(data)) + data)
    stream.flush()


def receive(stream: typing.IO[bytes]) -> object | None:
    """Read one message from a pipe, None at its end."""
    head = stream.read(8)
    if len(head) < 8:
        return None
    (size,) = struct.unpack("!Q", head)
    return pickle.loads(stream.read(size))  # noqa: S301 - from the process at the other end of our own pipe


def main() -> None:
    """Serve on the standard streams; whatever a charm prints goes to standard error."""
    outward = sys.stdout.buffer
    sys.stdout = sys.stderr
    _serve(sys.stdin.buffer, outward)
