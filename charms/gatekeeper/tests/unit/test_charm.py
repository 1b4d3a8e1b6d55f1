# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import collections.abc
import dataclasses
import json
import pathlib
import ssl
import time
import typing

import charm
import directory
import ops
import pytest
import yaml
from charmkit.interfaces import dex_oidc_config, first_login, ingress, ingress_auth, oidc_client
from ops import testing

Context = testing.Context[charm.GatekeeperCharm]
CHECK = ["/usr/local/bin/gatekeeper", "--config", "/etc/gatekeeper/candidate.json", "--check"]
ISSUER = "http://192.0.2.1:8080/dex"
INTERNAL = "http://dex-auth.kubeflow.svc.cluster.local:5556/dex"

INGRESS = testing.Relation(
    "ingress",
    id=11,
    remote_app_name="ambassador-route",
    remote_app_data=ingress.write_gateway(external_url="http://192.0.2.1:8080"),
)
AUTH = testing.Relation(
    "ingress-auth", id=12, remote_app_name="ambassador-route", remote_app_data=ingress_auth.write_gateway()
)
PROVIDER = testing.Relation(
    "dex-oidc-config",
    id=13,
    remote_app_name="dex-auth",
    remote_app_data=dex_oidc_config.write(dex_oidc_config.Provider(issuer_url=ISSUER, internal_url=INTERNAL)),
)
CLIENT = testing.Relation(
    "oidc-client", id=14, remote_app_name="dex-auth", remote_app_data=oidc_client.write_provider()
)
PEERS = testing.PeerRelation("peers", id=15)
OLD_PROVIDER = {"_supported_versions": "- v1\n"}
COMMANDS = {
    11: "juju integrate gatekeeper:ingress ambassador-route:ingress-unauthenticated",
    12: "juju integrate gatekeeper:ingress-auth ambassador-route:ingress-auth",
    13: "juju integrate gatekeeper:dex-oidc-config dex-auth:dex-oidc-config",
    14: "juju integrate gatekeeper:oidc-client dex-auth:oidc-client",
}


@pytest.fixture
def ctx() -> collections.abc.Iterator[Context]:
    with testing.Context(charm.GatekeeperCharm) as context:
        yield context


@pytest.fixture
def base(tmp_path: pathlib.Path) -> testing.State:
    container = testing.Container(
        "gatekeeper",
        can_connect=True,
        mounts={"etc": testing.Mount(location="/etc/gatekeeper", source=tmp_path)},
        execs={testing.Exec(CHECK)},
    )
    return testing.State(
        leader=True,
        model=testing.Model(name="kubeflow"),
        containers={container},
        relations={INGRESS, AUTH, PROVIDER, CLIENT, PEERS},
    )


def update(ctx: Context, state: testing.State, **changes: object) -> testing.State:
    return ctx.run(ctx.on.update_status(), dataclasses.replace(state, **changes))  # type: ignore[arg-type]


def document(ctx: Context, state: testing.State) -> dict[str, typing.Any]:
    root = state.get_container("gatekeeper").get_filesystem(ctx)
    return json.loads((root / "etc/gatekeeper/config.json").read_text())


def bag(state: testing.State, relation: testing.RelationBase) -> dict[str, str]:
    return dict(state.get_relation(relation.id).local_app_data)


def client(state: testing.State) -> dict[str, typing.Any]:
    return yaml.safe_load(bag(state, CLIENT)["data"])


def content(state: testing.State, label: str = "client-secret") -> dict[str, str]:
    secret = state.get_secret(label=label)
    return dict(secret.latest_content or {})


def without(state: testing.State, *ids: int) -> frozenset[testing.RelationBase]:
    return frozenset(relation for relation in state.relations if relation.id not in ids)


def swap(state: testing.State, relation: testing.Relation, data: dict[str, str]) -> frozenset[testing.RelationBase]:
    kept = typing.cast("testing.Relation", state.get_relation(relation.id))
    return without(state, relation.id) | {dataclasses.replace(kept, remote_app_data=data)}


def test_everything_related_is_active(ctx: Context, base: testing.State) -> None:
    state = update(ctx, base)
    assert state.unit_status == ops.ActiveStatus()
    assert state.get_container("gatekeeper").service_statuses == {"gatekeeper": ops.pebble.ServiceStatus.ACTIVE}
    assert state.opened_ports == {testing.TCPPort(8080), testing.TCPPort(8081)}
    found = document(ctx, state)
    assert found["public_url"] == "http://192.0.2.1:8080"
    assert (found["issuer"], found["back_channel"]) == (ISSUER, INTERNAL)
    assert found["client_secret"] == content(state)["client-secret"]


def test_configuration_is_private(ctx: Context, base: testing.State) -> None:
    root = update(ctx, base).get_container("gatekeeper").get_filesystem(ctx) / "etc/gatekeeper"
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in root.iterdir()} == {
        "config.json": "0o600",
        "rollout.json": "0o600",
        "watched.json": "0o600",
    }


