# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import collections.abc
import dataclasses
import json
import pathlib
import re
import typing

import charm
import ops
import pytest
import reception
import yaml
from charmkit.interfaces import ingress
from ops import testing

Context = testing.Context[charm.ReceptionCharm]
PROGRAM = ["/usr/local/bin/reception", "--config"]
CHECK = testing.Exec([*PROGRAM, "/etc/reception/candidate.json", "check"])
INGRESS = testing.Relation(
    "ingress", id=11, remote_app_name="ambassador-route",
    remote_app_data=ingress.write_gateway(external_url="http://192.0.2.1:8080"),
)  # fmt: skip
LOGIN = testing.Relation("first-login", id=12, remote_app_name="gatekeeper")


def says(*words: str, text: str = "", code: int = 0, error: str = "") -> testing.Exec:
    command = [*PROGRAM, "/etc/reception/config.json", *words]
    return testing.Exec(command, stdout=text, return_code=code, stderr=error)


@pytest.fixture
def ctx() -> collections.abc.Iterator[Context]:
    with testing.Context(charm.ReceptionCharm) as context:
        yield context


def container(place: pathlib.Path, *execs: testing.Exec) -> testing.Container:
    mounts = {"etc": testing.Mount(location="/etc/reception", source=place)}
    return testing.Container(
        "reception", can_connect=True, mounts=mounts, execs={CHECK, *(says("diagnose", text="{}"), *execs)}
    )


@pytest.fixture
def base(tmp_path: pathlib.Path) -> testing.State:
    return testing.State(
        leader=True,
        model=testing.Model(name="kubeflow"),
        containers={container(tmp_path)},
        relations={INGRESS, LOGIN},
    )


def update(ctx: Context, state: testing.State, **changes: object) -> testing.State:
    return ctx.run(ctx.on.update_status(), dataclasses.replace(state, **changes))  # type: ignore[arg-type]


def document(ctx: Context, state: testing.State) -> dict[str, typing.Any]:
    root = state.get_container("reception").get_filesystem(ctx)
    return json.loads((root / "etc/reception/config.json").read_text())


def bag(state: testing.State, relation: testing.RelationBase) -> dict[str, str]:
    return dict(state.get_relation(relation.id).local_app_data)


def without(state: testing.State, relation: testing.RelationBase) -> frozenset[testing.RelationBase]:
    return frozenset(one for one in state.relations if one.id != relation.id)


def down(state: testing.State, *names: str) -> testing.State:
    """Return a state in which some checks fail."""
    found = state.get_container("reception")
    checks = {
        dataclasses.replace(info, status=ops.pebble.CheckStatus.DOWN, failures=3) if info.name in names else info
        for info in found.check_infos
    }
    return dataclasses.replace(state, containers={dataclasses.replace(found, check_infos=checks)})


def up(state: testing.State) -> testing.State:
    """Return a state in which every check has been well for long."""
    found = state.get_container("reception")
    checks = {dataclasses.replace(info, successes=5) for info in found.check_infos}
    return dataclasses.replace(state, containers={dataclasses.replace(found, check_infos=checks)})


def test_everything_related_is_active(ctx: Context, base: testing.State):
    state = update(ctx, base)
    assert state.unit_status == ops.ActiveStatus()
    running = ops.pebble.ServiceStatus.ACTIVE
    found = state.get_container("reception").service_statuses
    assert found == {"reception": running, "profile-controller": running}
    assert state.opened_ports == {testing.TCPPort(port) for port in (8080, 8082, 8083)}
    content = document(ctx, state)
    assert (content["namespace"], content["application"]) == ("kubeflow", "reception")
    assert content["labels"]["pipelines.kubeflow.org/enabled"] == "true"
    root = state.get_container("reception").get_filesystem(ctx)
    assert (root / "etc/reception/config.json").stat().st_mode & 0o777 == 0o600


def test_twice_changes_nothing(ctx: Context, base: testing.State):
    once = update(ctx, base)
    twice = update(ctx, once)
    assert once.get_container("reception").plan == twice.get_container("reception").plan
    assert [bag(once, one) for one in (INGRESS, LOGIN)] == [bag(twice, one) for one in (INGRESS, LOGIN)]


