# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import collections.abc
import dataclasses
import itertools
import json
import pathlib

import bcrypt
import certificate
import charm
import credentials
import ops
import pytest
import yaml
from charmkit import pebble, words
from charmkit.interfaces import oidc_client
from deployed import (
    CLIENT,
    GATEWAY,
    INGRESS,
    LDAP,
    Context,
    container,
    deployed,
    dex,
    kept,
    run,
    runs,
    with_dex,
    with_relation,
    without,
)
from ops import testing


@pytest.fixture
def ctx() -> collections.abc.Iterator[Context]:
    with testing.Context(charm.DexCharm, app_name="dex-auth") as context:
        yield context


@pytest.fixture
def base(tmp_path: pathlib.Path) -> testing.State:
    return deployed(tmp_path)


def test_first_deployment_serves_the_static_user(ctx: Context, base: testing.State, tmp_path: pathlib.Path):
    out = run(ctx, base)
    assert out.unit_status == testing.ActiveStatus()
    assert (tmp_path / "config.yaml").stat().st_mode & 0o777 == 0o600
    config = dex(ctx, out)
    assert config["issuer"] == f"{GATEWAY}/dex"
    (user,) = config["staticPasswords"]
    assert user["email"] == "user@example.com"
    assert bcrypt.checkpw(kept(out)["password"].encode(), user["hash"].encode())
    assert user["userID"] == kept(out)["user-id"]
    assert runs(out)
    assert out.opened_ports == {testing.TCPPort(5556)}


def test_databags_are_those_of_charmed_kubeflow(ctx: Context, base: testing.State):
    out = run(ctx, base)
    assert out.get_relation(2).local_app_data == {
        "_supported_versions": "- v1\n",
        "data": "port: 5556\nprefix: /dex\nrewrite: /dex\nservice: dex-auth\n",
    }
    ours = {"secret-support": "true", "device-flow": "true"}
    assert out.get_relation(3).local_app_data == {"_supported_versions": "- v1\n", **ours}
    assert out.get_relation(4).local_app_data == {
        "issuer-url": f"{GATEWAY}/dex",
        "internal-url": "http://dex-auth.kubeflow.svc.cluster.local:5556/dex",
    }


def test_the_mesh_lets_in_who_is_related(ctx: Context, base: testing.State):
    beacon = testing.Relation("service-mesh", id=51)
    prometheus = testing.Relation("metrics-endpoint", id=52, remote_app_name="cos")
    out = run(ctx, dataclasses.replace(base, relations=[*base.relations, beacon, prometheus]))
    found = json.loads(out.get_relation(beacon.id).local_app_data["policies"])
    sources = sorted((one["source_app_name"], one["target_type"]) for one in found)
    assert sources == [("cos", "unit"), ("gatekeeper", "app"), ("gateway", "app"), ("oidc-gatekeeper", "app")]
    assert {one["target_app_name"] for one in found} == {"dex-auth"}


def test_client_with_a_plain_secret(ctx: Context, base: testing.State):
    assert dex(ctx, run(ctx, base))["staticClients"] == [
        {
            "id": "authservice-oidc",
            "name": "Ambassador Auth OIDC",
            "redirectURIs": ["/authservice/oidc/callback"],
            "secret": "PLAIN7",
        }
    ]


def test_client_whose_secret_is_a_juju_secret(ctx: Context, base: testing.State):
    secret = testing.Secret({"client-secret": "FROM-JUJU"})
    bag = {
        "_supported_versions": "- v1\n",
        "data": "id: c\nname: C\nredirectURIs: [/authservice/oidc/callback]\n",
        "secret-id": secret.id,
    }
    relation = dataclasses.replace(CLIENT, remote_app_data=bag)
    state = dataclasses.replace(with_relation(base, relation), secrets=[secret])
    (client,) = dex(ctx, run(ctx, state))["staticClients"]
    assert client["secret"] == "FROM-JUJU"
    changed = dataclasses.replace(secret, latest_content={"client-secret": "ROTATED"})
    state = dataclasses.replace(state, secrets=[changed])
    (client,) = dex(ctx, ctx.run(ctx.on.secret_changed(changed), state))["staticClients"]
    assert client["secret"] == "ROTATED"


def test_a_secret_that_is_not_granted_is_waited_for(ctx: Context, base: testing.State):
    bag = {"data": "id: c\nredirectURIs: []\n", "secret-id": "secret:nobodyknowsit0000000"}
    out = run(ctx, with_relation(base, dataclasses.replace(CLIENT, remote_app_data=bag)))
    assert out.unit_status == testing.WaitingStatus("waiting for oidc-gatekeeper to present itself over oidc-client")
    assert dex(ctx, out)["staticClients"] == []


