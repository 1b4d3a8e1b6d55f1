# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What one unit takes back reaches the others through a real Redis, and nothing else in there is believed."""

import asyncio
import collections.abc
import hashlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import threading

import httpx
import pydantic
import pytest
from gatekeeper import fields, journal, redis, revocation, sealed, settings
from gatekeeper_support import STATE_KEY, certificate, free_port, wait
from gatekeeper_units import PUBLIC, REFRESH, Unit, tokens

SEALER = sealed.Sealer([fields.state_key(pydantic.SecretStr(STATE_KEY))])


class Redis:
    """A real Redis."""

    def __init__(self, directory: pathlib.Path, *words: str) -> None:
        self.program = shutil.which("redis-server")
        if self.program is None:
            pytest.skip("there is no redis-server: revocation over Redis is NOT tested here")
        self.port, self._directory, self._words = free_port(), directory, words
        self.log = directory / "redis.log"
        self.start()

    def start(self) -> None:
        words = [
            "--port",
            self.port,
            "--bind",
            "127.0.0.1",
            "--dir",
            self._directory,
            "--appendonly",
            "yes",
            *self._words,
        ]
        with self.log.open("a") as log:
            self.process = subprocess.Popen([str(self.program), *map(str, words)], stdout=log)
        wait(lambda: "eady to accept connections" in self.log.read_text())

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=10)
        self.log.write_text("")


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
        stream = redis.Stream(settings.Redis(host="127.0.0.1", port=server.getsockname()[1]), SEALER)
        with pytest.raises(redis.RedisError):
            asyncio.run(_exchange(stream))


def test_a_stranger_in_the_stream_is_passed_over(store: Redis):
    async def talk() -> list[revocation.Record]:
        stream = redis.Stream(settings.Redis(host="127.0.0.1", port=store.port), SEALER)
        mine = SEALER.seal(b'{"kind":"session","id":"s","expires":9}', purpose=b"redis: record")
        await stream._call("XADD", redis.STREAM, "*", "r", "{}", "other", mine)
        ledger = revocation.Ledger()
        ledger.add([revocation.Record(kind="session", id=f"own{n}", expires=9) for n in range(1200)], 0)
        assert [record.id for record in await stream.exchange(ledger)] == ["s"]
        found = await stream.exchange(ledger)
        await stream.close()
        again = redis.Stream(settings.Redis(host="127.0.0.1", port=store.port), SEALER)
        everything = await again.exchange(revocation.Ledger())
        await again.close()
        assert len(everything) == 1201
        return found

    assert len(asyncio.run(talk())) == 1200


RECORD = revocation.Record(
    kind="token",
    id="0" * 16,
    expires=2**39,
    token=revocation.Token(name="n", digest="0" * 64, userid="admin@example.com", created=1),
)


def test_nobody_else_who_can_write_there_makes_a_token(store: Redis):
    """A Redis has other users, and often no password: what it holds proves nothing by itself."""

    async def talk() -> tuple[list[str], list[revocation.Record]]:
        stream = redis.Stream(settings.Redis(host="127.0.0.1", port=store.port), SEALER)
        plain = journal.write(RECORD)
        theirs = sealed.Sealer([os.urandom(32)])
        peer = SEALER.seal(plain, purpose=b"peers: answer x")
        for text in (plain.decode(), theirs.seal(plain, purpose=b"redis: record"), peer, "!", ""):
            for name in ("r", "s"):
                await stream._call("XADD", redis.STREAM, "*", name, text)
        found = await stream.exchange(revocation.Ledger())
        ledger = revocation.Ledger()
        ledger.add([RECORD], 0)
        await stream.exchange(ledger)
        entries = await stream._call("XRANGE", redis.STREAM, "-", "+")
        assert isinstance(entries, list)
        await stream.close()
        return [str(entry) for entry in entries[10:]], found

    written, found = asyncio.run(talk())
    assert found == []
    assert len(written) == 1
    assert "admin@example.com" not in written[0]