def test_the_mesh_is_told_no_policy_and_other_models_the_name(ctx: Context, base: testing.State) -> None:
    beacon, other = testing.Relation("service-mesh", id=51), testing.Relation("require-cmr-mesh", id=52)
    out = update(ctx, dataclasses.replace(base, relations=[*base.relations, beacon, other]))
    assert bag(out, beacon) == {"policies": "[]"}
    assert json.loads(bag(out, other)["cmr_data"]) == {"app_name": "gatekeeper", "juju_model_name": out.model.name}


def test_databags_hold_what_old_charms_read(ctx: Context, base: testing.State) -> None:
    state = update(ctx, base)
    assert bag(state, INGRESS) == {
        "_supported_versions": "- v1\n",
        "data": "port: 8080\nprefix: /authservice\nrewrite: /\nservice: gatekeeper\n",
        "preserve-path": "true",
    }
    assert yaml.safe_load(bag(state, AUTH)["data"])["service"] == "gatekeeper"
    assert client(state) == {
        "id": "authservice-oidc",
        "name": "Kubeflow",
        "redirectURIs": ["/authservice/oidc/callback", "http://192.0.2.1:8080/authservice/oidc/callback"],
    }


@pytest.mark.parametrize("leader", [True, False])
def test_each_unit_says_that_it_understands_http_2(ctx: Context, base: testing.State, leader: bool) -> None:
    state = update(ctx, dataclasses.replace(base, leader=leader))
    assert ingress_auth.read_http2(state.get_relation(PEERS.id).local_unit_data)


def test_gateways_hear_of_http_2_when_every_unit_understands_it(ctx: Context, base: testing.State) -> None:
    """Units are refreshed one after the other; what was said stays when a new one has not said a word."""
    said = ingress_auth.write_http2()

    def among(state: testing.State, *units: dict[str, str]) -> testing.State:
        peers = dataclasses.replace(state.get_relation(PEERS.id), peers_data=dict(enumerate(units, 1)))
        others = [relation for relation in state.relations if relation.id != PEERS.id]
        return update(ctx, dataclasses.replace(state, relations=[*others, peers]))

    state = among(base, said, {})
    assert not ingress_auth.read_http2(bag(state, AUTH))
    state = among(state, said, said)
    assert ingress_auth.read_http2(bag(state, AUTH))
    state = among(state, said, said, {})
    assert ingress_auth.read_http2(bag(state, AUTH))
    assert ingress_auth.read_http2(bag(update(ctx, base), AUTH))


def test_client_secret_is_granted_to_the_provider_and_stands_in_no_databag(ctx: Context, base: testing.State) -> None:
    state = update(ctx, base)
    secret = state.get_secret(label="client-secret")
    assert secret.owner == "app"
    assert secret.remote_grants == {CLIENT.id: {"dex-auth"}}
    assert bag(state, CLIENT)["secret-id"] == secret.id
    value = content(state)["client-secret"]
    everything = json.dumps([dict(relation.local_app_data) for relation in state.relations])
    assert value not in everything
    assert value not in json.dumps(state.get_container("gatekeeper").plan.to_dict())


def test_state_secret_is_granted_to_nobody(ctx: Context, base: testing.State) -> None:
    assert update(ctx, base).get_secret(label="state").remote_grants == {}


@pytest.mark.parametrize("data", [{}, OLD_PROVIDER])
def test_plain_secret_is_for_an_old_provider_that_has_spoken(
    ctx: Context, base: testing.State, data: dict[str, str]
) -> None:
    state = update(ctx, base, relations=swap(base, CLIENT, data))
    assert client(state).get("secret") == (content(state)["client-secret"] if data else None)


def test_plain_secret_is_withdrawn_when_the_provider_learns_to_read_secrets(ctx: Context, base: testing.State) -> None:
    old = update(ctx, base, relations=swap(base, CLIENT, OLD_PROVIDER))
    assert "secret" in client(old)
    new = update(ctx, old, relations=swap(old, CLIENT, oidc_client.write_provider()))
    assert "secret" not in client(new)


def test_programs_get_a_client_where_the_provider_makes_one(ctx: Context, base: testing.State) -> None:
    state = update(ctx, base)
    assert state.get_relation(14).local_app_data["device-client-id"] == "authservice-oidc-device"
    assert document(ctx, state)["device_client_id"] == "authservice-oidc-device"
    off = update(ctx, state, config={"device-flow": False})
    assert not off.get_relation(14).local_app_data.get("device-client-id")
    assert document(ctx, off)["device_client_id"] == ""
    old = update(ctx, base, relations=swap(base, CLIENT, OLD_PROVIDER))
    assert document(ctx, old)["device_client_id"] == ""


