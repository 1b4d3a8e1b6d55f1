# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import pathlib

import pytest

from sandbox import bundle, status, view, world

CHARMS = pathlib.Path(__file__).parent / "charms"


@pytest.fixture
def truth() -> world.World:
    charm = bundle.read_charm(CHARMS / "probe")
    made = world.World()
    made.deploy("one", charm, units=2)
    made.deploy("two", charm)
    made.integrate("one:serve", "two:use")
    return made


def test_status_shows_every_unit_and_every_relation_once(truth: world.World, capsys: pytest.CaptureFixture[str]):
    truth.unit("one/1").status.put("blocked", "[bold]type[/] juju config one text=x")
    view.show(status.show(truth))
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "Unit Workload Agent Address Ports Message"
    assert lines[1].startswith("one/0* waiting allocating 127.1.1.1")
    # Brackets are text, not colours.
    assert lines[2].endswith("[bold]type[/] juju config one text=x")
    assert [line for line in lines if "probe" in line and "peers" not in line] == ["one:serve two:use probe"]


def test_plain_lines_have_one_line_for_each_unit(truth: world.World):
    truth.unit("two/0").status.put("blocked", "line 3\ncolumn 7")
    assert view.plain(status.show(truth)) == [
        "one/0: waiting installing agent",
        "one/1: waiting installing agent",
        "two/0: blocked line 3 column 7",
    ]