def test_two_clients_with_one_id(ctx: Context, base: testing.State):
    other = dataclasses.replace(CLIENT, id=9, remote_app_name="other")
    out = run(ctx, with_relation(base, other))
    assert isinstance(out.unit_status, testing.BlockedStatus)
    assert "oidc-gatekeeper and other have the same client id" in out.unit_status.message
    assert len(dex(ctx, out)["staticClients"]) == 1


def test_nonsense_in_a_databag_blocks_and_names_its_author(ctx: Context, base: testing.State):
    out = run(ctx, with_relation(base, dataclasses.replace(CLIENT, remote_app_data={"data": "[1"})))
    assert isinstance(out.unit_status, testing.BlockedStatus)
    assert "oidc-gatekeeper sent what it must not" in out.unit_status.message


@pytest.mark.parametrize(
    "data",
    [
        "a: !!bool x",
        "a: !!int ''",
        "a: 2020-99-99",
        "[" * 3000,
        "x" * 200_000,
        "id: [hunter2]",
        "id: !!timestamp hunter2",
    ],
)
def test_no_databag_crashes_the_charm_or_shows_its_values(ctx: Context, base: testing.State, data: str):
    out = run(ctx, with_relation(base, dataclasses.replace(CLIENT, remote_app_data={"data": data})))
    assert isinstance(out.unit_status, testing.BlockedStatus)
    assert "oidc-gatekeeper sent what it must not" in out.unit_status.message
    assert "hunter2" not in out.unit_status.message


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "http://h/path", "http://u:hunter2@h", "http://h\n", "nonsense"]
)
def test_a_gateways_nonsense_is_no_issuer(ctx: Context, base: testing.State, tmp_path: pathlib.Path, url: str):
    bag = {"_supported_versions": "- v1\n", "external-url": url}
    out = run(ctx, with_relation(base, dataclasses.replace(INGRESS, remote_app_data=bag)))
    assert isinstance(out.unit_status, testing.BlockedStatus)
    assert "gateway sent what it must not" in out.unit_status.message
    assert not (tmp_path / "config.yaml").exists()


def test_a_removed_relation_removes_its_client_at_once(ctx: Context, base: testing.State):
    state = run(ctx, base)
    out = ctx.run(ctx.on.relation_broken(state.get_relation(3)), state)
    assert dex(ctx, out)["staticClients"] == []
    assert out.unit_status == testing.BlockedStatus(
        "no client: juju integrate dex-auth:oidc-client gatekeeper:oidc-client"
    )


def test_missing_gateway_is_named_with_its_command(ctx: Context, base: testing.State):
    out = run(ctx, without(base, "ingress"))
    assert out.unit_status == testing.BlockedStatus(
        "no gateway: juju integrate dex-auth:ingress ambassador-route:ingress-unauthenticated"
    )
    assert dex(ctx, out)["issuer"] == "http://dex-auth.kubeflow.svc.cluster.local:5556/dex"


def test_a_gateway_that_has_not_spoken_is_waited_for(ctx: Context, base: testing.State, tmp_path: pathlib.Path):
    out = run(ctx, with_relation(base, dataclasses.replace(INGRESS, remote_app_data={})))
    assert out.unit_status == testing.WaitingStatus("waiting for the gateway to tell its URL over ingress")
    assert not (tmp_path / "config.yaml").exists()
    assert out.get_relation(4).local_app_data == {}


def test_an_old_gateway_tells_no_url(ctx: Context, base: testing.State):
    old = dataclasses.replace(INGRESS, remote_app_data={"_supported_versions": "- v1\n- v2\n"})
    out = run(ctx, with_relation(base, old))
    assert out.unit_status == testing.ActiveStatus()
    assert dex(ctx, out)["issuer"] == "http://dex-auth.kubeflow.svc.cluster.local:5556/dex"


def test_an_issuer_option_needs_no_gateway(ctx: Context, base: testing.State):
    out = run(ctx, without(base, "ingress"), issuer_url="https://k/dex")
    assert out.unit_status == testing.ActiveStatus()
    assert dex(ctx, out)["issuer"] == "https://k/dex"


def test_a_bad_connector_keeps_the_last_good_ones_and_says_where(ctx: Context, base: testing.State):
    state = run(ctx, base, connectors=LDAP)
    assert state.unit_status == testing.ActiveStatus()
    before = dex(ctx, state)
    out = run(ctx, state, connectors="test-connector", static_username="other@example.com")
    assert out.unit_status == testing.BlockedStatus("connectors: expected a list of connectors, got a string")
    assert dex(ctx, out)["connectors"] == before["connectors"]
    assert dex(ctx, out)["staticPasswords"][0]["email"] == "other@example.com"
    mended = run(ctx, out, connectors="[]")
    assert mended.unit_status == testing.ActiveStatus()
    assert dex(ctx, mended)["connectors"] == []