def test_reconciling_twice_changes_nothing(ctx: Context, base: testing.State) -> None:
    once = update(ctx, base)
    seen = document(ctx, once)
    twice = update(ctx, once)
    assert document(ctx, twice) == seen
    assert twice.get_container("gatekeeper").plan == once.get_container("gatekeeper").plan
    assert twice.relations == once.relations
    assert {secret.label: secret.latest_content for secret in twice.secrets} == {
        secret.label: secret.latest_content for secret in once.secrets
    }


@pytest.mark.parametrize("missing", [11, 12, 13, 14])
def test_missing_relation_is_blocked_with_the_exact_command(ctx: Context, base: testing.State, missing: int) -> None:
    state = update(ctx, base, relations=without(base, missing))
    assert isinstance(state.unit_status, ops.BlockedStatus)
    assert state.unit_status.message.endswith(f"run {COMMANDS[missing]}")


@pytest.mark.parametrize(
    ("relation", "application"),
    [(INGRESS, "ambassador-route"), (AUTH, "ambassador-route"), (PROVIDER, "dex-auth"), (CLIENT, "dex-auth")],
)
def test_silent_application_is_waited_for(
    ctx: Context, base: testing.State, relation: testing.Relation, application: str
) -> None:
    state = update(ctx, base, relations=swap(base, relation, {}))
    assert state.unit_status == ops.WaitingStatus(
        f"Waiting for {application} to answer over {relation.endpoint}: see juju status {application}"
    )


def test_nothing_related_runs_nothing(ctx: Context, base: testing.State) -> None:
    state = update(ctx, base, relations={PEERS})
    assert isinstance(state.unit_status, ops.BlockedStatus)
    assert state.get_container("gatekeeper").service_statuses == {}


def test_old_gateway_needs_the_public_url_as_an_option(ctx: Context, base: testing.State) -> None:
    old = swap(base, INGRESS, {"_supported_versions": "- v1\n- v2\n"})
    state = update(ctx, base, relations=old)
    assert state.unit_status == ops.BlockedStatus(
        "The gateway does not tell its public URL: run juju config gatekeeper public-url=https://HOST"
    )
    state = update(ctx, base, relations=old, config={"public-url": "https://k.example.com/"})
    assert state.unit_status == ops.ActiveStatus()
    assert document(ctx, state)["public_url"] == "https://k.example.com"


def test_option_public_url_is_stronger_than_the_gateways(ctx: Context, base: testing.State) -> None:
    state = update(ctx, base, config={"public-url": "https://k.example.com"})
    assert document(ctx, state)["public_url"] == "https://k.example.com"
    assert client(state)["redirectURIs"][1] == "https://k.example.com/authservice/oidc/callback"


def test_wrong_option_keeps_the_last_good_configuration(ctx: Context, base: testing.State) -> None:
    once = update(ctx, base)
    state = update(ctx, once, config={"login-redirect-code": 308})
    assert state.unit_status == ops.BlockedStatus(
        "login-redirect-code: must be 301, 302, 303 or 307, not 308: "
        "run juju config gatekeeper login-redirect-code=... or --reset login-redirect-code"
    )
    assert document(ctx, state) == document(ctx, once)
    assert state.get_container("gatekeeper").service_statuses == {"gatekeeper": ops.pebble.ServiceStatus.ACTIVE}
    assert bag(state, CLIENT) == bag(once, CLIENT)


def test_configuration_that_the_service_refuses_is_not_swapped_in(ctx: Context, base: testing.State) -> None:
    once = update(ctx, base)
    seen = document(ctx, once)
    container = once.get_container("gatekeeper")
    execs = {testing.Exec(CHECK, return_code=1, stdout="userid_claim:\n not known\n")}
    refusing = dataclasses.replace(container, execs=execs)
    state = update(ctx, once, containers={refusing}, config={"userid-claim": "name"})
    assert state.unit_status == ops.BlockedStatus(
        "Refused its configuration, userid_claim: not known: see juju debug-log --include gatekeeper/0"
    )
    assert document(ctx, state) == seen


@pytest.mark.parametrize("relation", [INGRESS, PROVIDER])
def test_relation_that_goes_leaves_sessions_alive(
    ctx: Context, base: testing.State, relation: testing.Relation
) -> None:
    once = update(ctx, base)
    seen = document(ctx, once)
    state = ctx.run(ctx.on.relation_broken(once.get_relation(relation.id)), once)
    assert document(ctx, state) == seen
    assert state.get_container("gatekeeper").service_statuses == {"gatekeeper": ops.pebble.ServiceStatus.ACTIVE}
    assert isinstance(state.unit_status, ops.BlockedStatus)
    assert state.unit_status.message.endswith(COMMANDS[relation.id])


