# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The actions on users, through the charm."""

import collections.abc
import dataclasses
import json
import pathlib

import bcrypt
import charm
import deployed
import pytest
from ops import testing

Context = deployed.Context
HASH = "$2y$10$2b2cU8CPhOTaGrs1HRQuAueS7JTT5ZHsHSzYiFPm1leZck7Mc8T4W"


@pytest.fixture
def ctx() -> collections.abc.Iterator[Context]:
    with testing.Context(charm.DexCharm, app_name="dex-auth") as context:
        yield context


@pytest.fixture
def state(ctx: Context, tmp_path: pathlib.Path) -> testing.State:
    base = deployed.deployed(tmp_path)
    return ctx.run(ctx.on.config_changed(), dataclasses.replace(base, config={"bcrypt-cost": 10}))


def act(ctx: Context, state: testing.State, name: str, **params: str) -> testing.State:
    given = {key.replace("_", "-"): value for key, value in params.items()}
    return ctx.run(ctx.on.action(name, params=given), state)


def fails(ctx: Context, state: testing.State, name: str, **params: str) -> str:
    with pytest.raises(testing.ActionFailed) as error:
        act(ctx, state, name, **params)
    return error.value.message


def results(ctx: Context) -> dict:
    return dict(ctx.action_results or {})


def logins(ctx: Context, state: testing.State) -> dict[str, dict]:
    return {entry["email"]: entry for entry in deployed.dex(ctx, state)["staticPasswords"]}


def test_a_user_comes_with_a_password_that_is_shown_once(ctx: Context, state: testing.State):
    state = act(ctx, state, "add-user", email="Jane@Example.com")
    shown = results(ctx)
    entry = logins(ctx, state)["jane@example.com"]
    assert bcrypt.checkpw(shown["password"].encode(), entry["hash"].encode())
    assert entry["hash"].startswith("$2b$10$")
    assert (entry["userID"], shown["email"]) == (shown["id"], "jane@example.com")
    assert set(logins(ctx, state)) == {"user@example.com", "jane@example.com"}
    act(ctx, state, "list-users")
    assert json.loads(results(ctx)["users"]) == [{"email": "jane@example.com", "id": shown["id"], "status": "enabled"}]
    assert shown["password"] not in str(results(ctx)) + str(state.secrets) + str(ctx.juju_log)


def test_a_password_by_secret_is_used_and_not_shown(ctx: Context, state: testing.State):
    secret = testing.Secret({"value": "chosen by Jane\n"})
    state = dataclasses.replace(state, secrets=[*state.secrets, secret])
    state = act(ctx, state, "add-user", email="jane@example.com", password_secret=secret.id)
    assert "password" not in results(ctx)
    assert bcrypt.checkpw(b"chosen by Jane", logins(ctx, state)["jane@example.com"]["hash"].encode())


def test_another_password_keeps_the_id_and_is_told_to_the_audit_log(ctx: Context, state: testing.State):
    state = act(ctx, state, "add-user", email="jane@example.com")
    before = logins(ctx, state)["jane@example.com"]
    state = act(ctx, state, "set-password", email="jane@example.com")
    after = logins(ctx, state)["jane@example.com"]
    assert bcrypt.checkpw(results(ctx)["password"].encode(), after["hash"].encode())
    assert (after["userID"], after["hash"] != before["hash"]) == (before["userID"], True)
    assert audited(ctx) == [f"authn_password_change:{before['userID']}"]


def audited(ctx: Context) -> list[str]:
    lines = [line.message for line in ctx.juju_log if "dex.owasp-logger" in line.message]
    return [json.loads(line)["event"] for line in lines]


def test_the_static_users_password_is_audited_once_and_not_at_a_restart(ctx: Context, state: testing.State):
    ctx.juju_log.clear()
    state = ctx.run(ctx.on.start(), state)
    state = deployed.run(ctx, state, bcrypt_cost=10)
    assert audited(ctx) == []
    state = deployed.run(ctx, state, bcrypt_cost=10, static_password="another")
    state = ctx.run(ctx.on.update_status(), state)
    assert audited(ctx) == [f"authn_password_change:{deployed.kept(state)['user-id']}"]


def test_a_disabled_user_is_kept_out_and_comes_back_as_the_same(ctx: Context, state: testing.State):
    state = act(ctx, state, "add-user", email="jane@example.com")
    before = logins(ctx, state)
    state = act(ctx, state, "disable-user", email="jane@example.com")
    assert set(logins(ctx, state)) == {"user@example.com"}
    act(ctx, state, "list-users")
    assert json.loads(results(ctx)["users"])[0]["status"] == "disabled"
    assert logins(ctx, act(ctx, state, "enable-user", email="jane@example.com")) == before


def test_a_removed_user_never_lends_the_id_to_the_next(ctx: Context, state: testing.State):
    state = act(ctx, state, "add-user", email="jane@example.com")
    first = results(ctx)["id"]
    state = act(ctx, state, "remove-user", email="jane@example.com")
    assert set(logins(ctx, state)) == {"user@example.com"}
    act(ctx, state, "add-user", email="jane@example.com")
    assert results(ctx)["id"] != first


def test_many_users_are_imported_into_several_secrets_and_leave_them_again(ctx: Context, state: testing.State):
    text = "".join(f"user{number}:{HASH}\n" for number in range(3000))
    state = act(ctx, state, "import-users", content=text, domain="example.com")
    assert results(ctx) == {"added": "3000", "updated": "0"}
    assert len(logins(ctx, state)) == 3001
    labels = {secret.label for secret in state.secrets}
    assert {"users-0", "users-1"} <= labels
    ids = {entry["email"]: entry["userID"] for entry in logins(ctx, state).values()}
    state = act(ctx, state, "import-users", content=f"user7@example.com:{HASH}\nnew@example.com:{HASH}")
    assert results(ctx) == {"added": "1", "updated": "1"}
    assert logins(ctx, state)["user7@example.com"]["userID"] == ids["user7@example.com"]


