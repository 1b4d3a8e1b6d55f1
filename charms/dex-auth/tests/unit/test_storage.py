# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The database: what Dex is told of it, through the charm, and two real Dexes that share a real one."""

import collections.abc
import contextlib
import dataclasses
import os
import pathlib
import re
import subprocess
import time

import charm
import deployed
import dex
import httpx
import live
import postgres
import pytest
from charmkit.interfaces import postgresql_client
from ops import testing

Context = deployed.Context
DATABASE = postgresql_client.Database(host="db", port=5432, name="dex", user="u", password="database-s3cret")


@pytest.fixture
def ctx() -> collections.abc.Iterator[Context]:
    with testing.Context(charm.DexCharm, app_name="dex-auth") as context:
        yield context


@pytest.fixture
def base(tmp_path: pathlib.Path) -> testing.State:
    return deployed.deployed(tmp_path)


def related(base: testing.State, secret: testing.Secret | None = None, **bag: str) -> testing.State:
    relation = testing.Relation("database", id=8, remote_app_name="postgresql-k8s", remote_app_data=bag)
    state = deployed.with_relation(base, relation)
    return dataclasses.replace(state, secrets=[secret] if secret else [])


def test_a_database_is_asked_for(ctx: Context, base: testing.State):
    out = deployed.run(ctx, related(base))
    assert out.get_relation(8).local_app_data["database"] == "dex"
    assert out.unit_status == testing.WaitingStatus("waiting for postgresql-k8s to make the database")
    # It takes no traffic meanwhile.
    assert not deployed.runs(out)
    assert "ready" in out.get_container("dex").plan.checks


def test_a_database_is_used_with_the_password_of_its_secret(ctx: Context, base: testing.State, tmp_path: pathlib.Path):
    secret = testing.Secret({"username": "u", "password": "database-s3cret", "tls": "True", "tls-ca": "PEM"})
    bag = {"endpoints": "db:5432", "secret-user": secret.id, "secret-tls": secret.id}
    state = deployed.run(ctx, related(base, secret, **bag))
    assert state.unit_status == testing.ActiveStatus()
    storage = deployed.dex(ctx, state)["storage"]
    assert storage == {
        "type": "postgres",
        "config": {
            "host": "db", "port": 5432, "database": "dex", "user": "u", "password": "database-s3cret",
            "connectionTimeout": 5, "ssl": {"mode": "verify-full", "caFile": "/tmp/dex/database-ca.pem"},
        },
    }  # fmt: skip
    assert (tmp_path / "database-ca.pem").read_text() == "PEM"
    changed = dataclasses.replace(
        state.get_secret(id=secret.id), latest_content={"username": "u", "password": "ROTATED", "tls": "False"}
    )
    others = [found for found in state.secrets if found.id != secret.id]
    state = ctx.run(ctx.on.secret_changed(changed), dataclasses.replace(state, secrets=[*others, changed]))
    assert deployed.dex(ctx, state)["storage"]["config"]["password"] == "ROTATED"
    assert state.unit_status == testing.ActiveStatus("warning: database: postgresql-k8s speaks no TLS")
    shown = str(state.get_container("dex").plan.to_dict()) + str(ctx.juju_log)
    shown += str([relation.local_app_data for relation in state.relations])
    assert "database-s3cret" not in shown


def test_every_unit_serves_with_a_database_and_only_the_leader_without(ctx: Context, base: testing.State):
    plain = {"endpoints": "db:5432", "username": "u", "password": "p"}
    state = deployed.run(ctx, related(base, **plain))
    other = deployed.run(ctx, dataclasses.replace(state, leader=False))
    assert deployed.runs(other)
    assert other.unit_status.name == "active"
    alone = deployed.run(ctx, deployed.without(other, "database"))
    assert alone.unit_status == testing.WaitingStatus(
        "standby: Dex keeps its state in memory: juju integrate dex-auth:database postgresql-k8s"
    )
    assert not deployed.runs(alone)


def test_what_runs_goes_on_while_the_database_is_made(ctx: Context, base: testing.State):
    state = deployed.run(ctx, base)
    out = deployed.run(ctx, deployed.with_relation(state, testing.Relation("database", id=8)))
    assert deployed.runs(out)
    assert deployed.dex(ctx, out)["storage"] == {"type": "memory"}


def test_nonsense_of_the_database_is_named(ctx: Context, base: testing.State):
    out = deployed.run(ctx, related(base, endpoints="db:x", username="u", password="p"))
    assert out.unit_status.message.startswith("database: postgresql-k8s sent what it must not: port must be")


def test_the_password_of_the_database_is_hidden_in_what_dex_says():
    given = dex.Inputs(issuer="http://h/dex", port=5556, database=DATABASE)
    assert "s3cret" not in dex.words("failed to initialize storage: password=database-s3cret", given)
    assert "s3cret" not in repr(given)


