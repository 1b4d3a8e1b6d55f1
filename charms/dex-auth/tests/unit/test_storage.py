# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The database: what Dex is told of it, through the charm, and two real Dexes that share a real one."""

import collections.abc
import dataclasses
import os
import pathlib
import time

import charm
import deployed
import dex
import httpx
import postgres
import pytest
import served
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
        "standby: without a database one unit serves: juju integrate dex-auth:database postgresql-k8s"
    )
    assert not deployed.runs(alone)


def test_what_runs_goes_on_while_the_database_is_made(ctx: Context, base: testing.State):
    state = deployed.run(ctx, base)
    out = deployed.run(ctx, deployed.with_relation(state, testing.Relation("database", id=8)))
    assert deployed.runs(out)
    assert deployed.dex(ctx, out)["storage"]["type"] == "sqlite3"


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


def offered(server: postgres.Postgres, *, tls: bool) -> postgresql_client.Database | None:
    """Return the database as the charm reads it."""
    offer = {**server.offer(), "username": postgres.USER, "password": postgres.PASSWORD}
    offer |= {"tls": "True", "tls-ca": server.ca} if tls else {}
    return postgresql_client.read(offer, {}, name="dex")


@pytest.mark.parametrize("tls", [True, False])
def test_two_units_share_logins_and_keys(server: postgres.Postgres, tmp_path: pathlib.Path, tls: bool):
    with served.units(tmp_path, 2, database=offered(server, tls=tls)) as (one, two):
        assert served.keys(one) == served.keys(two)
        found = served.token(one, grant_type="authorization_code", code=served.code(two, served.form(one)))
        assert found["id_token"]
        again = served.token(two, grant_type="refresh_token", refresh_token=found["refresh_token"])
        before = served.keys(one)
    with served.units(tmp_path, database=offered(server, tls=tls)) as (new,):
        # A new unit on the old data: keys and refresh tokens are still good.
        assert served.keys(new) == before
        assert served.token(new, grant_type="refresh_token", refresh_token=again["refresh_token"])["id_token"]


def test_a_database_that_is_away_for_a_while(server: postgres.Postgres, tmp_path: pathlib.Path):
    with served.units(tmp_path, database=offered(server, tls=True)) as (unit,):
        server.stop()
        query = {"client_id": "c", "redirect_uri": served.CALLBACK, "response_type": "code", "scope": "openid"}
        assert httpx.get(f"{unit.url}/auth/local", params=query).status_code >= 500
        server.start()
        end = time.monotonic() + 20
        while True:
            try:
                found = served.token(unit, grant_type="authorization_code", code=served.code(unit, served.form(unit)))
                break
            except (ValueError, KeyError, AssertionError):
                assert time.monotonic() < end
                time.sleep(0.2)
        assert found["id_token"]
