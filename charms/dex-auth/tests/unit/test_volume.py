# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The volume of one unit: what the charm makes of it, and a real Dex that dies in the middle of everything."""

import collections.abc
import dataclasses
import os
import pathlib

import charm
import deployed
import pytest
import served
from ops import testing

Context = deployed.Context
COMMAND = "juju integrate dex-auth:database postgresql-k8s"


@pytest.fixture
def ctx() -> collections.abc.Iterator[Context]:
    with testing.Context(charm.DexCharm, app_name="dex-auth") as context:
        yield context


@pytest.fixture
def base(tmp_path: pathlib.Path) -> testing.State:
    return deployed.deployed(tmp_path)


def place(base: testing.State) -> pathlib.Path:
    """Return where the volume really is."""
    return pathlib.Path(base.get_container("dex").mounts["state"].source)


def test_only_dex_can_read_what_it_keeps(ctx: Context, base: testing.State):
    state = deployed.run(ctx, base)
    assert deployed.dex(ctx, state)["storage"] == {
        "type": "sqlite3",
        "config": {"file": "/var/lib/dex/private/dex.db"},
    }
    assert state.unit_status == testing.ActiveStatus()
    private = place(base) / "private"
    assert private.stat().st_mode & 0o777 == 0o700
    file = private / "dex.db"
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text("signing keys")
    deployed.run(ctx, state, title="Other")
    assert file.read_text() == "signing keys"


def test_a_unit_without_a_volume_says_what_is_lost(ctx: Context, base: testing.State):
    """As one that was deployed before there were volumes, and refreshed."""
    bare = dataclasses.replace(base, storages=[])
    cases = (bare, ctx), (deployed.without_volume(base), ctx), (bare, deployed.context(storage=False))
    for old, runner in cases:
        out = deployed.run(runner, old)
        assert deployed.dex(ctx, out)["storage"] == {"type": "memory"}
        assert deployed.runs(out)
        assert out.unit_status == testing.ActiveStatus(
            f"warning: each restart of Dex ends half-done logins, because this unit has no volume: {COMMAND}"
        )


def test_a_volume_that_comes_later_changes_nothing_else(ctx: Context, base: testing.State):
    old = deployed.run(ctx, dataclasses.replace(base, storages=[]))
    before = deployed.dex(ctx, old)
    (storage,) = base.storages
    new = ctx.run(ctx.on.storage_attached(storage), dataclasses.replace(old, storages=[storage]))
    after = deployed.dex(ctx, new)
    assert after.pop("storage")["type"] == "sqlite3"
    assert before.pop("storage")["type"] == "memory"
    assert after == before


def test_a_volume_that_cannot_be_written_is_named(ctx: Context, base: testing.State):
    (place(base) / "private").write_text("a file where a directory should be")
    out = deployed.run(ctx, base)
    assert deployed.runs(out)
    assert deployed.dex(ctx, out)["storage"] == {"type": "memory"}
    assert out.unit_status.message.startswith(
        "warning: each restart of Dex ends half-done logins, because its volume cannot be written: "
    )
    assert out.unit_status.message.endswith(COMMAND)


@pytest.mark.skipif(not os.environ.get("DEX"), reason="DEX does not name a Dex: the volume is not tried with it here")
def test_dex_dies_in_the_middle_of_a_login_and_nobody_notices(tmp_path: pathlib.Path):
    private = tmp_path / "volume" / "private"
    private.mkdir(parents=True, mode=0o700)
    (private / "dex.db").touch(mode=0o600)
    with served.units(tmp_path, volume=True) as (unit,):
        before = served.keys(unit)
        done = served.token(unit, grant_type="authorization_code", code=served.code(unit, served.form(unit)))
        begun = served.form(unit)
        unit.kill()
        unit.start()
        assert served.keys(unit) == before
        assert served.token(unit, grant_type="refresh_token", refresh_token=done["refresh_token"])["id_token"]
        code = served.code(unit, begun)
        unit.kill()
        unit.start()
        assert served.token(unit, grant_type="authorization_code", code=code)["id_token"]
        wide = [path for path in private.rglob("*") if path.stat().st_mode & 0o077]
    assert wide == []
