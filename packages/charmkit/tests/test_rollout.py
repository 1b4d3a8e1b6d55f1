# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import collections.abc
import dataclasses
import pathlib

import ops
import pytest
from charmkit import desired, rollout
from ops import testing

PROGRAM = "/bin/program"
META = {"name": "probe", "containers": {"box": {}}}


class Probe(ops.CharmBase):
    """Brings its container to what the test wants."""

    wanted = "one"
    first = False
    again = False
    result: str | None = None

    def __init__(self, framework: ops.Framework) -> None:
        super().__init__(framework)
        for event in (self.on.update_status, self.on.start, self.on.box_pebble_check_failed):
            framework.observe(event, self._on_event)

    def _on_event(self, event: ops.EventBase) -> None:
        box = self.unit.get_container("box")
        swap = rollout.Rollout(box, service="program", check="ready", record="/etc/probe/rollout.json")
        if isinstance(event, ops.PebbleCheckFailedEvent):
            Probe.result = swap.check_failed()
            return
        if isinstance(event, ops.StartEvent):
            swap.forget_refusals()
        trial = rollout.Rehearsal(
            files=(desired.File(path="/etc/probe/candidate", text=Probe.wanted),),
            command=(PROGRAM, "try"),
            first=Probe.first,
        )
        Probe.result = swap.bring(state(Probe.wanted), trial, again=Probe.again)


def state(text: str) -> desired.Desired:
    file = desired.File(path="/etc/probe/config", text=text)
    service = desired.service(PROGRAM, environment={"CONFIG_DIGEST": desired.digest([file])})
    checks = {"ready": desired.http_check("http://localhost:1/")}
    return desired.Desired(files=(file,), layer={"services": {"program": service}, "checks": checks})


class Box:
    """One container, and what is done to it."""

    def __init__(self, home: pathlib.Path, context: testing.Context[Probe]) -> None:
        self.home = home
        self.context = context
        self.container = testing.Container(
            "box",
            can_connect=True,
            mounts={"etc": testing.Mount(location="/etc/probe", source=home)},
            execs={testing.Exec([PROGRAM], return_code=0)},
        )

    def bring(self, text: str, *, refuse: str = "", forget: bool = False) -> str | None:
        Probe.wanted = text
        answer = testing.Exec([PROGRAM], return_code=1 if refuse else 0, stdout=refuse)
        self.container = dataclasses.replace(self.container, execs={answer})
        event = self.context.on.start() if forget else self.context.on.update_status()
        out = self.context.run(event, testing.State(containers=[self.container]))
        self.container = out.get_container("box")
        return Probe.result

    def prove(self, text: str, successes: int = 3) -> None:
        (info,) = self.container.check_infos
        self.container = dataclasses.replace(
            self.container, check_infos=[dataclasses.replace(info, successes=successes)]
        )
        assert self.bring(text) is None

    def fail(self, *, running: bool) -> str | None:
        (info,) = self.container.check_infos
        down = dataclasses.replace(info, status=ops.pebble.CheckStatus.DOWN, failures=3, successes=0)
        current = ops.pebble.ServiceStatus.ACTIVE if running else ops.pebble.ServiceStatus.ERROR
        self.container = dataclasses.replace(self.container, check_infos=[down], service_statuses={"program": current})
        event = self.context.on.pebble_check_failed(self.container, info=down)
        out = self.context.run(event, testing.State(containers=[self.container]))
        self.container = out.get_container("box")
        return Probe.result

    @property
    def config(self) -> str:
        return (self.home / "config").read_text()


@pytest.fixture
def box(tmp_path: pathlib.Path) -> collections.abc.Iterator[Box]:
    with testing.Context(Probe, meta=META) as context:
        yield Box(tmp_path, context)


def test_a_first_configuration_is_not_rehearsed(box: Box):
    assert box.bring("one", refuse="never asked") is None
    assert box.config == "one"


def test_a_first_configuration_is_rehearsed_where_its_start_might_never_end(box: Box, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Probe, "first", True)
    assert box.bring("one", refuse="it hangs") == "it hangs"
    assert not (box.home / "config").exists()
    assert box.bring("one", forget=True) is None
    assert box.config == "one"