def test_the_gateway_is_asked_for_a_path_behind_the_login(ctx: Context, base: testing.State):
    found = bag(update(ctx, base), INGRESS)
    assert ingress.read_request(found) == ingress.Request(
        prefix="/reception", rewrite="/reception", service="reception", port=8080, preserve_path=True
    )


def test_logins_are_led_here_once_the_cluster_was_seen(ctx: Context, base: testing.State):
    first = update(ctx, base)
    assert bag(first, LOGIN) == {"path": "/reception"}
    # An outage later leaves it: the gatekeeper need not start again for it, and the page says what is wrong.
    execs = says("diagnose", text="the API server does not answer", code=1)
    broken = down(first, "kubernetes")
    found = dataclasses.replace(broken.get_container("reception"), execs={CHECK, execs})
    assert bag(update(ctx, broken, containers={found}), LOGIN) == {"path": "/reception"}


def test_logins_are_not_led_to_where_nobody_works(ctx: Context, base: testing.State):
    started = update(ctx, base, relations={INGRESS})
    broken = down(started, "kubernetes")
    execs = says("diagnose", text="reception: not allowed: x", code=1)
    found = dataclasses.replace(broken.get_container("reception"), execs={CHECK, execs})
    state = update(ctx, broken, containers={found}, relations={INGRESS, LOGIN})
    assert bag(state, LOGIN) == {}
    assert bag(update(ctx, base, relations={LOGIN}), LOGIN) == {}


@pytest.mark.parametrize(
    ("trouble", "command"),
    [
        ("not allowed: profiles is forbidden", "juju trust reception --scope=cluster"),
        (
            "the cluster does not know Profiles: apply the manifest of docs/profiles.md",
            "kubectl apply -f charms/reception/kubernetes/profiles.yaml",
        ),
        ("the API server does not answer (ConnectError)", "juju status reception"),
    ],
)
@pytest.mark.parametrize("check", ["kubernetes", "controller"])
def test_what_the_cluster_lacks_is_said_with_the_next_command(
    ctx: Context, base: testing.State, check: str, trouble: str, command: str
):
    broken = down(update(ctx, base), check)
    execs = says("diagnose", text=trouble, code=1)
    found = dataclasses.replace(broken.get_container("reception"), execs={CHECK, execs})
    status = update(ctx, broken, containers={found}).unit_status
    assert isinstance(status, ops.BlockedStatus)
    assert status.message.endswith(command)


def test_without_a_gateway_the_command_is_named(ctx: Context, base: testing.State):
    status = update(ctx, base, relations=without(base, INGRESS)).unit_status
    command = "juju integrate reception:ingress ambassador-route:ingress"
    assert status == ops.BlockedStatus(f"Not integrated over ingress: run {command}")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"profile-prefix": "Kube"}, "profile-prefix: 'Kube' must be letters in lower case"),
        ({"create-profiles": "maybe"}, "create-profiles: must be auto, ask or never, not 'maybe'"),
        ({"most-profiles": 0}, "most-profiles: must be from 1 to 100, not 0"),
        ({"resource-quota": "cpu"}, "resource-quota: 'cpu' is not NAME=VALUE, write it like requests.cpu=8,pods=50"),
        ({"resource-quota": "cpu=1,cpu=2"}, "resource-quota: 'cpu' stands there twice"),
        ({"namespace-labels": "a b=c"}, "namespace-labels: 'a b=c' is not NAME=VALUE"),
        ({"userid-header": "a b"}, "userid-header: 'a b' must be the name of a header"),
        ({"groups-header": "kubeflow-userid"}, "groups-header: must be another header"),
        ({"userid-transformers": "[{"}, "userid-transformers: not JSON in line 1, column 3"),
        ({"userid-transformers": "{}"}, "userid-transformers: must be a list"),
        ({"userid-transformers": "[1]"}, "userid-transformers: entry 1 must be a mapping"),
        ({"userid-transformers": '[{"matches": "(", "replaces": ""}]'}, "entry 1: matches must be a regular"),
        ({"userid-transformers": '[{"matches": "a", "replaces": "$1"}]'}, "entry 1: there is no such group"),
    ],
)
def test_a_wrong_option_is_named_and_what_runs_goes_on(
    ctx: Context, base: testing.State, options: dict[str, typing.Any], sentence: str
):
    before = update(ctx, base)
    state = update(ctx, before, config=options)
    assert isinstance(state.unit_status, ops.BlockedStatus)
    assert sentence in state.unit_status.message
    assert "juju config reception" in state.unit_status.message
    assert state.get_container("reception").plan == before.get_container("reception").plan