def test_second_unit_waits_for_the_leaders_keys(ctx: Context, base: testing.State) -> None:
    state = update(ctx, base, leader=False)
    assert state.unit_status == ops.WaitingStatus("Waiting for the leader to make keys: see juju status gatekeeper")
    assert not list(state.secrets)
    assert bag(state, INGRESS) == bag(state, CLIENT) == {}


def test_second_unit_serves_with_the_same_keys(ctx: Context, base: testing.State, tmp_path: pathlib.Path) -> None:
    first = update(ctx, base)
    seen = document(ctx, first)
    fresh = tmp_path / "second"
    fresh.mkdir()
    mounts = {"etc": testing.Mount(location="/etc/gatekeeper", source=fresh)}
    container = testing.Container("gatekeeper", can_connect=True, mounts=mounts)
    second = update(ctx, first, leader=False, containers={container})
    assert second.unit_status == ops.ActiveStatus()
    assert document(ctx, second) == seen


def test_rotation_gives_provider_and_service_one_new_secret(ctx: Context, base: testing.State) -> None:
    once = update(ctx, base)
    state = ctx.run(ctx.on.action("rotate-client-secret"), once)
    assert ctx.action_results == {"result": "the client secret was replaced"}
    before, after = content(once)["client-secret"], content(state)["client-secret"]
    assert before != after
    assert document(ctx, state)["client_secret"] == after
    assert bag(state, CLIENT)["secret-id"] == bag(once, CLIENT)["secret-id"]
    assert int(bag(state, PEERS)["secret-revision"]) == int(bag(once, PEERS)["secret-revision"]) + 1
    for key in ("signing-keys", "sealing-keys"):
        assert content(state, "state")[key] == content(once, "state")[key]


def test_rotation_in_time_is_the_same(ctx: Context, base: testing.State) -> None:
    once = update(ctx, base)
    state = ctx.run(ctx.on.secret_rotate(once.get_secret(label="client-secret")), once)
    assert content(state)["client-secret"] != content(once)["client-secret"]
    assert document(ctx, state)["client_secret"] == content(state)["client-secret"]


def test_rotation_reaches_an_old_provider_too(ctx: Context, base: testing.State) -> None:
    once = update(ctx, base, relations=swap(base, CLIENT, OLD_PROVIDER))
    state = ctx.run(ctx.on.action("rotate-client-secret"), once)
    assert client(state)["secret"] == content(state)["client-secret"] != client(once)["secret"]


def test_rotation_is_the_leaders(ctx: Context, base: testing.State) -> None:
    once = update(ctx, base)
    with pytest.raises(testing.ActionFailed, match="juju run gatekeeper/leader rotate-client-secret"):
        ctx.run(ctx.on.action("rotate-client-secret"), dataclasses.replace(once, leader=False))


def test_rotation_needs_a_secret(ctx: Context, base: testing.State) -> None:
    with pytest.raises(testing.ActionFailed, match="there is no secret yet"):
        ctx.run(ctx.on.action("rotate-client-secret"), dataclasses.replace(base, relations=without(base, 15)))


def kids(state: testing.State) -> list[str]:
    return [key["kid"] for key in json.loads(bag(state, AUTH)["jwks"])["keys"]]


def test_gateway_learns_the_public_keys_and_no_private_one(ctx: Context, base: testing.State) -> None:
    state = update(ctx, base)
    assert kids(state) == [key["kid"] for key in document(ctx, state)["signing_keys"]]
    assert len(kids(state)) == 2
    assert "PRIVATE" not in bag(state, AUTH)["jwks"]
    assert '"d"' not in bag(state, AUTH)["jwks"]


@pytest.mark.parametrize("how", ["action", "time"])
def test_rotated_keys_reach_service_and_gateway(ctx: Context, base: testing.State, how: str) -> None:
    once = update(ctx, base)
    before = document(ctx, once)
    rotated = once.get_secret(label="state")
    assert rotated.rotate == ops.SecretRotate.MONTHLY
    event = ctx.on.action("rotate-keys") if how == "action" else ctx.on.secret_rotate(rotated)
    state = ctx.run(event, once)
    after = document(ctx, state)
    old, following = kids(once)
    assert kids(state)[0] == following
    assert kids(state)[2:] == [old]
    assert [key["kid"] for key in after["signing_keys"]] == kids(state)
    assert after["state_keys"][0] == before["state_keys"][1]
    assert after["state_keys"][2:] == before["state_keys"][:1]
    assert after["client_secret"] == before["client_secret"]
    assert int(bag(state, PEERS)["secret-revision"]) == int(bag(once, PEERS)["secret-revision"]) + 1


def test_rotating_keys_is_the_leaders(ctx: Context, base: testing.State) -> None:
    once = update(ctx, base)
    with pytest.raises(testing.ActionFailed, match="juju run gatekeeper/leader rotate-keys"):
        ctx.run(ctx.on.action("rotate-keys"), dataclasses.replace(once, leader=False))