def test_what_runs_is_tried_again_where_that_is_asked_for_and_goes_on(box: Box, monkeypatch: pytest.MonkeyPatch):
    box.bring("one")
    assert box.bring("one", refuse="provider unreachable") is None
    monkeypatch.setattr(Probe, "again", True)
    plan = box.container.plan
    assert box.bring("one", refuse="provider unreachable") == "provider unreachable"
    assert (box.config, box.container.plan) == ("one", plan)
    assert box.bring("one", forget=True) is None


def test_an_accepted_candidate_is_swapped_in(box: Box):
    box.bring("one")
    assert box.bring("two") is None
    assert box.config == "two"
    assert not (box.home / "candidate").exists()


def test_a_refused_candidate_changes_nothing_and_is_remembered(box: Box):
    box.bring("one")
    plan = box.container.plan
    assert box.bring("bad", refuse="line 3 is wrong") == "line 3 is wrong"
    assert box.config == "one"
    assert box.container.plan == plan
    # The program would accept it now, but it is not asked again.
    assert box.bring("bad") == "line 3 is wrong"
    assert box.bring("one") is None


def test_a_refusal_can_be_forgotten(box: Box):
    box.bring("one")
    box.bring("bad", refuse="provider unreachable")
    assert box.bring("bad", forget=True) is None
    assert box.config == "bad"


def test_a_silent_refusal_tells_its_exit_code(box: Box):
    box.bring("one")
    box.container = dataclasses.replace(box.container, execs={testing.Exec([PROGRAM], return_code=7)})
    Probe.wanted = "two"
    box.context.run(box.context.on.update_status(), testing.State(containers=[box.container]))
    assert Probe.result == "exit code 7"


def test_files_are_private(box: Box):
    box.bring("one")
    assert {path.stat().st_mode & 0o777 for path in box.home.iterdir()} == {0o600}


def test_a_service_that_does_not_start_is_rolled_back(box: Box, monkeypatch: pytest.MonkeyPatch):
    box.bring("one")
    box.prove("one")
    real = ops.Container.replan

    def replan(container: ops.Container) -> None:
        with container.pull("/etc/probe/config") as file:
            text = file.read()
        if text == "bad":
            change = ops.pebble.Change.from_dict(
                {
                    "id": "1", "kind": "replan", "summary": "", "status": "Error", "ready": True,
                    "spawn-time": "2026-01-01T00:00:00Z",
                    "tasks": [
                        {
                            "id": "2", "kind": "start", "summary": "", "status": "Error", "log": ["it said no"],
                            "progress": {"label": "", "done": 1, "total": 1}, "spawn-time": "2026-01-01T00:00:00Z",
                        }
                    ],
                }
            )  # fmt: skip
            raise ops.pebble.ChangeError("cannot start", change)
        real(container)

    monkeypatch.setattr(ops.Container, "replan", replan)
    assert box.bring("bad") == "it said no"
    assert box.config == "one"
    assert box.bring("bad") == "it said no"


def test_an_unproven_configuration_that_ends_the_service_is_rolled_back(box: Box):
    box.bring("one")
    box.prove("one")
    box.bring("two")
    assert box.fail(running=False) == "program ended after its configuration changed"
    assert box.config == "one"
    assert box.bring("two") == "program ended after its configuration changed"


def test_a_service_that_runs_and_does_not_answer_keeps_its_configuration(box: Box):
    box.bring("one")
    box.prove("one")
    box.bring("two")
    assert box.fail(running=True) is None
    assert box.config == "two"


def test_a_proven_configuration_is_never_rolled_back(box: Box):
    box.bring("one")
    box.prove("one")
    box.bring("two")
    box.prove("two")
    assert box.fail(running=False) is None
    assert box.config == "two"


def test_too_few_successes_are_no_proof(box: Box):
    box.bring("one")
    box.prove("one")
    box.bring("two")
    box.prove("two", successes=2)
    assert box.fail(running=False) is not None
    assert box.config == "one"
