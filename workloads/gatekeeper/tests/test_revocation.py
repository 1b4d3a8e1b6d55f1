# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What one unit takes back is refused by every unit within two seconds, over restarts, with Redis and without."""

import asyncio
import collections.abc
import json
import pathlib
import time

import pytest
from gatekeeper import (
    check,
    fields,
    guard,
    head,
    identity,
    journal,
    peers,
    revocation,
    sealed,
    session,
)
from gatekeeper_support import NOW, options, wait
from gatekeeper_units import PUBLIC, REFRESH, Unit, tokens


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> collections.abc.Iterator[list[Unit]]:
    directory = tmp_path_factory.mktemp("units")
    made = [Unit(directory / str(number), public_url=PUBLIC) for number in range(3)]
    for one in made:
        one.tell(*(other for other in made if other is not one))
    yield made
    for one in made:
        one.stop()


def test_a_logout_at_one_unit_is_known_to_all_within_two_seconds_and_after_restarts(units: list[Unit]):
    token, long = tokens()
    other, _ = tokens()
    assert all(one.lets_in(token) and one.lets_in(long, REFRESH) for one in units)
    units[0].log_out(token)
    assert not units[0].lets_in(token)
    wait(lambda: not any(one.lets_in(token) or one.lets_in(long, REFRESH) for one in units), seconds=2)
    assert all(one.lets_in(other) for one in units)
    for one in units:
        one.stop()
        one.start()
        assert not one.lets_in(token)
        assert not one.lets_in(long, REFRESH)


def test_a_unit_that_is_alone_remembers_a_logout_over_its_restart(tmp_path: pathlib.Path):
    alone = Unit(tmp_path / "alone", public_url=PUBLIC)
    try:
        token, long = tokens()
        other, _ = tokens()
        assert alone.lets_in(token) and alone.lets_in(long, REFRESH)
        alone.log_out(token)
        alone.stop()
        alone.start()
        assert not alone.lets_in(token)
        assert not alone.lets_in(long, REFRESH)
        assert alone.lets_in(other)
    finally:
        alone.stop()


def test_a_unit_that_was_away_learns_what_it_missed(units: list[Unit]):
    token, long = tokens()
    units[2].stop()
    units[0].log_out(token)
    units[2].start()
    wait(lambda: not units[2].lets_in(long, REFRESH), seconds=2)


def test_the_charm_takes_back_all_of_a_person_and_nobody_else(units: list[Unit]):
    old, long = tokens(ago=100)
    stranger, _ = tokens("stranger@example.com", ago=100)
    now = int(time.time())
    record = {"kind": "user", "id": "user@example.com", "before": now - 10, "expires": now + 10**6}
    units[0].tell(units[1], units[2], records=[record])
    wait(lambda: not any(one.lets_in(old) or one.lets_in(long, REFRESH) for one in units), seconds=2)
    fresh, _ = tokens()
    assert all(one.lets_in(stranger) and one.lets_in(fresh) for one in units)


def test_nobody_but_a_unit_is_answered(units: list[Unit]):
    with units[0].client() as client:
        for value in ("", "x", "A" * 200):
            answer = client.get("/authservice/peers", headers={"x-gatekeeper-peer": value} if value else {})
            assert answer.status_code == 404


def conversation() -> tuple[peers.Peers, head.Head, revocation.Ledger]:
    ledger = revocation.Ledger()
    read = options()
    sealer = sealed.Sealer([fields.state_key(key) for key in read.state_keys])
    question = sealer.seal(json.dumps(["", 0, "nonce"]).encode(), purpose=b"peers: question")
    asked = head.Head(b"GET", b"/authservice/peers", [(b"x-gatekeeper-peer", question.encode())])
    return peers.Peers(read, sealer, ledger), asked, ledger


def test_an_answer_is_sealed_and_belongs_to_its_question():
    made, asked, ledger = conversation()
    ledger.add([revocation.Record(kind="user", id="somebody@example.com", before=5, expires=int(NOW))], 0)
    answer = made.reply(asked)
    assert answer is not None
    assert b"somebody" not in answer.body
    sealer = sealed.Sealer([fields.state_key(key) for key in options().state_keys])
    assert sealer.open(answer.body, purpose=b"peers: answer other") is None
    opened = sealer.open(answer.body, purpose=b"peers: answer nonce")
    assert opened is not None
    assert json.loads(opened)["records"] == [
        {"kind": "user", "id": "somebody@example.com", "before": 5, "expires": int(NOW)}
    ]
    foreign = sealed.Sealer([b"x" * 32]).seal(b'["", 0, "nonce"]', purpose=b"peers: question")
    assert made.reply(head.Head(b"GET", b"/", [(b"x-gatekeeper-peer", foreign.encode())])) is None