def test_keys_can_be_rotated_while_an_option_is_wrong(ctx: Context, base: testing.State) -> None:
    once = update(ctx, base)
    wrong = dataclasses.replace(once, config={"session-lifetime": 1})
    state = ctx.run(ctx.on.action("rotate-keys"), wrong)
    assert content(state, "state")["signing-keys"] != content(once, "state")["signing-keys"]


def watched(ctx: Context, state: testing.State) -> dict[str, typing.Any]:
    root = state.get_container("gatekeeper").get_filesystem(ctx)
    return json.loads((root / "etc/gatekeeper/watched.json").read_text())


def test_units_learn_where_the_others_are_without_a_restart(ctx: Context, base: testing.State) -> None:
    once = update(ctx, base)
    assert watched(ctx, once) == {"peers": [], "records": []}
    known = typing.cast("testing.PeerRelation", once.get_relation(PEERS.id))
    data = {number: {"ingress-address": f"10.0.0.{number}"} for number in (2, 1)}
    more = without(once, PEERS.id) | {dataclasses.replace(known, peers_data=data)}
    plan = once.get_container("gatekeeper").plan
    state = update(ctx, once, relations=more)
    assert watched(ctx, state)["peers"] == ["10.0.0.1:8080", "10.0.0.2:8080"]
    assert state.get_container("gatekeeper").plan == plan


@pytest.mark.parametrize("options", [{}, {"session-lifetime": 1}], ids=["options good", "an option wrong"])
def test_ended_sessions_reach_the_service_and_stay_in_the_peer_databag(
    ctx: Context, base: testing.State, options: dict[str, int]
) -> None:
    once = dataclasses.replace(update(ctx, base), config=options)
    before = int(time.time())
    state = ctx.run(ctx.on.action("revoke-sessions", params={"user": "user@example.com"}), once)
    assert ctx.action_results == {"result": "ended what user@example.com has begun until now"}
    (record,) = watched(ctx, state)["records"]
    assert (record["kind"], record["id"]) == ("user", "user@example.com")
    assert before <= record["before"] <= time.time()
    again = update(ctx, state)
    assert watched(ctx, again)["records"] == [record]


def test_ending_sessions_is_the_leaders(ctx: Context, base: testing.State) -> None:
    once = dataclasses.replace(update(ctx, base), leader=False)
    with pytest.raises(testing.ActionFailed, match=r"juju run gatekeeper/leader revoke-sessions user=u@example\.com"):
        ctx.run(ctx.on.action("revoke-sessions", params={"user": "u@example.com"}), once)


@pytest.mark.parametrize("user", ["", " ", "x" * 321])
def test_ending_sessions_needs_a_user_id(ctx: Context, base: testing.State, user: str) -> None:
    with pytest.raises(testing.ActionFailed, match="is not a user id"):
        ctx.run(ctx.on.action("revoke-sessions", params={"user": user}), update(ctx, base))


def test_ending_sessions_needs_a_place_to_keep_it(ctx: Context, base: testing.State) -> None:
    alone = dataclasses.replace(base, relations=without(base, 15))
    with pytest.raises(testing.ActionFailed, match="peer relation"):
        ctx.run(ctx.on.action("revoke-sessions", params={"user": "u"}), alone)


REDIS = testing.Relation(
    "redis",
    id=16,
    remote_app_name="redis-k8s",
    remote_app_data={"leader-host": "redis-k8s-0.redis-k8s-endpoints"},
    remote_units_data={0: {"hostname": "10.1.2.3", "port": "6379"}},
)


def test_redis_is_optional_and_used_where_it_is_related(ctx: Context, base: testing.State) -> None:
    once = update(ctx, base)
    assert document(ctx, once)["redis"] is None
    state = update(ctx, once, relations=once.relations | {REDIS})
    plain = {
        "host": "redis-k8s-0.redis-k8s-endpoints",
        "port": 6379,
        "user": "",
        "password": "",
        "tls": False,
        "ca": "",
    }
    assert document(ctx, state)["redis"] == plain
    assert state.unit_status == ops.ActiveStatus()
    gone = ctx.run(ctx.on.relation_broken(state.get_relation(REDIS.id)), state)
    assert document(ctx, gone)["redis"] is None


def test_redis_is_asked_as_its_secrets_say_and_not_before_they_can_be_read(ctx: Context, base: testing.State) -> None:
    bag = {**REDIS.remote_app_data, "secret-user": "secret:user", "secret-tls": "secret:tls"}
    once = update(ctx, base, relations=base.relations | {dataclasses.replace(REDIS, remote_app_data=bag)})
    assert document(ctx, once)["redis"] is None
    assert once.unit_status == ops.WaitingStatus(
        "Waiting for redis-k8s to grant its secret over redis: see juju status redis-k8s"
    )
    granted = {
        testing.Secret({"username": "u", "password": "hidden-password"}, id="secret:user"),
        testing.Secret({"tls": "true", "tls-ca": "pem"}, id="secret:tls"),
    }
    state = update(ctx, once, secrets={*once.secrets, *granted})
    found = document(ctx, state)["redis"]
    assert (found["user"], found["password"], found["tls"], found["ca"]) == ("u", "hidden-password", True, "pem")
    assert state.unit_status == ops.ActiveStatus()
    plan = state.get_container("gatekeeper").plan.to_yaml()
    shown = plan + "".join(line.message for line in ctx.juju_log) + str([r.local_app_data for r in state.relations])
    assert "hidden-password" not in shown


