# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import io
import pathlib
import re

import pytest

from sandbox import bundle, journal, world

PEM = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49\nAwEHBG0wawIBAQQg\n-----END PRIVATE KEY-----\n"
CHARMS = pathlib.Path(__file__).parent / "charms"


@pytest.fixture
def truth() -> world.World:
    made = world.World()
    made.deploy("probe", bundle.read_charm(CHARMS / "probe"))
    return made


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def log(truth: world.World, out: io.StringIO) -> journal.Journal:
    made = journal.Journal(out)
    made.hide_secrets_of(truth)
    return made


def test_lines_look_like_juju_s(log: journal.Journal, out: io.StringIO):
    log.write("unit-probe-0", "INFO", "unit.probe/0.juju-log one\ntwo")
    first, second = out.getvalue().splitlines()
    assert re.fullmatch(r"unit-probe-0: \d\d:\d\d:\d\d INFO unit\.probe/0\.juju-log one", first)
    assert re.fullmatch(r"unit-probe-0: \d\d:\d\d:\d\d INFO two", second)


@pytest.mark.parametrize(
    "text",
    [
        "the password is hunter2hunter2",
        "config.json: {'pem': " + repr(PEM) + "}",
        PEM,
        "a traceback\n  File x\nValueError: hunter2hunter2",
    ],
)
def test_secrets_are_hidden(truth: world.World, log: journal.Journal, out: io.StringIO, text: str):
    truth.add_secret("own", {"password": "hunter2hunter2", "key-pem": PEM})
    log.write("unit-probe-0", "ERROR", text)
    for word in ("hunter2", "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49", "AwEHBG0wawIBAQQg"):
        assert word not in out.getvalue()
    assert "*" in out.getvalue()


def test_old_revisions_stay_hidden(truth: world.World, log: journal.Journal, out: io.StringIO):
    truth.add_secret("own", {"password": "the-first-one"})
    truth.update_secret("own", {"password": "the-second-one"})
    log.write("unit-probe-0", "INFO", "from the-first-one to the-second-one")
    assert "from ****** to ******" in out.getvalue()


def test_options_that_hold_a_password_are_hidden(truth: world.World, log: journal.Journal):
    truth.apps["probe"].options |= {"static-password": "correct horse", "text": "hello world"}
    assert log.hide("correct horse, hello world") == "******, hello world"


def test_short_words_stay(truth: world.World, log: journal.Journal):
    truth.add_secret("own", {"user": "bob"})
    assert log.hide("bobbin") == "bobbin"


def test_a_full_disk_or_the_end_stops_nobody(truth: world.World):
    with open("/dev/full", "w", buffering=1) as full:
        log = journal.Journal(full)
        log.write("a", "INFO", "text")
        log.close()
        log.write("a", "INFO", "text")