def test_after_a_change_of_keys_the_others_hear_it_again(store: Redis):
    place = settings.Redis(host="127.0.0.1", port=store.port)
    old, new = os.urandom(32), os.urandom(32)

    async def read(*keys: bytes, ledger: revocation.Ledger) -> list[revocation.Record]:
        stream = redis.Stream(place, sealed.Sealer(keys))
        found = await stream.exchange(ledger)
        await stream.close()
        return found

    async def talk() -> None:
        ledger = revocation.Ledger()
        ledger.add([RECORD], 0)
        await read(old, ledger=ledger)
        assert await read(new, old, ledger=revocation.Ledger()) == [RECORD]
        assert await read(new, ledger=revocation.Ledger()) == []
        assert await read(new, ledger=ledger) == []
        assert await read(new, ledger=revocation.Ledger()) == [RECORD]

    asyncio.run(talk())


PASSWORD = "a pass word\r\n$1"


async def _complaint(place: settings.Redis) -> str:
    stream = redis.Stream(place, SEALER)
    try:
        await _exchange(stream)
    except redis.RedisError as error:
        return str(error)
    finally:
        await stream.close()
        # A connection whose handshake failed is closed by the loop, a moment later.
        await asyncio.sleep(0.05)
    return ""


def test_a_password_is_shown_to_redis_and_to_nobody_else(tmp_path: pathlib.Path):
    hashed = hashlib.sha256(PASSWORD.encode()).hexdigest()
    store = Redis(
        tmp_path, "--user", "keeper", "on", f"#{hashed}", "~gatekeeper:*", "+@stream", "--requirepass", "default"
    )
    place = {"host": "127.0.0.1", "port": store.port}
    known = {**place, "user": "keeper", "password": PASSWORD}
    one, two = (Unit(tmp_path / f"u{n}", public_url=PUBLIC, redis=known, journal="") for n in range(2))
    token, _ = tokens()
    try:
        one.log_out(token)
        wait(lambda: not two.lets_in(token), seconds=2)
        assert PASSWORD not in json.dumps([*one.log(), *two.log()])

        def complain(**words: str) -> str:
            return asyncio.run(_complaint(settings.Redis.model_validate({**place, **words})))

        assert complain(password="default") == ""
        wrong = complain(user="keeper", password="wrong-password")
        assert wrong == f"127.0.0.1:{store.port}: it refuses our user and password"
        assert complain(password=PASSWORD) == wrong
        assert "NOAUTH" in complain()
    finally:
        one.stop()
        two.stop()
        store.stop()


def test_what_a_server_repeats_of_a_password_is_not_passed_on():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                said = connection.recv(1000)
                connection.sendall(b"-ERR unknown command AUTH, with args: " + said.split(b"\r\n")[4] + b"\r\n")

        threading.Thread(target=serve, daemon=True).start()
        place = settings.Redis(host="127.0.0.1", port=server.getsockname()[1], password=pydantic.SecretStr("hidden"))
        assert "hidden" not in asyncio.run(_complaint(place))


def test_a_redis_that_speaks_tls_must_show_a_certificate_of_its_authority(tmp_path: pathlib.Path):
    ca, other = tmp_path / "ca.pem", tmp_path / "other.pem"
    certificate(tmp_path, other)
    both = certificate(tmp_path, ca)
    port = free_port()
    words = ["--tls-port", str(port), "--tls-cert-file", both, "--tls-key-file", both, "--tls-auth-clients", "no"]
    store = Redis(tmp_path, *map(str, words), "--requirepass", "p")
    place = {"host": "127.0.0.1", "port": port, "password": "p", "tls": True}

    def complain(**changes: object) -> str:
        return asyncio.run(_complaint(settings.Redis.model_validate({**place, **changes})))

    try:
        assert complain(ca=ca.read_text()) == ""
        assert "CERTIFICATE_VERIFY_FAILED" in complain(ca=other.read_text())
        assert "CERTIFICATE_VERIFY_FAILED" in complain()
        assert "CERTIFICATE_VERIFY_FAILED" in complain(ca=ca.read_text(), host="localhost")
        assert complain(tls=False) != ""
        known = {**place, "ca": ca.read_text()}
        one, two = (Unit(tmp_path / f"u{n}", public_url=PUBLIC, redis=known, journal="") for n in range(2))
        token, _ = tokens()
        one.log_out(token)
        wait(lambda: not two.lets_in(token), seconds=2)
        one.stop()
        two.stop()
    finally:
        store.stop()