def test_what_dex_refuses_is_rehearsed_and_never_swapped_in(ctx: Context, base: testing.State, tmp_path: pathlib.Path):
    state = run(ctx, base)
    before = (tmp_path / "config.yaml").read_text()
    words = "failed to initialize server: server: Failed to open connector ldap: no such host"
    found = state.get_container("dex")
    refusing = dataclasses.replace(found, execs={testing.Exec(["/usr/local/bin/dex"], return_code=2, stdout=words)})
    state = dataclasses.replace(state, containers=[refusing])
    out = run(ctx, state, connectors=LDAP)
    assert out.unit_status == testing.BlockedStatus(
        "connectors: Dex refuses them: Failed to open connector ldap: no such host"
    )
    assert (tmp_path / "config.yaml").read_text() == before
    assert not (tmp_path / "candidate.yaml").exists()
    assert runs(out)
    again = ctx.run(ctx.on.config_changed(), out)
    assert again.unit_status == out.unit_status


@pytest.mark.parametrize("options", [{"static_username": ""}, {"enable_password_db": False}])
def test_nothing_left_to_log_in_with(ctx: Context, base: testing.State, options: dict):
    state = run(ctx, base)
    assert runs(state)
    out = run(ctx, state, **options)
    assert out.unit_status == testing.BlockedStatus(
        "nobody can log in, static login is disabled and there is no connector: "
        "juju config dex-auth connectors=@connectors.yaml"
    )
    assert not runs(out)
    assert not runs(ctx.run(ctx.on.update_status(), out))
    mended = run(ctx, out, **options, connectors=LDAP)
    assert mended.unit_status == testing.ActiveStatus()
    assert runs(mended)
    assert dex(ctx, mended)["staticPasswords"] == []


def test_every_order_of_options_ends_in_the_same_file(ctx: Context, base: testing.State, tmp_path: pathlib.Path):
    settings = {"static-username": "ops@example.com", "static-password": "correct horse", "connectors": LDAP}
    ends = set()
    start = run(ctx, base)
    for order in itertools.permutations(settings):
        state = start
        for count in range(1, 4):
            state = dataclasses.replace(state, config={name: settings[name] for name in order[:count]})
            state = ctx.run(ctx.on.config_changed(), state)
        config = dex(ctx, state)
        assert bcrypt.checkpw(b"correct horse", config["staticPasswords"][0].pop("hash").encode())
        ends.add(json.dumps(config))
    assert len(ends) == 1


def test_a_unit_that_does_not_lead_stands_by(ctx: Context, base: testing.State):
    out = run(ctx, dataclasses.replace(base, leader=False))
    assert isinstance(out.unit_status, testing.WaitingStatus)
    assert "standby" in out.unit_status.message
    assert not runs(out)
    assert "ready" in out.get_container("dex").plan.checks


def test_a_new_container_gets_the_same_user(ctx: Context, base: testing.State, tmp_path: pathlib.Path):
    state = run(ctx, base)
    before = dex(ctx, state)
    new = tmp_path / "new"
    new.mkdir()
    fresh = container(new)
    state = dataclasses.replace(state, containers=[fresh])
    assert dex(ctx, ctx.run(ctx.on.pebble_ready(fresh), state)) == before


def test_reconciling_twice_changes_nothing(ctx: Context, base: testing.State, tmp_path: pathlib.Path):
    # The second run is the one that finds the first one's configuration proven.
    first = run(ctx, run(ctx, base))
    files = {path: path.read_text() for path in tmp_path.iterdir()}
    second = ctx.run(ctx.on.config_changed(), first)
    assert {path: path.read_text() for path in tmp_path.iterdir()} == files
    assert kept(second) == kept(first)
    assert second.relations == first.relations
    assert second.get_container("dex").plan == first.get_container("dex").plan


def test_get_credentials(ctx: Context, base: testing.State):
    state = run(ctx, base)
    ctx.run(ctx.on.action("get-credentials"), state)
    assert ctx.action_results == {"username": "user@example.com", "password": kept(state)["password"]}


def test_get_credentials_of_a_disabled_login(ctx: Context, base: testing.State):
    state = run(ctx, base, static_username="", connectors=LDAP)
    with pytest.raises(testing.ActionFailed, match="static login is disabled"):
        ctx.run(ctx.on.action("get-credentials"), state)


