# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What one unit takes back is refused by every unit within two seconds, over restarts, with Redis and without."""

import asyncio
import collections.abc
import json
import pathlib
import shutil
import socket
import subprocess
import threading
import time

import httpx
import pytest
from gatekeeper import (
    check,
    fields,
    guard,
    head,
    identity,
    journal,
    peers,
    policy,
    redis,
    refresh,
    revocation,
    sealed,
    session,
    settings,
)
from gatekeeper_support import NOW, Running, free_port, options, wait

SESSION, REFRESH = "authservice_session", "authservice_refresh"
PUBLIC = "http://127.0.0.1:8080"


class Unit(Running):
    """A unit of an application: same keys and public URL as the others."""

    def __init__(self, directory: pathlib.Path, **changes: object) -> None:
        directory.mkdir(parents=True)
        self.watched = directory / "watched.json"
        changes = {"journal": str(directory / "journal"), "watched_file": str(self.watched), **changes}
        super().__init__(directory, issuer="http://127.0.0.1:1/dex", **changes)

    def tell(self, *others: "Unit", records: list[dict[str, object]] | None = None) -> None:
        content = {"peers": [f"127.0.0.1:{other.port}" for other in others], "records": records or []}
        scratch = self.watched.with_suffix(".new")
        scratch.write_text(json.dumps(content))
        scratch.replace(self.watched)

    def lets_in(self, token: str, name: str = SESSION) -> bool:
        headers = {"accept": "application/json", "cookie": f"{name}={token}"}
        return httpx.get(f"{self.url}/x", headers=headers, trust_env=False).status_code == 200

    def log_out(self, token: str) -> None:
        headers = {"authorization": f"Bearer {token}"}
        assert httpx.post(f"{self.url}/authservice/logout", headers=headers, trust_env=False).status_code == 201


def tokens(userid: str = "user@example.com", *, ago: int = 0) -> tuple[str, str]:
    """Return a session and its refresh token, as a login at any unit would have given them."""
    ledger, read = revocation.Ledger(), options(public_url=PUBLIC)
    now = time.time() - ago
    began = session.begin(now)
    person = identity.Identity(userid=userid)
    sealer = sealed.Sealer([fields.state_key(key) for key in read.state_keys])
    return (
        session.Sessions(read, ledger).mint(person, now, began=began),
        refresh.Refreshes(read, sealer, ledger, policy.Policy(read)).issue(person, began, now),
    )


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
        # From the disk: nobody else runs long enough to tell.
        assert not one.lets_in(token)
        assert not one.lets_in(long, REFRESH)


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


class Redis:
    """A real Redis."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.program = shutil.which("redis-server")
        if self.program is None:
            pytest.skip("there is no redis-server: revocation over Redis is NOT tested here")
        self.port, self._directory = free_port(), directory
        self.start()

    def start(self) -> None:
        words = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", self._directory, "--appendonly", "yes"]
        self.process = subprocess.Popen([str(self.program), *map(str, words)], stdout=subprocess.DEVNULL)
        wait(self.answers)

    def answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port)) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(100) == b"+PONG\r\n"
        except OSError:
            return False

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=10)


@pytest.fixture
def store(tmp_path: pathlib.Path) -> collections.abc.Iterator[Redis]:
    made = Redis(tmp_path)
    yield made
    made.stop()


def redis_status(unit: Unit) -> int:
    return httpx.get(f"{unit.management}/redis", trust_env=False).status_code


def test_redis_carries_it_between_units_that_do_not_know_each_other(tmp_path: pathlib.Path, store: Redis):
    place = {"host": "127.0.0.1", "port": store.port}
    made = [Unit(tmp_path / f"u{number}", public_url=PUBLIC, redis=place, journal="") for number in range(2)]
    token, long = tokens()
    assert all(one.lets_in(token) for one in made)
    made[0].log_out(token)
    wait(lambda: not made[1].lets_in(token), seconds=2)
    # Neither has anything on its disk: what Redis has is enough.
    for one in made:
        one.stop()
        one.start()
    wait(lambda: not any(one.lets_in(token) or one.lets_in(long, REFRESH) for one in made), seconds=2)

    second, _ = tokens()
    store.stop()
    wait(lambda: redis_status(made[0]) == 503, seconds=5)
    assert made[0].lets_in(second)
    assert not made[0].lets_in(token)
    made[0].log_out(second)
    assert not made[0].lets_in(second)
    assert made[1].lets_in(second)
    store.start()
    wait(lambda: not made[1].lets_in(second), seconds=4)
    wait(lambda: redis_status(made[0]) == 200, seconds=2)
    lines = [line for line in made[0].log() if "redis" in line["message"]]
    assert [line["level"] for line in lines] == ["warning", "info"]
    for one in made:
        one.stop()


async def _exchange(stream: redis.Stream) -> list[revocation.Record]:
    return await stream.exchange(revocation.Ledger())


BAD_REPLIES = [
    b"-ERR no\r\n", b"+OK\r\n", b"*1\r\n+x\r\n", b"$999999999\r\n", b"*999999999\r\n", b"?\r\n", b"x" * 200_000,
    b"*1\r\n*2\r\n$3\r\n1-1\r\n$1\r\nx\r\n", b"*1\r\n" * 50, b":x\r\n", b"",
]  # fmt: skip


@pytest.mark.parametrize("reply", BAD_REPLIES, ids=range(len(BAD_REPLIES)))
def test_what_is_no_redis_is_an_error_and_nothing_else(reply: bytes):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(reply)

        threading.Thread(target=serve, daemon=True).start()
        stream = redis.Stream(settings.Redis(host="127.0.0.1", port=server.getsockname()[1]))
        with pytest.raises(redis.RedisError):
            asyncio.run(_exchange(stream))


def test_a_stranger_in_the_stream_is_passed_over(store: Redis):
    async def talk() -> list[revocation.Record]:
        stream = redis.Stream(settings.Redis(host="127.0.0.1", port=store.port))
        await stream._call("XADD", redis.STREAM, "*", "r", "{}", "other", '{"kind":"session","id":"s","expires":9}')
        ledger = revocation.Ledger()
        ledger.add([revocation.Record(kind="session", id=f"own{n}", expires=9) for n in range(1200)], 0)
        assert [record.id for record in await stream.exchange(ledger)] == ["s"]
        found = await stream.exchange(ledger)
        await stream.close()
        again = redis.Stream(settings.Redis(host="127.0.0.1", port=store.port))
        everything = await again.exchange(revocation.Ledger())
        await again.close()
        assert len(everything) == 1201
        return found

    assert len(asyncio.run(talk())) == 1200


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
