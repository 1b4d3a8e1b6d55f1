# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import collections.abc
import dataclasses

import ops
import pytest
from charmkit import secrets
from ops import testing

META = {"name": "keeper", "peers": {"peers": {"interface": "keeper_peers"}}}
PEERS = testing.PeerRelation("peers", id=3)
Context = testing.Context[ops.CharmBase]


@pytest.fixture
def ctx() -> collections.abc.Iterator[Context]:
    with testing.Context(ops.CharmBase, meta=META) as context:
        yield context


def write(ctx: Context, state: testing.State, content: dict[str, str]) -> testing.State:
    with ctx(ctx.on.update_status(), state) as manager:
        secrets.StateSecret(manager.charm).write(content)
        return manager.run()


def read(ctx: Context, state: testing.State) -> dict[str, str]:
    with ctx(ctx.on.update_status(), state) as manager:
        return secrets.StateSecret(manager.charm).read()


def bag(state: testing.State) -> dict[str, str]:
    return dict(state.get_relation(PEERS.id).local_app_data)


def test_nothing_written_reads_as_nothing(ctx: Context) -> None:
    assert read(ctx, testing.State(relations={PEERS})) == {}
    assert read(ctx, testing.State()) == {}


def test_leader_writes_an_application_secret_and_tells_its_peers(ctx: Context) -> None:
    state = write(ctx, testing.State(leader=True, relations={PEERS}), {"key": "value"})
    (secret,) = state.secrets
    assert (secret.owner, secret.label, secret.latest_content) == ("app", "state", {"key": "value"})
    assert secret.remote_grants == {}
    assert bag(state) == {"secret-id": secret.id, "secret-revision": "1"}
    assert "value" not in str(bag(state))


def test_every_unit_reads_what_the_leader_wrote(ctx: Context) -> None:
    state = write(ctx, testing.State(leader=True, relations={PEERS}), {"key": "value"})
    assert read(ctx, dataclasses.replace(state, leader=False)) == {"key": "value"}


def test_change_raises_the_revision_and_is_read_at_once(ctx: Context) -> None:
    state = write(ctx, testing.State(leader=True, relations={PEERS}), {"key": "value"})
    state = write(ctx, state, {"key": "other"})
    assert bag(state)["secret-revision"] == "2"
    assert len(list(state.secrets)) == 1
    assert read(ctx, state) == read(ctx, dataclasses.replace(state, leader=False)) == {"key": "other"}


def test_same_content_changes_nothing(ctx: Context) -> None:
    once = write(ctx, testing.State(leader=True, relations={PEERS}), {"key": "value"})
    twice = write(ctx, once, {"key": "value"})
    assert bag(twice) == bag(once)


def test_within_one_hook_what_was_written_is_read(ctx: Context) -> None:
    with ctx(ctx.on.update_status(), testing.State(leader=True, relations={PEERS})) as manager:
        state = secrets.StateSecret(manager.charm)
        state.write({"key": "value"})
        assert state.read() == {"key": "value"}
        state.write({"key": "other"})
        assert state.read() == {"key": "other"}


def test_without_peers_nothing_can_be_kept(ctx: Context) -> None:
    with ctx(ctx.on.update_status(), testing.State(leader=True)) as manager:
        state = secrets.StateSecret(manager.charm)
        assert not state.ready
        state.write({"key": "value"})
        assert not list(manager.run().secrets)