def test_get_credentials_before_there_are_any(ctx: Context, base: testing.State):
    with pytest.raises(testing.ActionFailed, match="there is no password yet: see juju status dex-auth"):
        ctx.run(ctx.on.action("get-credentials"), without(base, "peers"))


def test_the_generated_password_comes_back_after_an_own_one(ctx: Context, base: testing.State):
    generated = kept(run(ctx, base))["password"]
    state = run(ctx, base)
    generated = kept(state)["password"]
    own = run(ctx, state, static_password="mine")
    assert kept(own)["password"] == "mine"
    assert kept(run(ctx, own, static_password=""))["password"] == generated


def test_no_secret_is_told_to_anybody(ctx: Context, base: testing.State, tmp_path: pathlib.Path):
    """Every secret that the charm knows, in everything that it shows: plan, statuses, logs, databags, results, argv."""
    given = testing.Secret({"value": "BY-REFERENCE-7"})
    database = testing.Secret({"username": "u", "password": "DATABASE-7"})
    bag = {"endpoints": "db:5432", "secret-user": database.id}
    state = with_relation(base, testing.Relation("database", id=8, remote_app_name="pg", remote_app_data=bag))
    state = dataclasses.replace(state, secrets=[given, database])
    ldap = LDAP.replace('"h"', f'"h", "bindDN": "x", "bindPW": "{given.id}"')
    text = json.dumps([*json.loads(ldap), *json.loads(github("PLAIN-IN-OPTION-7"))])
    shown = ""
    for options in (
        {"static_password": "hunter2-hunter2", "connectors": text},
        {"static_password": "hunter2-hunter2-" + "x" * 70, "connectors": text + "]"},
        {"static_password": given.id, "connectors": text.replace("github", "gitlab")},
    ):
        state = run(ctx, state, **options)
        shown += state.unit_status.message + str(state.get_container("dex").plan.to_dict())
        shown += str([(relation.local_app_data, relation.local_unit_data) for relation in state.relations])
        shown += str((state.stored_states, state.deferred, state.app_status))
    state = ctx.run(ctx.on.action("add-user", params={"email": "jane@example.com"}), state)
    made = dict(ctx.action_results or {})["password"]
    ctx.run(ctx.on.action("list-users"), state)
    shown += str(ctx.action_results) + str(ctx.juju_log) + str(ctx.exec_history)
    known = ["hunter2-hunter2", "BY-REFERENCE-7", "PLAIN-IN-OPTION-7", "DATABASE-7", "PLAIN7", made]
    known += [value for key, value in kept(state).items() if key in ("generated", "hash", "password")]
    known += [entry["hash"] for entry in dex(ctx, state)["staticPasswords"]]
    text = (tmp_path / "config.yaml").read_text()
    for secret in ("BY-REFERENCE-7", "PLAIN-IN-OPTION-7", "DATABASE-7", "PLAIN7"):
        assert secret in text
    for secret in known:
        assert secret not in shown
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def github(secret: str) -> str:
    config = {"clientID": "a", "clientSecret": secret}
    return json.dumps([{"id": "g", "name": "G", "type": "github", "config": config}])


def test_a_secret_in_an_option_is_resolved_and_its_next_revision_applied(ctx: Context, base: testing.State):
    secret = testing.Secret({"value": "BY-REFERENCE"})
    state = dataclasses.replace(base, secrets=[secret])
    state = run(ctx, state, connectors=github(secret.id), static_password=f"{secret.id}#value")
    assert state.unit_status == testing.ActiveStatus()
    config = dex(ctx, state)
    assert config["connectors"][0]["config"]["clientSecret"] == "BY-REFERENCE"
    assert bcrypt.checkpw(b"BY-REFERENCE", config["staticPasswords"][0]["hash"].encode())
    changed = dataclasses.replace(state.get_secret(id=secret.id), latest_content={"value": "ROTATED"})
    others = [found for found in state.secrets if found.id != secret.id]
    state = ctx.run(ctx.on.secret_changed(changed), dataclasses.replace(state, secrets=[*others, changed]))
    config = dex(ctx, state)
    assert config["connectors"][0]["config"]["clientSecret"] == "ROTATED"
    assert bcrypt.checkpw(b"ROTATED", config["staticPasswords"][0]["hash"].encode())
    # Withdrawn: the last good value goes on, and the status has the command.
    gone = dataclasses.replace(state, secrets=[found for found in state.secrets if found.id != secret.id])
    out = ctx.run(ctx.on.update_status(), gone)
    identifier = secret.id.removeprefix("secret:")
    assert out.unit_status == testing.BlockedStatus(
        f"static-password: cannot read the secret {identifier}: juju grant-secret {identifier} dex-auth"
        " (and 1 more: juju debug-log)"
    )
    assert dex(ctx, out) == config


