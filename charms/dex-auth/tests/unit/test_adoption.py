# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""An upgrade from the dex-auth charm of Charmed Kubeflow."""

import collections.abc
import dataclasses
import pathlib

import bcrypt
import deployed
import pytest
from ops import testing

Context = deployed.Context
SALT = bcrypt.gensalt(10)
STORED = {"username": "admin", "password": "GENERATED-BEFORE", "salt": SALT, "user_id": "08a8684b-db88-4b73-90a9"}


@pytest.fixture(params=[True, False], ids=["storage", "without storage"])
def ctx(request: pytest.FixtureRequest) -> collections.abc.Iterator[Context]:
    with deployed.context(storage=request.param) as context:
        yield context


def upgraded(home: pathlib.Path, content: dict | None) -> testing.State:
    """Return the state before the first hook of the new charm: there is no peer relation yet, and never a volume."""
    base = deployed.without(deployed.without_volume(deployed.deployed(home)), "peers")
    base = dataclasses.replace(base, storages=[])
    if content is None:
        return base
    stored = testing.StoredState("state", owner_path="Operator", content=content)
    return dataclasses.replace(base, stored_states=[stored])


def then(ctx: Context, state: testing.State) -> testing.State:
    """Run the upgrade, and what Juju says after it."""
    state = ctx.run(ctx.on.upgrade_charm(), state)
    state = deployed.with_relation(state, deployed.PEERS)
    return ctx.run(ctx.on.relation_created(deployed.PEERS), state)


def test_password_hash_and_user_id_stay(ctx: Context, tmp_path: pathlib.Path):
    state = then(ctx, upgraded(tmp_path, STORED))
    (user,) = deployed.dex(ctx, state)["staticPasswords"]
    assert user["hash"] == bcrypt.hashpw(b"GENERATED-BEFORE", SALT).decode()
    assert user["userID"] == STORED["user_id"]
    ctx.run(ctx.on.action("get-credentials"), state)
    assert (ctx.action_results or {})["password"] == "GENERATED-BEFORE"
    logged = [line.message for line in ctx.juju_log if line.level == "WARNING"]
    assert "the former charm's user was 'admin': juju config static-username keeps it" in logged
    assert "GENERATED-BEFORE" not in str(ctx.juju_log)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "user id, password, salt"),
        ({"user_id": "x", "password": "p"}, "salt"),
        ({"password": "p", "salt": b"no salt"}, "user id"),
        ({"password": 7, "user_id": "x", "salt": "y"}, ""),
    ],
)
def test_what_cannot_be_read_is_said(ctx: Context, tmp_path: pathlib.Path, content: dict | None, said: str):
    state = then(ctx, upgraded(tmp_path, content))
    (user,) = deployed.dex(ctx, state)["staticPasswords"]
    assert bcrypt.checkpw(deployed.kept(state)["password"].encode(), user["hash"].encode())
    logged = [line.message for line in ctx.juju_log if line.message.startswith("cannot read the former charm's")]
    wanted = f"cannot read the former charm's {said}: see get-credentials for the new ones"
    assert logged == ([wanted] if said else [])


def test_an_upgrade_of_this_charm_changes_nothing_and_says_nothing(ctx: Context, tmp_path: pathlib.Path):
    state = deployed.run(ctx, deployed.with_relation(upgraded(tmp_path, None), deployed.PEERS))
    stored = testing.StoredState("state", owner_path="Operator", content=STORED)
    state = dataclasses.replace(state, stored_states=[stored])
    ctx.juju_log.clear()
    out = ctx.run(ctx.on.upgrade_charm(), state)
    assert deployed.dex(ctx, out) == deployed.dex(ctx, state)
    assert not [line for line in ctx.juju_log if "former charm" in line.message]