def test_an_import_leaves_alone_what_it_does_not_say(ctx: Context, state: testing.State):
    state = act(ctx, deployed.with_dex(state, "2.45.0"), "add-user", email="jane@example.com", groups="a")
    before = logins(ctx, state)["jane@example.com"]
    ctx.juju_log.clear()
    state = act(ctx, state, "import-users", content="email\njane@example.com")
    assert logins(ctx, state)["jane@example.com"] == before
    assert audited(ctx) == []
    state = act(ctx, state, "import-users", content=f"jane@example.com:{HASH}")
    assert logins(ctx, state)["jane@example.com"] == {**before, "hash": HASH}
    assert audited(ctx) == [f"authn_password_change:{before['userID']}"]


def test_generated_passwords_of_an_import_are_shown_once(ctx: Context, state: testing.State):
    secret = testing.Secret({"value": "email,password\njane@example.com,chosen\njohn@example.com,\n"})
    state = dataclasses.replace(state, secrets=[*state.secrets, secret])
    state = act(ctx, state, "import-users", content_secret=secret.id)
    (made,) = json.loads(results(ctx)["passwords"]).items()
    assert made[0] == "john@example.com"
    assert bcrypt.checkpw(made[1].encode(), logins(ctx, state)["john@example.com"]["hash"].encode())
    assert bcrypt.checkpw(b"chosen", logins(ctx, state)["jane@example.com"]["hash"].encode())


@pytest.mark.parametrize(
    ("name", "params", "said"),
    [
        ("add-user", {"email": "jane"}, "email: 'jane' is no e-mail address, write it like jane@example.com"),
        (
            "add-user",
            {"email": "user@example.com"},
            "'user@example.com' is the static user, see the option static-username",
        ),
        ("add-user", {"email": "a@b", "groups": "x"}, "groups: Dex 2.45 or newer is needed, this one is 2.44"),
        (
            "add-user",
            {"email": "a@b", "password_secret": "hunter2"},
            "password-secret: a reference to a secret is expected, secret:<id> or secret:<id>#<key>",
        ),
        (
            "add-user",
            {"email": "a@b", "password_secret": "secret:" + "z" * 20},
            f"password-secret: cannot read the secret {'z' * 20}: juju grant-secret {'z' * 20} dex-auth",
        ),
        ("set-password", {"email": "a@b"}, "there is no user 'a@b': see list-users"),
        (
            "set-password",
            {"email": "user@example.com"},
            "'user@example.com' is the static user: juju config dex-auth static-password=secret:<id>",
        ),
        ("disable-user", {"email": "a@b"}, "there is no user 'a@b': see list-users"),
        ("remove-user", {"email": "a@b"}, "there is no user 'a@b': see list-users"),
        ("import-users", {}, "give the file as content or as content-secret"),
        (
            "import-users",
            {"content": "email,groups\na@b,x"},
            "groups of 'a@b': Dex 2.45 or newer is needed, this one is 2.44",
        ),
        (
            "import-users",
            {"content": f"user@example.com:{HASH}"},
            "'user@example.com' is the static user, see the option static-username",
        ),
    ],
)
def test_what_cannot_be_done_says_why(ctx: Context, state: testing.State, name: str, params: dict, said: str):
    assert fails(ctx, state, name, **params) == said


def test_a_newer_dex_tells_groups(ctx: Context, state: testing.State):
    state = act(ctx, deployed.with_dex(state, "2.45.1"), "add-user", email="jane@example.com", groups="a, b,a")
    assert logins(ctx, state)["jane@example.com"]["groups"] == ["a", "b"]


def test_a_user_there_is_is_not_added_again(ctx: Context, state: testing.State):
    state = act(ctx, state, "add-user", email="jane@example.com")
    said = "there is a user 'jane@example.com' already: see set-password"
    assert fails(ctx, state, "add-user", email="JANE@example.com") == said


def test_another_unit_names_the_leader(ctx: Context, state: testing.State):
    other = dataclasses.replace(state, leader=False)
    assert fails(ctx, other, "add-user", email="a@b") == (
        "the leader keeps the users: juju run dex-auth/leader add-user ..."
    )


def test_without_peers_nothing_can_be_kept(ctx: Context, state: testing.State):
    said = fails(ctx, deployed.without(state, "peers"), "add-user", email="a@b")
    assert said == "nothing can be kept yet: see juju status dex-auth"


@pytest.mark.parametrize(
    ("options", "emails"),
    [
        ({"static-username": ""}, {"jane@example.com"}),
        ({"static-username": "Jane@example.com"}, {"Jane@example.com"}),
    ],
)
def test_users_beside_the_static_one(ctx: Context, state: testing.State, options: dict, emails: set[str]):
    state = act(ctx, state, "add-user", email="jane@example.com")
    state = ctx.run(ctx.on.config_changed(), dataclasses.replace(state, config=options))
    assert set(logins(ctx, state)) == emails
    assert state.unit_status.name == "active"
    if options["static-username"]:
        assert state.unit_status.message.startswith("warning: static-username: jane@example.com is also a user")


def test_the_switch_keeps_everybody_out_whom_dex_knows(ctx: Context, state: testing.State):
    state = act(ctx, state, "add-user", email="jane@example.com")
    options = {"enable-password-db": False, "connectors": deployed.LDAP}
    state = ctx.run(ctx.on.config_changed(), dataclasses.replace(state, config=options))
    config = deployed.dex(ctx, state)
    assert (config["enablePasswordDB"], config["staticPasswords"]) == (False, [])