def test_redis_that_is_away_is_said_and_stops_nothing(ctx: Context, base: testing.State) -> None:
    once = update(ctx, base, relations=base.relations | {REDIS})
    container = once.get_container("gatekeeper")
    infos = {
        dataclasses.replace(info, status=ops.pebble.CheckStatus.DOWN, failures=3) if info.name == "redis" else info
        for info in container.check_infos
    }
    broken = dataclasses.replace(container, check_infos=infos)
    state = update(ctx, once, containers={broken})
    assert state.unit_status == ops.ActiveStatus(
        "Redis does not answer, units tell each other who logged out: see juju debug-log --include gatekeeper/0"
    )


FORWARD = testing.Relation("forward-auth", id=17, remote_app_name="istio-ingress-k8s")
METRICS = testing.Relation("metrics-endpoint", id=18, remote_app_name="prometheus-k8s")


def test_an_ingress_learns_where_to_ask(ctx: Context, base: testing.State) -> None:
    related = without(base, AUTH.id) | {FORWARD}
    state = update(ctx, base, relations=related, config={"userid-header": "x-user"})
    assert state.unit_status == ops.ActiveStatus()
    assert bag(state, FORWARD) == {
        "decisions_address": "http://gatekeeper.kubeflow.svc.cluster.local:8080/authservice/forward",
        "app_names": "[]",
        "headers": '["x-user", "kubeflow-groups"]',
    }


def test_the_plain_secret_of_an_older_charm_is_taken_over_once(ctx: Context, base: testing.State) -> None:
    old = testing.PeerRelation("client-secret", id=19, local_app_data={"client-secret": "OLDSECRET"})
    state = update(ctx, base, relations=base.relations | {old})
    assert document(ctx, state)["client_secret"] == content(state)["client-secret"] == "OLDSECRET"
    assert bag(state, old) == {}
    rotated = ctx.run(ctx.on.action("rotate-client-secret"), state)
    assert content(rotated)["client-secret"] != "OLDSECRET"


@pytest.mark.parametrize("leader", [True, False])
def test_prometheus_learns_where_metrics_are(ctx: Context, base: testing.State, leader: bool) -> None:
    state = update(ctx, base, relations=base.relations | {METRICS}, leader=leader)
    found = typing.cast("testing.Relation", state.get_relation(METRICS.id))
    assert found.local_unit_data["prometheus_scrape_unit_name"] == "gatekeeper/0"
    assert found.local_unit_data["prometheus_scrape_unit_address"] == "192.0.2.0"
    if leader:
        (job,) = json.loads(bag(state, METRICS)["scrape_jobs"])
        assert job == {"metrics_path": "/metrics", "static_configs": [{"targets": ["*:8081"]}]}
        assert json.loads(bag(state, METRICS)["scrape_metadata"])["charm_name"] == "gatekeeper"
    else:
        assert bag(state, METRICS) == {}


def test_missing_rights_to_review_tokens_are_said(ctx: Context, base: testing.State) -> None:
    options = {"authenticators": "kubernetes session", "kubernetes-audiences": "kubeflow"}
    once = update(ctx, base, config=options)
    assert document(ctx, once)["kubernetes"] == {"audiences": ["kubeflow"]}
    container = once.get_container("gatekeeper")
    infos = {
        dataclasses.replace(info, status=ops.pebble.CheckStatus.DOWN, failures=3) if info.name == "kubernetes" else info
        for info in container.check_infos
    }
    state = update(ctx, once, containers={dataclasses.replace(container, check_infos=infos)})
    assert state.unit_status == ops.ActiveStatus(
        "Tokens of service accounts are refused, they cannot be reviewed: run juju trust gatekeeper --scope=cluster, "
        "or apply docs/token-review.yaml"
    )


SERVICE = ["/usr/local/bin/gatekeeper", "--config", "/etc/gatekeeper/config.json"]
MADE = {"token": "kfa_1_x", "id": "1", "user": "u", "name": "n", "expires": "2027-01-01T00:00:00Z"}