def test_options_reach_the_service(ctx: Context, base: testing.State):
    rules = '[{"matches": "@example.com$", "replaces": ""}]'
    options = {
        "resource-quota": "requests.cpu=8, pods=50", "namespace-labels": "team=science", "allowed-groups": "a b, c",
        "userid-transformers": rules, "create-profiles": "ask", "most-profiles": 3,
        "cluster-admins": "root@example.com, b@example.com",
    }  # fmt: skip
    found = document(ctx, update(ctx, base, config=options))
    assert found["quota"] == {"requests.cpu": "8", "pods": "50"}
    assert found["labels"] == {"team": "science"}
    assert found["allowed_groups"] == ["a b", "c"]
    assert found["userid_transformers"] == json.loads(rules)
    assert (found["create"], found["most_profiles"]) == ("ask", 3)
    assert found["cluster_admins"] == ["root@example.com", "b@example.com"]


def test_the_controller_can_be_switched_off(ctx: Context, base: testing.State):
    state = update(ctx, update(ctx, base), config={"profile-controller": False})
    found = state.get_container("reception")
    assert found.plan.services["profile-controller"].startup == "disabled"
    assert found.service_statuses["profile-controller"] == ops.pebble.ServiceStatus.INACTIVE
    assert state.unit_status == ops.ActiveStatus()
    check = found.plan.checks["controller"].http
    # What does not run cannot be asked how it is.
    assert check == {"url": "http://localhost:8083/ready"}
    on = update(ctx, base).get_container("reception").plan
    assert on.checks["controller"].http == {"url": "http://localhost:8082/ready"}


def test_configuration_that_the_service_refuses_is_not_swapped_in(ctx: Context, base: testing.State):
    once = update(ctx, base)
    seen = document(ctx, once)
    execs = {testing.Exec(CHECK.command_prefix, return_code=1, stdout="labels: not known\n")}
    refusing = dataclasses.replace(once.get_container("reception"), execs=execs)
    state = update(ctx, once, containers={refusing}, config={"most-profiles": 7})
    assert isinstance(state.unit_status, ops.BlockedStatus)
    assert state.unit_status.message.startswith("Refused its configuration, ")
    assert state.unit_status.message.endswith("labels: not known: see juju debug-log --include reception/0")
    assert document(ctx, state) == seen


def test_a_service_that_ends_with_a_new_configuration_gets_the_last_one_back(ctx: Context, base: testing.State):
    proven = up(update(ctx, up(update(ctx, base))))
    changed = update(ctx, down(proven, "ready"), config={"most-profiles": 7})
    assert document(ctx, changed)["most_profiles"] == 7
    ended = dict.fromkeys(("reception", "profile-controller"), ops.pebble.ServiceStatus.ERROR)
    found = dataclasses.replace(down(changed, "ready").get_container("reception"), service_statuses=ended)
    event = ctx.on.pebble_check_failed(found, info=found.get_check_info("ready"))
    state = ctx.run(event, dataclasses.replace(changed, containers={found}))
    assert document(ctx, state)["most_profiles"] == 1
    assert state.unit_status.message.startswith("Refused its configuration, ")


def test_what_does_not_answer_is_waited_for(ctx: Context, base: testing.State):
    log = "see juju debug-log --include reception/0"
    state = update(ctx, down(update(ctx, base), "ready"))
    assert state.unit_status == ops.MaintenanceStatus(f"Waiting for the service to answer: {log}")


def test_what_was_never_started_is_waited_for(ctx: Context, base: testing.State):
    state = update(ctx, base, config={"most-profiles": 0})
    assert state.get_container("reception").service_statuses == {}
    assert isinstance(state.unit_status, ops.BlockedStatus)
    state = update(ctx, dataclasses.replace(state, config={}), leader=False)
    assert state.unit_status == ops.ActiveStatus()


def test_a_unit_that_is_being_set_up_says_so_first(ctx: Context, base: testing.State):
    state = ctx.run(ctx.on.install(), dataclasses.replace(base, relations=frozenset()))
    assert isinstance(state.unit_status, ops.MaintenanceStatus)