def test_a_plain_secret_is_warned_of(ctx: Context, base: testing.State):
    out = run(ctx, base, connectors=github("PLAIN"))
    assert out.unit_status.name == "active"
    assert out.unit_status.message.startswith("warning: connectors[0].config.clientSecret: a secret in plain text")


def test_all_problems_are_logged_and_the_first_is_the_status(ctx: Context, base: testing.State):
    out = run(ctx, base, connectors=json.dumps([{"id": "x", "name": "X", "type": "oidc"}]), port=1)
    assert out.unit_status.message.startswith("port: 1 must be")
    logged = [line.message for line in ctx.juju_log if line.level == "ERROR"]
    assert "connectors[0].config.clientID is missing" in logged
    assert "connectors[0].config.issuer is missing" in logged


def test_a_public_client_for_programs_may_send_nobody_anywhere(ctx: Context, base: testing.State):
    def presented(*relations: tuple[int, str, str]) -> tuple[testing.State, list[dict]]:
        state = base
        for number, identifier, device in relations:
            client = oidc_client.Client(id=identifier, name="A", redirect_uris=("/x",), secret="s", device_id=device)
            bag = oidc_client.write_client(client)
            state = with_relation(state, testing.Relation("oidc-client", id=number, remote_app_data=bag))
        out = run(ctx, state)
        clients = yaml.safe_load((out.get_container("dex").get_filesystem(ctx) / "tmp/dex/config.yaml").read_text())
        return out, clients["staticClients"]

    plain = {"id": "a", "name": "A", "redirectURIs": ["/x"], "secret": "s"}
    device = {"id": "a-device", "name": "A (device)", "redirectURIs": ["/device/callback"], "public": True}
    assert presented((3, "a", "a-device"))[1] == [plain, device]
    assert presented((3, "a", ""))[1] == presented((3, "a", "a b\n"))[1] == [plain]
    out, clients = presented((3, "a", "a-device"), (4, "b", "a"))
    assert [client["id"] for client in clients] == ["a", "a-device", "b"]
    assert "have the same client id 'a'" in out.unit_status.message
    # Who is not served gets no client for programs either.
    assert [client["id"] for client in presented((3, "a", ""), (4, "a", "z"))[1]] == ["a"]


def test_a_gatekeeper_behind_another_gateway_is_named(ctx: Context, base: testing.State):
    def presented(*redirects: str) -> testing.State:
        client = oidc_client.Client(id="a", name="A", redirect_uris=redirects, secret="s")
        bag = oidc_client.write_client(client)
        relation = testing.Relation("oidc-client", id=3, remote_app_name="gatekeeper", remote_app_data=bag)
        return run(ctx, with_relation(base, relation))

    path = "/authservice/oidc/callback"
    assert presented(path, f"{GATEWAY}{path}").unit_status == testing.ActiveStatus()
    assert presented("https://grafana.example.com/login/generic_oauth").unit_status == testing.ActiveStatus()
    assert presented(path, f"https://other.example.com{path}").unit_status == testing.ActiveStatus(
        f"warning: oidc-client: gatekeeper is reached at https://other.example.com, and Dex at {GATEWAY}, which must "
        "be the same: juju config gatekeeper public-url, juju config dex-auth issuer-url"
    )


def test_metrics_are_announced_with_the_alerts_of_charmed_kubeflow(ctx: Context, base: testing.State):
    relation = testing.Relation("metrics-endpoint", id=8, remote_app_name="prometheus")
    out = run(ctx, with_relation(base, relation)).get_relation(8)
    assert json.loads(out.local_app_data["scrape_jobs"])[0]["static_configs"] == [{"targets": ["*:5558"]}]
    (group,) = json.loads(out.local_app_data["alert_rules"])["groups"]
    names = [rule["alert"] for rule in group["rules"]]
    todays = ["KubeflowServiceDown", "KubeflowServiceIsNotStable", "DexAuthUnitIsUnavailable"]
    assert names == [*todays, "DexErrors", "DexRefusesManyLogins"]
    assert out.local_unit_data["prometheus_scrape_unit_name"] == "dex-auth/0"
    assert out.local_unit_data["prometheus_scrape_unit_address"]
    other = run(ctx, dataclasses.replace(with_relation(base, relation), leader=False)).get_relation(8)
    assert not other.local_app_data
    assert other.local_unit_data["prometheus_scrape_unit_name"] == "dex-auth/0"