def act(
    ctx: Context,
    state: testing.State,
    action: str,
    params: dict[str, object],
    *,
    words: list[str],
    device: dict[str, typing.Any] | None = None,
    **result: typing.Any,
) -> dict[str, typing.Any]:
    """Run an action against a service that expects exactly these words, and return its results."""
    asked = testing.Exec([*SERVICE, "device-login"], **(device or {"stdout": '{"device": ""}'}))
    execs = {testing.Exec([*SERVICE, *words], **result), asked, testing.Exec(CHECK)}
    container = dataclasses.replace(state.get_container("gatekeeper"), execs=execs)
    ctx.run(ctx.on.action(action, params=params), dataclasses.replace(state, leader=False, containers={container}))
    return ctx.action_results or {}


def test_any_unit_makes_a_token(ctx: Context, base: testing.State) -> None:
    words = ["create-token", "--user=u", "--name=n", "--groups=a,b", "--days=7", "--paths=/x", "--methods=GET"]
    params = {"user": "u", "name": "n", "groups": "a,b", "days": 7, "paths": "/x", "methods": "GET"}
    results = act(ctx, update(ctx, base), "create-token", params, words=words, stdout=json.dumps(MADE))
    assert results == {"token": "kfa_1_x", "id": "1", "user": "u", "expires": "2027-01-01T00:00:00Z"}


def test_a_command_that_is_ready_to_be_pasted(ctx: Context, base: testing.State) -> None:
    words = ["create-token", "--user=u", "--name=token", "--groups=", "--days=30", "--paths=", "--methods="]
    state = update(ctx, base)
    results = act(ctx, state, "get-access-command", {"user": "u"}, words=words, stdout=json.dumps(MADE))
    assert results["curl"] == "curl -H 'Authorization: Bearer kfa_1_x' http://192.0.2.1:8080/"
    assert results["kfp"] == "kfp.Client(host='http://192.0.2.1:8080/pipeline', existing_token='kfa_1_x')"
    assert "device" not in results
    lines = {"stdout": '{"device": "DEVICE=$(curl)"}'}
    made = {"words": words, "stdout": json.dumps(MADE)}
    assert act(ctx, state, "get-access-command", {"user": "u"}, device=lines, **made)["device"] == "DEVICE=$(curl)"
    # The token was made, and is shown only this once: whatever the provider does.
    away = {"return_code": 1, "stderr": "gatekeeper: the provider cannot be asked"}
    results = act(ctx, state, "get-access-command", {"user": "u"}, device=away, **made)
    assert (results["id"], "device" in results) == ("1", False)
    unknown = update(ctx, base, relations=without(base, 11))
    with pytest.raises(testing.ActionFailed, match="the public URL is not known yet"):
        act(ctx, unknown, "get-access-command", {"user": "u"}, words=words)


def test_tokens_are_listed_and_revoked(ctx: Context, base: testing.State) -> None:
    state = update(ctx, base)
    listed = json.dumps({"tokens": [{"id": "1"}]})
    results = act(ctx, state, "list-tokens", {"user": "u"}, words=["list-tokens", "--user=u"], stdout=listed)
    assert json.loads(results["tokens"]) == [{"id": "1"}]
    gone = json.dumps({"revoked": "1"})
    results = act(ctx, state, "revoke-token", {"id": "1"}, words=["revoke-token", "--id=1"], stdout=gone)
    assert results == {"result": "revoked 1"}


@pytest.mark.parametrize(
    ("said", "text"),
    [("gatekeeper: days: must be from 1 to 366, not 0\n", "^days: must be"), ("", "refused without a word")],
)
def test_what_the_service_refuses_is_repeated(ctx: Context, base: testing.State, said: str, text: str) -> None:
    with pytest.raises(testing.ActionFailed, match=text):
        act(ctx, update(ctx, base), "revoke-token", {"id": "1"}, words=["revoke-token"], return_code=1, stderr=said)


def test_tokens_need_the_container(ctx: Context, base: testing.State) -> None:
    state = dataclasses.replace(base, containers={testing.Container("gatekeeper")})
    with pytest.raises(testing.ActionFailed, match="the container is not there yet"):
        ctx.run(ctx.on.action("list-tokens"), state)


def test_new_leader_keeps_the_secrets(ctx: Context, base: testing.State) -> None:
    once = update(ctx, base)
    state = ctx.run(ctx.on.leader_elected(), once)
    assert content(state) == content(once)
    assert content(state, "state") == content(once, "state")
    assert len(list(state.secrets)) == 2


def test_old_revisions_are_removed(ctx: Context, base: testing.State) -> None:
    once = update(ctx, ctx.run(ctx.on.action("rotate-client-secret"), update(ctx, base)))
    ctx.run(ctx.on.secret_remove(once.get_secret(label="client-secret"), revision=1), once)
    assert ctx.removed_secret_revisions == [1]


def test_without_container_relations_are_served_already(ctx: Context, base: testing.State) -> None:
    state = ctx.run(
        ctx.on.relation_created(INGRESS), dataclasses.replace(base, containers={testing.Container("gatekeeper")})
    )
    assert bag(state, INGRESS)
    assert state.unit_status == ops.MaintenanceStatus("Waiting for the container")