def test_without_its_container_a_unit_waits(ctx: Context, base: testing.State):
    state = update(ctx, base, containers={testing.Container("reception")})
    assert state.unit_status == ops.MaintenanceStatus("Waiting for the container")
    with pytest.raises(testing.ActionFailed, match="see juju status reception"):
        ctx.run(ctx.on.action("list-profiles"), state)


def test_a_second_unit_serves_and_writes_nothing_for_others(ctx: Context, base: testing.State):
    state = update(ctx, base, leader=False)
    assert state.get_container("reception").service_statuses["reception"] == ops.pebble.ServiceStatus.ACTIVE
    assert bag(state, INGRESS) == bag(state, LOGIN) == {}


def test_a_profile_is_deleted_after_its_name_was_said_twice(ctx: Context, base: testing.State, tmp_path: pathlib.Path):
    words = ("delete-profile", "--name=x", "--confirm=")
    refused = "reception: everything in the namespace goes too: run delete-profile name=x confirm=x\n"
    execs = says(*words, code=1, error=refused)
    state = dataclasses.replace(base, containers={container(tmp_path, execs)})
    with pytest.raises(testing.ActionFailed, match="confirm=x"):
        ctx.run(ctx.on.action("delete-profile", params={"name": "x"}), state)


@pytest.mark.parametrize(("said", "text"), [("", "refused without a word"), ("reception: " + "x" * 400, "^x{300}$")])
def test_a_refusal_is_told_in_one_short_line(
    ctx: Context, base: testing.State, tmp_path: pathlib.Path, said: str, text: str
):
    execs = says("list-profiles", "--user=", code=1, error=said)
    state = dataclasses.replace(base, containers={container(tmp_path, execs)})
    with pytest.raises(testing.ActionFailed, match=text):
        ctx.run(ctx.on.action("list-profiles"), state)


def test_actions_say_what_the_program_says(ctx: Context, base: testing.State, tmp_path: pathlib.Path):
    listed = [{"name": "x", "owner": "u@x.y", "state": "ready"}]
    execs = (
        says("list-profiles", "--user=", text=json.dumps({"profiles": listed})),
        says("create-profile", "--user=u@x.y", "--name=", text='{"name": "x", "owner": "u@x.y"}'),
        says("add-contributor", "--profile=x", "--user=v@x.y", "--role=edit", text='{"contributor": "v@x.y"}'),
        says("remove-contributor", "--profile=x", "--user=v@x.y", "--role=view", text='{"removed": "v@x.y"}'),
    )
    state = dataclasses.replace(base, containers={container(tmp_path, *execs)})
    ctx.run(ctx.on.action("list-profiles"), state)
    assert json.loads((ctx.action_results or {})["profiles"]) == listed
    ctx.run(ctx.on.action("create-profile", params={"user": "u@x.y"}), state)
    assert ctx.action_results == {"name": "x", "owner": "u@x.y"}
    ctx.run(ctx.on.action("add-contributor", params={"profile": "x", "user": "v@x.y"}), state)
    assert ctx.action_results == {"contributor": "v@x.y"}
    params = {"profile": "x", "user": "v@x.y", "role": "view"}
    ctx.run(ctx.on.action("remove-contributor", params=params), state)
    assert ctx.action_results == {"removed": "v@x.y"}


def test_a_dashboard_gets_the_service_of_access_management(ctx: Context, base: testing.State):
    # To the letter what kubeflow-dashboard writes, and what kubeflow-profiles writes for it under its own name.
    offered = {"_supported_versions": "- v1\n"}
    dashboard = testing.Relation(
        "kubeflow-profiles", interface="k8s-service", id=13, remote_app_name="kubeflow-dashboard",
        remote_app_data=offered,
    )  # fmt: skip
    state = update(ctx, base, relations={INGRESS, LOGIN, dashboard})
    assert bag(state, dashboard) == {**offered, "data": "service-name: reception\nservice-port: '8081'\n"}
    assert testing.TCPPort(8081) in state.opened_ports
    assert document(ctx, state)["kfam_listen"] == "0.0.0.0:8081"
    follower = update(ctx, base, leader=False, relations={INGRESS, LOGIN, dashboard})
    assert bag(follower, dashboard) == {}
    assert document(ctx, follower)["kfam_listen"] == "0.0.0.0:8081"
    # Without it nothing is served: whoever reached the port could say that they are anybody.
    gone = ctx.run(ctx.on.relation_broken(state.get_relation(13)), state)
    assert testing.TCPPort(8081) not in gone.opened_ports
    assert document(ctx, gone)["kfam_listen"] == ""