def test_a_field_of_a_newer_dex_is_taken_where_that_one_runs(ctx: Context, base: testing.State):
    text = (
        github("$X")
        .replace('"clientID"', '"preferredUsernameField": "mail", "clientID"')
        .replace("github", "microsoft")
    )
    out = run(ctx, base, connectors=text)
    assert out.unit_status.message == (
        "connectors[0].config.preferredUsernameField: Dex 2.45 or newer is needed, this one is 2.44"
    )
    out = run(ctx, with_dex(out, "2.45.0"), connectors=text)
    assert out.unit_status.name == "active"
    assert dex(ctx, out)["connectors"][0]["config"]["preferredUsernameField"] == "mail"


def test_rehearsals_need_no_home(ctx: Context, base: testing.State):
    """Rocks give their user a home that does not exist, and Pebble would go there."""
    run(ctx, base)
    rehearsed = ctx.exec_history["dex"]
    assert rehearsed
    assert {asked.working_dir for asked in rehearsed} == {"/"}


def test_get_credentials_applies_what_no_hook_has_applied_yet(ctx: Context, base: testing.State):
    state = run(ctx, base)
    changed = dataclasses.replace(state, config={"static-password": "typed just now"})
    ctx.run(ctx.on.action("get-credentials"), changed)
    assert ctx.action_results == {"username": "user@example.com", "password": "typed just now"}


def test_old_revisions_of_secrets_are_dropped(ctx: Context, base: testing.State):
    changed = run(ctx, run(ctx, base), static_password="another")
    ctx.run(ctx.on.secret_remove(changed.get_secret(label="state"), revision=1), changed)
    assert ctx.removed_secret_revisions == [1]


def test_logs_go_to_loki(ctx: Context, base: testing.State):
    bag = {"endpoint": json.dumps({"url": "http://loki:3100/loki/api/v1/push"})}
    relation = testing.Relation("logging", id=9, remote_app_name="loki", remote_units_data={0: bag})
    out = run(ctx, with_relation(base, relation))
    targets = out.get_container("dex").plan.to_dict()["log-targets"]
    assert {target["location"] for target in targets.values()} == {"http://loki:3100/loki/api/v1/push"}
    assert out.unit_status == testing.ActiveStatus()


def authority(identifier: int, *pems: str) -> testing.Relation:
    bag = {"certificates": json.dumps(pems)}
    return testing.Relation("receive-ca-cert", id=identifier, remote_app_name="ca", remote_app_data=bag)


def test_authorities_of_other_applications_are_trusted_until_they_go(ctx: Context, base: testing.State):
    one, two = (certificate.made(f"CN={name}").strip() for name in ("one", "two"))
    state = run(ctx, with_relation(with_relation(base, authority(8, one)), authority(9, two)), connectors=LDAP)
    assert state.unit_status == testing.ActiveStatus()
    environment = state.get_container("dex").plan.services["dex"].environment
    assert environment["SSL_CERT_DIR"] == "/etc/ssl/certs:/etc/pki/tls/certs:/tmp/dex/authorities"
    file = state.get_container("dex").get_filesystem(ctx) / "tmp/dex/authorities/received.pem"
    assert one in file.read_text()
    assert two in file.read_text()
    tried = [asked.environment["SSL_CERT_DIR"] for asked in ctx.exec_history["dex"] if asked.environment]
    assert set(tried) == {"/etc/ssl/certs:/etc/pki/tls/certs:/tmp/dex/candidate-authorities"}
    less = ctx.run(ctx.on.relation_broken(state.get_relation(9)), state)
    assert two not in file.read_text()
    assert one in file.read_text()
    gone = less.get_relation(8)
    last = ctx.run(ctx.on.relation_broken(gone), with_relation(without(less, "receive-ca-cert"), gone))
    assert "SSL_CERT_DIR" not in last.get_container("dex").plan.services["dex"].environment


def test_what_is_no_certificate_is_named_and_stops_nobody(ctx: Context, base: testing.State):
    out = run(ctx, with_relation(base, authority(8, "aaa")))
    assert isinstance(out.unit_status, testing.BlockedStatus)
    assert out.unit_status.message.startswith("receive-ca-cert: ca sent what it must not: there is something among")
    assert runs(out)


def test_traces_of_hooks_are_asked_for(ctx: Context, base: testing.State):
    relation = testing.Relation("charm-tracing", id=8, remote_app_name="tempo")
    assert run(ctx, with_relation(base, relation)).get_relation(8).local_app_data == {"receivers": '["otlp_http"]'}