def test_failed_check_is_not_active(ctx: Context, base: testing.State) -> None:
    once = update(ctx, base)
    container = once.get_container("gatekeeper")
    info = dataclasses.replace(container.get_check_info("ready"), status=ops.pebble.CheckStatus.DOWN, failures=3)
    broken = dataclasses.replace(container, check_infos={info})
    state = ctx.run(ctx.on.pebble_check_failed(broken, info=info), dataclasses.replace(once, containers={broken}))
    assert state.unit_status == ops.MaintenanceStatus(
        "Waiting for the service to answer: see juju debug-log --include gatekeeper/0"
    )


RECEPTION = testing.Relation(
    "first-login", id=21, remote_app_name="reception", remote_app_data=first_login.write(path="/reception")
)


@pytest.mark.parametrize(
    ("said", "path"),
    [({"path": "/reception"}, "/reception"), ({}, ""), ({"path": "//evil.example"}, ""), ({"path": "/a?b"}, "")],
)
def test_logins_are_led_through_a_related_reception(
    ctx: Context, base: testing.State, said: dict[str, str], path: str
) -> None:
    relation = dataclasses.replace(RECEPTION, remote_app_data=said)
    state = update(ctx, base, relations={*base.relations, relation})
    assert document(ctx, state)["reception"] == path
    assert state.unit_status == ops.ActiveStatus()


def test_logins_no_longer_lead_there_when_it_is_gone(ctx: Context, base: testing.State) -> None:
    state = update(ctx, base, relations={*base.relations, RECEPTION})
    gone = ctx.run(ctx.on.relation_broken(state.get_relation(RECEPTION.id)), state)
    assert document(ctx, gone)["reception"] == ""


def test_authorities_of_other_applications_are_trusted_until_they_go(
    ctx: Context, base: testing.State, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "made").mkdir()
    own, other = (directory.certificates(tmp_path / "made").strip() for _ in range(2))
    relation = testing.Relation(
        "receive-ca-cert", id=21, remote_app_name="ca", remote_app_data={"certificates": json.dumps([other])}
    )
    state = update(ctx, base, relations=base.relations | {relation}, config={"ca-bundle": own})
    assert state.unit_status == ops.ActiveStatus()
    found = document(ctx, state)["ca_bundle"]
    assert own in found
    assert other in found
    ssl.create_default_context(cadata=found)
    gone = ctx.run(ctx.on.relation_broken(state.get_relation(21)), state)
    assert document(ctx, gone)["ca_bundle"] == own
    wrong = dataclasses.replace(relation, remote_app_data={"certificates": "aaa"})
    out = update(ctx, base, relations=base.relations | {wrong})
    assert out.unit_status == ops.BlockedStatus(
        "receive-ca-cert: ca sent what it must not: certificates must be a JSON list of certificates"
    )


def test_logs_and_traces_go_where_they_are_asked_for(ctx: Context, base: testing.State) -> None:
    loki = testing.Relation(
        "logging",
        id=21,
        remote_app_name="loki",
        remote_units_data={0: {"endpoint": '{"url": "http://loki:3100/push"}'}},
    )
    tempo = testing.Relation("charm-tracing", id=22, remote_app_name="tempo")
    state = update(ctx, base, relations=base.relations | {loki, tempo})
    targets = state.get_container("gatekeeper").plan.to_dict()["log-targets"]
    assert [target["location"] for target in targets.values()] == ["http://loki:3100/push"]
    assert bag(state, tempo) == {"receivers": '["otlp_http"]'}


def test_istios_gateway_takes_the_place_of_ours(ctx: Context, base: testing.State) -> None:
    route = testing.Relation("istio-ingress-route-unauthenticated", id=21, remote_app_name="istio-ingress-k8s")
    forward = testing.Relation("forward-auth", id=22, remote_app_name="istio-ingress-k8s")
    state = update(ctx, base, relations=without(base, INGRESS.id, AUTH.id) | {route, forward})
    assert state.unit_status == ops.WaitingStatus(
        "Waiting for istio-ingress-k8s to answer over istio-ingress-route-unauthenticated: see juju status "
        "istio-ingress-k8s"
    )
    (asked,) = json.loads(bag(state, route)["config"])["http_routes"]
    assert asked["matches"] == [{"path": {"type": "PathPrefix", "value": "/authservice/"}}]
    assert asked["backends"] == [{"service": "gatekeeper", "port": 8080}]
    out = update(
        ctx, state, relations=swap(state, route, {"external_host": "kubeflow.example.com", "tls_enabled": "True"})
    )
    assert out.unit_status == ops.ActiveStatus()
    assert document(ctx, out)["public_url"] == "https://kubeflow.example.com"