def test_metrics_of_both_services_are_told_with_alerts_and_a_page(ctx: Context, base: testing.State):
    metrics = testing.Relation("metrics-endpoint", id=14, remote_app_name="prometheus")
    grafana = testing.Relation("grafana-dashboard", id=15, remote_app_name="grafana")
    related = {INGRESS, LOGIN, metrics, grafana}
    state = update(ctx, base, relations=related)
    (job,) = json.loads(bag(state, metrics)["scrape_jobs"])
    assert job["static_configs"] == [{"targets": ["*:8083", "*:8082"]}]
    (group,) = json.loads(bag(state, metrics)["alert_rules"])["groups"]
    names = [rule["alert"] for rule in group["rules"]]
    assert names[:2] == ["KubeflowServiceDown", "KubeflowServiceIsNotStable"]
    assert {"ReceptionHasNoCluster", "ProfilesFail", "ProfileControllersAllWait"} == set(names[2:])
    assert "file:reception" in json.loads(bag(state, grafana)["dashboards"])["templates"]
    # Nobody is to be woken because a controller is away that shall be.
    state = update(ctx, base, relations=related, config={"profile-controller": False})
    (job,) = json.loads(bag(state, metrics)["scrape_jobs"])
    assert job["static_configs"] == [{"targets": ["*:8083"]}]


def test_logs_go_to_every_loki(ctx: Context, base: testing.State):
    url = "http://loki:3100/loki/api/v1/push"
    loki = testing.Relation(
        "logging", id=16, remote_app_name="loki", remote_units_data={0: {"endpoint": json.dumps({"url": url})}}
    )
    state = update(ctx, base, relations={INGRESS, LOGIN, loki})
    (target,) = state.get_container("reception").plan.log_targets.values()
    assert (target.location, target.services) == (url, ["all"])
    gone = ctx.run(ctx.on.relation_broken(state.get_relation(16)), state)
    assert [one.services for one in gone.get_container("reception").plan.log_targets.values()] == [["-all"]]


def test_the_rights_and_the_network_policy_name_the_ports_of_the_charm():
    text = (pathlib.Path(charm.__file__).parents[1] / "kubernetes/network.yaml").read_text()
    policy = yaml.safe_load(text)
    ports = [port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]]
    assert ports == [reception.PORT, reception.KFAM_PORT, reception.CONTROLLER_PORT, reception.MANAGEMENT_PORT]


def test_what_an_authority_must_not_send_is_said(ctx: Context, base: testing.State):
    relation = testing.Relation(
        "receive-ca-cert", id=17, remote_app_name="ca", remote_app_data={"certificates": '["no certificate"]'}
    )
    status = update(ctx, base, relations={INGRESS, LOGIN, relation}).unit_status
    assert isinstance(status, ops.BlockedStatus)
    assert status.message.startswith("receive-ca-cert: ca sent what it must not: ")


def test_traces_are_asked_for(ctx: Context, base: testing.State):
    relation = testing.Relation("charm-tracing", id=18, remote_app_name="tempo")
    assert "otlp_http" in bag(update(ctx, base, relations={INGRESS, LOGIN, relation}), relation)["receivers"]


def test_every_right_has_its_reason_in_the_docs():
    root = pathlib.Path(charm.__file__).parents[3]
    given: dict[str, set[str]] = {}
    for role in yaml.safe_load_all((root / "charms/reception/kubernetes/access.yaml").read_text()):
        for rule in role.get("rules", []):
            for resource in rule["resources"]:
                given.setdefault(resource, set()).update(rule["verbs"])
    told: dict[str, set[str]] = {}
    section = (root / "docs/profiles.md").read_text().partition("## What it may do")[2].partition("## ")[0]
    for rights, reason in re.findall(r"^\| (.*`.*) \| (.+) \|$", section, re.MULTILINE):
        resource, verbs = re.search(r"`([a-z/]+)`", rights)[1], rights.rpartition("`:")[2]
        told[resource] = set(re.findall(r"[a-z]+", verbs)) - {"and", "of", "its", "own"}
        assert reason
    assert given == told