def test_older_news_takes_nothing_of_newer_back():
    ledger = revocation.Ledger()
    for before in (50, 20, 80, 30):
        ledger.add([revocation.Record(kind="user", id="u", before=before, expires=1000)], 0)
    # What began in the same second as the order was given may have begun before it.
    assert [ledger.covers(session="s", userid="u", began=at) for at in (50, 79.9, 80, 80.5, 81)] == [
        True, True, True, False, False,
    ]  # fmt: skip
    assert not ledger.covers(session="s", userid="v", began=0)
    ledger.prune(10)
    assert ledger.covers(session="s", userid="u", began=80)
    assert ledger.add([revocation.Record(kind="session", id="s", expires=9)], 10) == []
    assert not ledger.covers(session="s", userid="v", began=0)


def test_a_unit_asks_another_for_what_is_new_only(units: list[Unit]):
    token, _ = tokens()
    units[0].log_out(token)
    read = options(public_url=PUBLIC)
    made = peers.Peers(read, sealed.Sealer([fields.state_key(key) for key in read.state_keys]), revocation.Ledger())
    made.set_addresses([f"127.0.0.1:{units[0].port}"])

    async def ask() -> list[int]:
        found = [len(await made.ask()) for _ in range(3)]
        await made.close()
        return found

    first, *others = asyncio.run(ask())
    assert first >= 1
    assert others == [0, 0]


def test_pages_of_a_ledger_leave_nothing_out():
    ledger = revocation.Ledger()
    records = [revocation.Record(kind="session", id=str(number), expires=100 + number) for number in range(7)]
    ledger.add(records, 0)
    place, found = ("", 0), []
    for _ in range(3):
        page = ledger.page(*place, most=3)
        place = (page.generation, page.following)
        found += page.records
    assert found == records
    assert ledger.page(*place, most=3).records == []
    # What was forgotten shifts everything: whoever asks begins anew.
    ledger.prune(103)
    assert ledger.page(*place, most=9).records == records[4:]
    assert ledger.page(ledger.page("", 0, most=1).generation, -5, most=9).records == records[4:]


def test_the_journal_survives_whatever_stands_in_it(tmp_path: pathlib.Path):
    path = tmp_path / "journal"
    good = [revocation.Record(kind="session", id=f"s{number}", expires=int(NOW) + number) for number in range(3)]
    made = journal.Journal(str(path))
    made.append(good)
    with path.open("ab") as file:
        file.write(b'\xff\x00junk\n{"kind": "other"}\n[]\n{"kind":"session","id":"x","expires":"soon"}\n{"half')
    assert oct(path.stat().st_mode & 0o777) == "0o600"
    fresh = journal.Journal(str(path))
    assert fresh.news() == good
    assert fresh.news() == []
    fresh.compact(NOW + 1)
    assert journal.Journal(str(path)).news() == good[2:]
    fresh.compact(NOW + 9)
    assert not path.exists()


def test_a_disk_that_cannot_be_written_is_no_end(tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture):
    made = journal.Journal(str(tmp_path))
    made.compact(NOW)
    made.append([revocation.Record(kind="session", id="s", expires=1)])
    made.append([revocation.Record(kind="session", id="s", expires=1)])
    assert made.news() == []
    assert caplog.text.count("cannot keep what is taken back over a restart") == 1


def test_half_a_watched_file_is_read_again(tmp_path: pathlib.Path):
    path = tmp_path / "watched"
    watch = journal.Watch(str(path))
    assert watch.news() is None
    path.write_text('{"peers": ["a:1"], "rec')
    assert watch.news() is None
    path.write_text('{"peers": ["a:1"]}')
    found = watch.news()
    assert found is not None
    assert found.peers == ("a:1",)
    assert watch.news() is None


def test_a_guard_forgets_what_is_taken_back_only():
    ledger = revocation.Ledger()
    read = options()
    sessions = session.Sessions(read, ledger)
    ward = guard.Guard(sessions, check.allowing(read, sessions.attest))
    ledger.on_change.append(ward.forget)
    one, two = (sessions.mint(identity.Identity(userid=name), NOW).encode() for name in ("one", "two"))
    kept = [ward.ask(raw, NOW) for raw in (one, two)]
    ledger.add([revocation.Record(kind="user", id="one", before=int(NOW), expires=int(NOW) + 9)], NOW)
    assert ward.ask(one, NOW) == "session_revoked"
    assert ward.ask(two, NOW) is kept[1]