@pytest.fixture(scope="module")
def server() -> collections.abc.Iterator[postgres.Postgres]:
    if not os.environ.get("DEX"):
        pytest.skip("DEX does not name a Dex: the database is not tried with the real one here")
    found = postgres.Postgres()
    found.start()
    yield found
    found.close()


HASH = "$2b$10$2b2cU8CPhOTaGrs1HRQuAueS7JTT5ZHsHSzYiFPm1leZck7Mc8T4W"
CALLBACK = "http://127.0.0.1:1/callback"


@contextlib.contextmanager
def units(
    server: postgres.Postgres, home: pathlib.Path, count: int, *, tls: bool
) -> collections.abc.Iterator[list[str]]:
    """Run some Dexes as the charm would, all with one issuer."""
    ports = [live.free_port() for _ in range(count)]
    offer = {**server.offer(), "username": postgres.USER, "password": postgres.PASSWORD}
    offer |= {"tls": "True", "tls-ca": server.ca} if tls else {}
    given = dex.Inputs(
        issuer=f"http://127.0.0.1:{ports[0]}/dex",
        port=5556,
        clients=(dex.Client(id="c", name="C", redirect_uris=(CALLBACK,), secret="client-s3cret"),),
        users=(dex.User(username="a@b", hash=HASH, id="1"),),
        database=postgresql_client.read(offer, {}, name="dex"),
    )
    processes = []
    try:
        for port in ports:
            for file in dex.configure(given).files:
                text = file.text.replace("0.0.0.0:5556", f"127.0.0.1:{port}").replace("0.0.0.0:5558", "127.0.0.1:0")
                (home / pathlib.Path(file.path).name).write_text(text.replace("/tmp/dex", str(home)))
            quiet = subprocess.DEVNULL
            command = [os.environ["DEX"], "serve", str(home / "config.yaml")]
            processes.append(subprocess.Popen(command, stdout=quiet, stderr=quiet))
            live.wait(lambda port=port: answers(port), hint="Dex answers")
        yield [f"http://127.0.0.1:{port}/dex" for port in ports]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/dex/healthz").status_code == 200
    except httpx.HTTPError:
        return False


def keys(unit: str) -> set[str]:
    return {key["kid"] for key in httpx.get(f"{unit}/keys").json()["keys"]}


def form(unit: str) -> str:
    """Begin a login, and return the path of its form."""
    query = {"client_id": "c", "redirect_uri": CALLBACK, "response_type": "code", "scope": "openid offline_access"}
    page = httpx.get(f"{unit}/auth/local", params=query, follow_redirects=True)
    (action,) = re.findall(r'action="([^"]*)"', page.text)
    return action.replace("&amp;", "&").removeprefix("/dex")


def code(unit: str, path: str) -> str:
    """Send the form to a unit, and return the code in its answer."""
    answer = httpx.post(unit + path, data={"login": "a@b", "password": "password"})
    while "code=" not in answer.headers["location"]:
        location = answer.headers["location"]
        answer = httpx.get(unit + re.sub(r"^.*?/dex", "", location))
    return re.findall(r"code=([^&]*)", answer.headers["location"])[0]


def token(unit: str, **fields: str) -> dict:
    answer = httpx.post(f"{unit}/token", data={**fields, "redirect_uri": CALLBACK}, auth=("c", "client-s3cret"))
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("tls", [True, False])
def test_two_units_share_logins_and_keys(server: postgres.Postgres, tmp_path: pathlib.Path, tls: bool):
    with units(server, tmp_path, 2, tls=tls) as (one, two):
        assert keys(one) == keys(two)
        found = token(one, grant_type="authorization_code", code=code(two, form(one)))
        assert found["id_token"]
        again = token(two, grant_type="refresh_token", refresh_token=found["refresh_token"])
        before = keys(one)
    with units(server, tmp_path, 1, tls=tls) as (new,):
        # A new unit on the old data: keys and refresh tokens are still good.
        assert keys(new) == before
        assert token(new, grant_type="refresh_token", refresh_token=again["refresh_token"])["id_token"]


def test_a_database_that_is_away_for_a_while(server: postgres.Postgres, tmp_path: pathlib.Path):
    with units(server, tmp_path, 1, tls=True) as (unit,):
        server.stop()
        query = {"client_id": "c", "redirect_uri": CALLBACK, "response_type": "code", "scope": "openid"}
        assert httpx.get(f"{unit}/auth/local", params=query).status_code >= 500
        server.start()
        end = time.monotonic() + 20
        while True:
            try:
                found = token(unit, grant_type="authorization_code", code=code(unit, form(unit)))
                break
            except (ValueError, KeyError, AssertionError):
                assert time.monotonic() < end
                time.sleep(0.2)
        assert found["id_token"]