AWAY = json.dumps([
    {"id": "o", "name": "O", "type": "oidc",
     "config": {"issuer": "https://idp.example.com", "clientID": "c", "clientSecret": "s"}}
])  # fmt: skip


@pytest.fixture
def opens(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Stand in for Dex, which refuses connectors that are not in this set where it must open all of them.

    It waits for ever for one that is called "hung".
    """
    known: set[str] = set()

    def rehearse(box: ops.Container, *_: object, environment: dict[str, str], **__: object) -> str | None:
        entries = yaml.safe_load(pebble.read(box, "/tmp/dex/candidate.yaml") or "")["connectors"]
        strict = environment["DEX_CONTINUE_ON_CONNECTOR_FAILURE"] == "false"
        away = [entry["id"] for entry in entries if entry["id"] not in known]
        if "hung" in away:
            return pebble.SILENT
        return f'{{"msg": "failed to open connector {away[0]}"}}' if strict and away else None

    monkeypatch.setattr(pebble, "rehearse", rehearse)
    return known


def test_a_connector_that_is_away_is_watched_until_it_is_back(ctx: Context, base: testing.State, opens: set[str]):
    state = run(ctx, base, connectors=AWAY)
    assert state.unit_status == testing.BlockedStatus("connector 'o': Dex cannot open it: failed to open connector o")
    assert runs(state)
    assert dex(ctx, state)["enablePasswordDB"] is True
    check = state.get_container("dex").plan.checks["connector"]
    assert (check.tcp, check.period, check.threshold) == ({"host": "idp.example.com", "port": 443}, "2s", 1)
    assert not credentials.load(kept(state)).options.get("connectors")
    opens.add("o")
    # Until it is heard of, a refusal is remembered, and nothing is tried twice.
    assert run(ctx, state, connectors=AWAY).unit_status == state.unit_status
    info = state.get_container("dex").get_check_info("connector")
    failed = ctx.run(ctx.on.pebble_check_failed(state.get_container("dex"), info), state)
    assert failed.unit_status == state.unit_status
    out = ctx.run(ctx.on.pebble_check_recovered(state.get_container("dex"), info), state)
    assert out.unit_status.name == "active"
    assert [entry["id"] for entry in dex(ctx, out)["connectors"]] == ["o"]
    assert json.loads(credentials.load(kept(out)).options["connectors"])[0]["id"] == "o"
    check = out.get_container("dex").plan.checks["connector"]
    assert (check.tcp, check.period) == ({"host": "localhost", "port": 5558}, "24h")


def test_one_that_hangs_is_left_out_until_update_status_finds_it_again(
    ctx: Context, base: testing.State, opens: set[str]
):
    good = json.loads(LDAP)
    hung = [{**json.loads(AWAY)[0], "id": "hung"}]
    opens.add("ldap")
    state = run(ctx, base, connectors=json.dumps([*good, *hung]))
    assert state.unit_status.message == f"connector 'hung': Dex cannot open it: {pebble.SILENT}"
    assert [entry["id"] for entry in dex(ctx, state)["connectors"]] == ["ldap"]
    assert runs(state)
    opens.add("hung")
    out = ctx.run(ctx.on.update_status(), state)
    assert out.unit_status.name == "active"
    assert [entry["id"] for entry in dex(ctx, out)["connectors"]] == ["ldap", "hung"]
    # Now they are good: one that hangs again is a warning, and an operator need not do anything.
    opens.remove("hung")
    again = ctx.run(ctx.on.update_status(), out)
    assert again.unit_status.name == "active"
    assert "connector 'hung': Dex cannot open it" in again.unit_status.message


def test_a_later_list_with_one_that_is_away_adds_what_opens_and_drops_nothing(
    ctx: Context, base: testing.State, opens: set[str]
):
    opens |= {"ldap", "second"}
    state = run(ctx, base, connectors=LDAP)
    second = {**json.loads(LDAP)[0], "id": "second"}
    out = run(ctx, state, connectors=json.dumps([second, *json.loads(AWAY)]))
    assert out.unit_status == testing.BlockedStatus("connectors: Dex refuses them: failed to open connector o")
    assert [entry["id"] for entry in dex(ctx, out)["connectors"]] == ["ldap", "second"]
    assert out.get_container("dex").plan.checks["connector"].tcp == {"host": "idp.example.com", "port": 443}
    opens.add("o")
    mended = ctx.run(ctx.on.update_status(), out)
    assert mended.unit_status.name == "active"
    assert [entry["id"] for entry in dex(ctx, mended)["connectors"]] == ["second", "o"]


def test_nobody_is_let_in_where_the_only_connector_is_away(ctx: Context, base: testing.State, opens: set[str]):
    options = {"connectors": AWAY, "enable_password_db": False}
    state = run(ctx, base, **options)
    assert state.unit_status == testing.BlockedStatus(
        "nobody can log in, connector 'o': Dex cannot open it: failed to open connector o"
    )
    assert not runs(state)
    opens.add("o")
    info = state.get_container("dex").get_check_info("connector")
    out = ctx.run(ctx.on.pebble_check_recovered(state.get_container("dex"), info), state)
    assert out.unit_status.name == "active"
    assert runs(out)


def test_no_check_asks_what_was_never_away(ctx: Context, base: testing.State, opens: set[str]):
    opens.add("o")
    assert "connector" not in run(ctx, base, connectors=AWAY).get_container("dex").plan.checks


def test_istios_gateway_takes_the_place_of_ours(ctx: Context, base: testing.State, tmp_path: pathlib.Path):
    relation = testing.Relation("istio-ingress-route-unauthenticated", id=8, remote_app_name="istio-ingress-k8s")
    state = run(ctx, with_relation(without(base, "ingress"), relation))
    assert state.unit_status == testing.WaitingStatus("waiting for the gateway to tell its URL over ingress")
    (route,) = json.loads(state.get_relation(8).local_app_data["config"])["http_routes"]
    assert route["matches"] == [{"path": {"type": "PathPrefix", "value": "/dex/"}}]
    bag = {"external_host": "kubeflow.example.com", "tls_enabled": "True"}
    out = run(ctx, with_relation(state, dataclasses.replace(state.get_relation(8), remote_app_data=bag)))
    assert out.unit_status == testing.ActiveStatus()
    assert dex(ctx, out)["issuer"] == "https://kubeflow.example.com/dex"


def test_the_last_good_connectors_outlive_pods_leaders_and_upgrades(
    ctx: Context, base: testing.State, tmp_path: pathlib.Path
):
    bag = {"endpoints": "db:5432", "username": "u", "password": "p"}
    shared = with_relation(base, testing.Relation("database", id=8, remote_app_name="pg", remote_app_data=bag))
    state = run(ctx, shared, connectors=LDAP)
    good = dex(ctx, state)["connectors"]
    state = run(ctx, state, connectors="- id: x\n\tname: y")
    for number, event in enumerate((ctx.on.upgrade_charm(), ctx.on.start(), ctx.on.update_status())):
        new = tmp_path / f"pod-{number}"
        new.mkdir()
        # Another unit, in a pod of its own, that never saw the good list.
        other = dataclasses.replace(state, containers=[container(new)], leader=number == 1)
        out = ctx.run(event, other)
        out = ctx.run(ctx.on.pebble_ready(out.get_container("dex")), out)
        assert dex(ctx, out)["connectors"] == good
        assert runs(out)
        assert out.unit_status.message.startswith("connectors: line 2, column 1")


def test_what_ends_before_it_was_proven_is_rolled_back_with_its_own_words(
    ctx: Context, base: testing.State, monkeypatch: pytest.MonkeyPatch
):
    """The words come out of Pebble's log, which ops.testing has not."""

    def checked(state: testing.State, **changes: object) -> testing.State:
        box = state.get_container("dex")
        others = {found for found in box.check_infos if found.name != "ready"}
        info = dataclasses.replace(box.get_check_info("ready"), **changes)
        return dataclasses.replace(state, containers=[dataclasses.replace(box, check_infos={*others, info})])

    up, down = {"status": ops.pebble.CheckStatus.UP, "successes": 9}, {"status": ops.pebble.CheckStatus.DOWN}
    state = run(ctx, run(ctx, base))
    state = run(ctx, checked(state, **up))
    before = dex(ctx, state)
    state = run(ctx, state, title="Other")
    assert dex(ctx, state) != before
    state = checked(state, **down)
    box = state.get_container("dex")
    ended = dataclasses.replace(box, service_statuses={"dex": ops.pebble.ServiceStatus.INACTIVE})
    monkeypatch.setattr(words, "last", lambda *_: '{"msg": "failed to initialize server", "err": "disk full"}')
    state = dataclasses.replace(state, containers=[ended])
    out = ctx.run(ctx.on.pebble_check_failed(ended, ended.get_check_info("ready")), state)
    assert dex(ctx, out) == before
    assert out.unit_status.name == "blocked"
    assert "disk full" in out.unit_status.message
    mended = run(ctx, checked(out, **up), title="Third")
    assert dex(ctx, mended)["frontend"]["issuer"] == "Third"
    assert mended.unit_status == testing.ActiveStatus()
