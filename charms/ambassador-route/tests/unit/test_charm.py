# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import base64
import collections.abc
import dataclasses
import json
import lzma
import pathlib
import re

import charm
import diagnostics
import loopback
import ops
import pytest
import selftest
from charmkit.interfaces import ingress, ingress_auth
from cryptography import x509
from ops import testing

PATHS = ("bootstrap.json", "clusters.json", "listeners.json", "routes.json", "secrets.json")
VALIDATE = ["/usr/local/bin/envoy", "--mode", "validate"]
ANNOUNCED = {"_supported_versions": "- v1\n"}

DEX = testing.Relation(
    "ingress-unauthenticated",
    id=11,
    remote_app_name="dex-auth",
    remote_app_data=ingress.write_request(
        ingress.Request(prefix="/dex", rewrite="/dex", service="dex-auth", port=5556),
    ),
)
ECHO = testing.Relation(
    "ingress",
    id=12,
    remote_app_name="echo",
    remote_app_data=ingress.write_request(ingress.Request(prefix="/echo", rewrite="/", service="echo", port=80)),
)
LOGIN = testing.Relation(
    "ingress-auth",
    id=13,
    remote_app_name="gatekeeper",
    remote_app_data=ingress_auth.write(
        ingress_auth.Authorizer(
            service="gatekeeper", port=8080, request_headers=("cookie",), response_headers=("kubeflow-userid",)
        )
    ),
)


@pytest.fixture(autouse=True)
def probed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the self-test says; no gateway listens here."""
    faults: list[str] = []
    monkeypatch.setattr(selftest, "run", lambda *_: faults[0] if faults else "")
    return faults


@pytest.fixture
def ctx() -> collections.abc.Iterator[testing.Context[charm.AmbassadorRouteCharm]]:
    with testing.Context(charm.AmbassadorRouteCharm) as context:
        yield context


@pytest.fixture
def base(tmp_path: pathlib.Path) -> testing.State:
    return testing.State(
        leader=True,
        model=testing.Model(name="kubeflow"),
        containers={
            testing.Container(
                "gateway",
                can_connect=True,
                mounts={"home": testing.Mount(location="/tmp/envoy", source=tmp_path)},
                execs={testing.Exec(VALIDATE)},
            )
        },
        relations={DEX, ECHO, LOGIN},
        networks={testing.Network("ingress", ingress_addresses=["192.0.2.7"])},
    )


def files(ctx: testing.Context[charm.AmbassadorRouteCharm], state: testing.State) -> dict[str, str]:
    root = state.get_container("gateway").get_filesystem(ctx) / "tmp/envoy"
    return {name: (root / name).read_text() for name in PATHS if (root / name).exists()}


def bag(state: testing.State, relation: testing.Relation) -> dict[str, str]:
    return dict(state.get_relation(relation.id).local_app_data)


def routed(ctx: testing.Context[charm.AmbassadorRouteCharm], state: testing.State) -> list[str]:
    table = json.loads(files(ctx, state)["routes.json"])["resources"][0]
    rules = table["virtual_hosts"][0]["routes"]
    return sorted(
        {
            str(next(iter({k: v for k, v in rule["match"].items() if k not in ("headers", "grpc")}.values())))
            for rule in rules[1:]
        }
    )


def update(ctx: testing.Context[charm.AmbassadorRouteCharm], state: testing.State, **changes: object) -> testing.State:
    return ctx.run(ctx.on.update_status(), dataclasses.replace(state, **changes))  # type: ignore[arg-type]


def refusing(state: testing.State, words: str = "bad") -> testing.State:
    container = state.get_container("gateway")
    execs = {testing.Exec(VALIDATE, return_code=1, stdout=words)}
    return dataclasses.replace(state, containers={dataclasses.replace(container, execs=execs)})


def test_everything_related_serves(ctx: testing.Context[charm.AmbassadorRouteCharm], base: testing.State) -> None:
    state = update(ctx, base)
    container = state.get_container("gateway")
    assert container.service_statuses == {"envoy": ops.pebble.ServiceStatus.ACTIVE}
    assert sorted(files(ctx, state)) == sorted(PATHS)
    assert routed(ctx, state) == ["/dex", "/echo", "/echo/"]
    assert state.opened_ports == {testing.TCPPort(8080)}
    assert state.unit_status == ops.ActiveStatus("Serving http://192.0.2.7:8080")


@pytest.mark.parametrize("old", [False, True])
def test_the_login_is_asked_in_http_2_when_it_understands_it(
    ctx: testing.Context[charm.AmbassadorRouteCharm], base: testing.State, old: bool
) -> None:
    said = {} if old else ingress_auth.write_http2()
    login = dataclasses.replace(LOGIN, remote_app_data={**LOGIN.remote_app_data, **said})
    relations = [login if relation.id == LOGIN.id else relation for relation in base.relations]
    state = update(ctx, base, relations=relations)
    _, *clusters = json.loads(files(ctx, state)["clusters.json"])["resources"]
    http = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    options = {one["name"]: one["typed_extension_protocol_options"][http] for one in clusters}
    chosen = {name: one["explicit_http_config"] for name, one in options.items()}
    # All go over one connection: one whose other side is gone must be noticed, and a unit that is new must get some.
    assert ("max_connection_duration" in options["authorizer:address"]["common_http_protocol_options"]) != old
    alive = {"http2_protocol_options": {"connection_keepalive": {"interval": "2s", "timeout": "2s"}}}
    assert chosen["authorizer:address"] == ({"http_protocol_options": {}} if old else alive)
    assert chosen["echo:12"] == {"http_protocol_options": {}}
    assert chosen["echo:12:grpc"] == {"http2_protocol_options": {}}


def test_relations_hear_versions_and_public_url(
    ctx: testing.Context[charm.AmbassadorRouteCharm], base: testing.State
) -> None:
    state = update(ctx, base, config={"external-url": "https://kubeflow.example.com/"})
    told = {"_supported_versions": "- v1\n- v2\n", "external-url": "https://kubeflow.example.com"}
    assert bag(state, DEX) == bag(state, ECHO) == told
    assert bag(state, LOGIN) == ANNOUNCED


def test_application_that_expects_traefik_hears_its_url(
    ctx: testing.Context[charm.AmbassadorRouteCharm], base: testing.State
) -> None:
    asked = {"model": '"kubeflow"', "name": '"minio"', "port": "9001"}
    minio = testing.Relation("ingress", id=20, remote_app_name="minio", remote_app_data=asked)
    state = update(ctx, base, relations={*base.relations, minio})
    assert bag(state, minio)["ingress"] == '{"url": "http://192.0.2.7:8080/kubeflow-minio"}'
    assert "/kubeflow-minio" in routed(ctx, state)
    assert "ingress" not in bag(state, ECHO)


def test_public_url_that_is_lost_is_withdrawn(
    ctx: testing.Context[charm.AmbassadorRouteCharm], base: testing.State
) -> None:
    state = update(ctx, update(ctx, base), networks={testing.Network("ingress", ingress_addresses=[])})
    assert bag(state, DEX) == {"_supported_versions": "- v1\n- v2\n"}
    assert state.unit_status == ops.BlockedStatus(
        "Public URL not known: run juju config ambassador-route external-url=http://HOST"
    )


def test_second_unit_serves_and_writes_no_application_data(
    ctx: testing.Context[charm.AmbassadorRouteCharm], base: testing.State
) -> None:
    state = update(ctx, base, leader=False)
    assert state.get_container("gateway").service_statuses == {"envoy": ops.pebble.ServiceStatus.ACTIVE}
    assert bag(state, DEX) == bag(state, LOGIN) == {}
    assert isinstance(state.unit_status, ops.ActiveStatus)


def test_reconciling_twice_changes_nothing(
    ctx: testing.Context[charm.AmbassadorRouteCharm], base: testing.State
) -> None:
    once = update(ctx, base)
    seen = files(ctx, once)
    twice = update(ctx, once)
    assert files(ctx, twice) == seen
    assert twice.get_container("gateway").plan == once.get_container("gateway").plan
    assert twice.relations == once.relations


def test_change_of_routes_is_rehearsed_and_changes_no_plan(
    ctx: testing.Context[charm.AmbassadorRouteCharm], base: testing.State
) -> None:
    once = update(ctx, base)
    twice = update(ctx, once, relations={DEX, LOGIN})
    assert twice.get_container("gateway").plan == once.get_container("gateway").plan
    assert routed(ctx, twice) == ["/dex"]
    commands = [args.command for args in ctx.exec_history["gateway"]]
    assert [command[:4] for command in commands] == [[*VALIDATE, "-c"]]


def test_refused_configuration_leaves_the_old_one_serving(
    ctx: testing.Context[charm.AmbassadorRouteCharm], base: testing.State
) -> None:
    once = update(ctx, base)
    state = update(ctx, refusing(once, "goo.gle/x\n: no such field"), relations={DEX, LOGIN})
    assert routed(ctx, state) == ["/dex", "/echo", "/echo/"]
    assert state.unit_status == ops.BlockedStatus(
        "Envoy refused its configuration, no such field: see juju debug-log --include ambassador-route/0"
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"engine": "nginx"}, "engine: unknown engine 'nginx', there are envoy and emissary"),
        ({"http-port": 80}, "http-port: must be from 1024 to 65535, not 80"),
        ({"external-url": "kubeflow"}, "external-url: 'kubeflow' must begin with http:// or https://"),
    ],
)
def test_wrong_option_is_blocked_and_the_old_configuration_serves(
    ctx: testing.Context[charm.AmbassadorRouteCharm], base: testing.State, options: dict[str, str | int], words: str
) -> None:
    once = update(ctx, base)
    seen = files(ctx, once)
    state = update(ctx, once, config=options)
    assert isinstance(state.unit_status, ops.BlockedStatus)
    assert state.unit_status.message.startswith(words)
    option = next(iter(options))
    assert state.unit_status.message.endswith(f"run juju config ambassador-route {option}=... or --reset {option}")
    assert files(ctx, state) == seen
    assert state.get_container("gateway").service_statuses == {"envoy": ops.pebble.ServiceStatus.ACTIVE}
    assert bag(state, DEX) == bag(once, DEX)


def test_without_login_protected_paths_refuse_and_the_command_is_named(
    ctx: testing.Context[charm.AmbassadorRouteCharm], base: testing.State
) -> None:
    state = update(ctx, base, relations={DEX, ECHO})
    command = "juju integrate ambassador-route:ingress-auth gatekeeper:ingress-auth"
    assert isinstance(state.unit_status, ops.BlockedStatus)
    assert state.unit_status.message.endswith(f"run {command}")
    assert command in files(ctx, state)["routes.json"]


def test_login_that_goes_closes_protected_paths(
    ctx: testing.Context[charm.AmbassadorRouteCharm], base: testing.State
) -> None:
    once = update(ctx, base)
    state = ctx.run(ctx.on.relation_broken(once.get_relation(LOGIN.id)), once)
    assert "direct_response" in files(ctx, state)["routes.json"]
    assert "gatekeeper.kubeflow.svc.cluster.local" not in files(ctx, state)["clusters.json"]
    assert isinstance(state.unit_status, ops.BlockedStatus)


def test_login_that_is_silent_is_waited_for(
    ctx: testing.Context[charm.AmbassadorRouteCharm], base: testing.State
) -> None:
    silent = dataclasses.replace(LOGIN, remote_app_data=ANNOUNCED)
    state = update(ctx, base, relations={DEX, ECHO, silent})
    assert state.unit_status == ops.WaitingStatus(
        "Protected paths answer 503 until gatekeeper presents itself over ingress-auth: see juju status gatekeeper"
    )
    assert "direct_response" in files(ctx, state)["routes.json"]


def test_application_that_goes_loses_its_path(
    ctx: testing.Context[charm.AmbassadorRouteCharm], base: testing.State
) -> None:
    once = update(ctx, base)
    state = ctx.run(ctx.on.relation_broken(once.get_relation(ECHO.id)), once)
    assert routed(ctx, state) == ["/dex"]


def test_without_container_relations_are_served_already(
    ctx: testing.Context[charm.AmbassadorRouteCharm], base: testing.State
) -> None:
    state = ctx.run(ctx.on.relation_created(DEX), dataclasses.replace(base, containers={testing.Container("gateway")}))
    assert bag(state, DEX)["external-url"] == "http://192.0.2.7:8080"
    assert state.unit_status == ops.MaintenanceStatus("Waiting for the container")


def test_port_is_everywhere_the_same(ctx: testing.Context[charm.AmbassadorRouteCharm], base: testing.State) -> None:
    state = update(ctx, base, config={"http-port": 9090})
    assert state.opened_ports == {testing.TCPPort(9090)}
    assert bag(state, DEX)["external-url"] == "http://192.0.2.7:9090"
    check = state.get_container("gateway").plan.checks["ready"]
    assert check.http == {"url": "http://localhost:9090/ambassador/v0/check_ready"}
    assert '"port_value": 9090' in files(ctx, state)["listeners.json"]


def test_failed_check_is_not_active(ctx: testing.Context[charm.AmbassadorRouteCharm], base: testing.State) -> None:
    once = update(ctx, base)
    container = once.get_container("gateway")
    info = dataclasses.replace(container.get_check_info("ready"), status=ops.pebble.CheckStatus.DOWN, failures=3)
    broken = dataclasses.replace(container, check_infos={info})
    state = ctx.run(ctx.on.pebble_check_failed(broken, info=info), dataclasses.replace(once, containers={broken}))
    assert state.unit_status == ops.MaintenanceStatus(
        "Waiting for Envoy to answer: see juju debug-log --include ambassador-route/0"
    )


def test_gateway_that_fails_its_self_test_is_blocked(
    ctx: testing.Context[charm.AmbassadorRouteCharm], base: testing.State, probed: list[str]
) -> None:
    probed.append("/echo lets everybody in without a login")
    state = update(ctx, base)
    assert state.unit_status == ops.BlockedStatus(
        "/echo lets everybody in without a login: see juju debug-log --include ambassador-route/0"
    )


def test_open_to_everybody_is_loud(ctx: testing.Context[charm.AmbassadorRouteCharm], base: testing.State) -> None:
    state = update(ctx, base, relations={DEX, ECHO}, config={"allow-unauthenticated": True})
    assert isinstance(state.unit_status, ops.ActiveStatus)
    assert state.unit_status.message == (
        "OPEN TO EVERYBODY, serving http://192.0.2.7:8080 without a login: "
        "run juju config ambassador-route --reset allow-unauthenticated"
    )
    assert "direct_response" not in files(ctx, state)["routes.json"].split("echo:12", 1)[1]


def test_options_of_the_operator_reach_the_configuration(
    ctx: testing.Context[charm.AmbassadorRouteCharm], base: testing.State
) -> None:
    options: dict[str, str | int | bool] = {
        "login-rate-limit": 77,
        "cors-origins": "https://tools.example.com",
        "trusted-proxies": 2,
        "session-cookies": "other",
    }
    listeners = files(ctx, update(ctx, base, config=options))["listeners.json"]
    assert '"max_tokens": 77' in listeners
    assert '"xff_num_trusted_hops": 2' in listeners
    assert 'session[\\"other\\"]' in listeners


@pytest.fixture
def emissary(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What Emissary says about its resources, one answer for each reload; nothing when there is none."""
    answers: list[str] = []
    monkeypatch.setattr(diagnostics, "reload", lambda: answers.pop(0) if answers else None)
    return answers


def proven(state: testing.State) -> testing.State:
    """Let the checks have been up for a while."""
    container = state.get_container("gateway")
    infos = {dataclasses.replace(info, successes=5) for info in container.check_infos}
    return dataclasses.replace(state, containers={dataclasses.replace(container, check_infos=infos)})


@pytest.fixture
def room(base: testing.State, tmp_path: pathlib.Path) -> testing.State:
    """A container with Emissary's directories."""
    held = base.get_container("gateway")
    mounts = {top: testing.Mount(location=f"/{top}", source=tmp_path / top) for top in ("ambassador", "tmp")}
    for mount in mounts.values():
        pathlib.Path(mount.source).mkdir()
    return dataclasses.replace(base, containers={dataclasses.replace(held, mounts=mounts)})


def resources(ctx: testing.Context[charm.AmbassadorRouteCharm], state: testing.State) -> str:
    root = state.get_container("gateway").get_filesystem(ctx)
    return (root / "ambassador/init-config/gateway.yaml").read_text()


def test_emissary_runs_in_envoys_place(
    ctx: testing.Context[charm.AmbassadorRouteCharm], room: testing.State, emissary: list[str]
) -> None:
    state = update(ctx, room, config={"engine": "emissary"})
    container = state.get_container("gateway")
    assert container.service_statuses == {"emissary": ops.pebble.ServiceStatus.ACTIVE}
    assert state.unit_status == ops.ActiveStatus("Serving http://192.0.2.7:8080")
    text = resources(ctx, state)
    assert "dex-auth.kubeflow.svc.cluster.local:5556" in text
    good = update(ctx, proven(state))
    emissary.append("Mapping echo: no such thing")
    state = update(ctx, good, relations={DEX, LOGIN})
    assert state.unit_status == ops.BlockedStatus(
        "Emissary refused its configuration, Mapping echo: no such thing: "
        "see juju debug-log --include ambassador-route/0"
    )
    # What it refused is not what it would find at its next start.
    assert resources(ctx, state) == text


def test_emissary_is_told_who_is_called_with_grpc(
    ctx: testing.Context[charm.AmbassadorRouteCharm], room: testing.State, emissary: list[str]
) -> None:
    state = update(ctx, room, config={"engine": "emissary", "grpc-applications": "echo"})
    assert re.findall('"([a-z-]+)-[0-9]+-grpc"', resources(ctx, state)) == ["echo"]
    assert state.unit_status == ops.ActiveStatus("Serving http://192.0.2.7:8080")


def test_actions_answer_and_name_a_wrong_option(
    ctx: testing.Context[charm.AmbassadorRouteCharm], base: testing.State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loopback, "client", lambda *_: lambda *_: loopback.Answer())
    monkeypatch.setattr(loopback, "listens", lambda *_: "up")
    ctx.run(ctx.on.action("show-routes"), base)
    assert ctx.action_results
    assert str(ctx.action_results["routes"]).splitlines()[1].split()[:4] == ["/echo", "echo", "needed", "nothing"]
    with pytest.raises(testing.ActionFailed, match="gateway: it does not answer: see juju status ambassador-route"):
        ctx.run(ctx.on.action("trace-login"), base)
    wrong = dataclasses.replace(base, config={"http-port": 80})
    for action in ("show-routes", "trace-login"):
        with pytest.raises(testing.ActionFailed, match="http-port: must be from 1024"):
            ctx.run(ctx.on.action(action), wrong)


def test_metrics_are_there_while_somebody_wants_them(
    ctx: testing.Context[charm.AmbassadorRouteCharm], base: testing.State
) -> None:
    prometheus = testing.Relation("metrics-endpoint", id=30, remote_app_name="prometheus")
    state = update(ctx, base, relations={*base.relations, prometheus})
    assert testing.TCPPort(9902) in state.opened_ports
    assert '"port_value": 9902' in files(ctx, state)["bootstrap.json"]
    relation = state.get_relation(30)
    assert json.loads(relation.local_app_data["scrape_jobs"]) == [
        {"metrics_path": "/metrics", "static_configs": [{"targets": ["*:9902"]}]}
    ]
    assert relation.local_unit_data["prometheus_scrape_unit_name"] == "ambassador-route/0"
    (group,) = json.loads(relation.local_app_data["alert_rules"])["groups"]
    assert {"KubeflowServiceDown", "HTTP5xxRateHigh"} <= {rule["alert"] for rule in group["rules"]}
    state = ctx.run(ctx.on.relation_broken(relation), state)
    assert state.opened_ports == {testing.TCPPort(8080)}
    assert "9902" not in files(ctx, state)["bootstrap.json"]


def test_grafana_gets_a_page(ctx: testing.Context[charm.AmbassadorRouteCharm], base: testing.State) -> None:
    grafana = testing.Relation("grafana-dashboard", id=31, remote_app_name="grafana")
    state = update(ctx, base, relations={*base.relations, grafana})
    (found,) = json.loads(state.get_relation(31).local_app_data["dashboards"])["templates"].values()
    page = json.loads(lzma.decompress(base64.b64decode(found["content"])))
    assert page["title"] == "Gateway of Kubeflow (ambassador-route)"
    follower = update(ctx, base, relations={*base.relations, grafana}, leader=False)
    assert not follower.get_relation(31).local_app_data


def test_who_wants_an_istio_gateway_hears_that_there_is_none(
    ctx: testing.Context[charm.AmbassadorRouteCharm], base: testing.State
) -> None:
    tensorboards = testing.Relation("gateway-info", id=32, remote_app_name="tensorboard-controller")
    state = update(ctx, base, relations={*base.relations, tensorboards})
    assert bag(state, tensorboards) == {
        "gateway_name": "ambassador-route", "gateway_namespace": "kubeflow", "gateway_up": "false"
    }  # fmt: skip
    assert isinstance(state.unit_status, ops.ActiveStatus)
    assert bag(update(ctx, base, relations={*base.relations, tensorboards}, leader=False), tensorboards) == {}


def test_logs_go_to_loki_and_restart_nothing(
    ctx: testing.Context[charm.AmbassadorRouteCharm], base: testing.State
) -> None:
    url = "http://loki:3100/loki/api/v1/push"
    units = {0: {"endpoint": json.dumps({"url": url})}}
    loki = testing.Relation("logging", id=33, remote_app_name="loki", remote_units_data=units)  # type: ignore[arg-type]
    state = update(ctx, base, relations={*base.relations, loki})
    plan = state.get_container("gateway").plan.to_dict()
    (target,) = plan["log-targets"].values()
    assert (target["location"], target["services"]) == (url, ["all"])
    assert plan["services"] == update(ctx, base).get_container("gateway").plan.to_dict()["services"]
    gone = ctx.run(ctx.on.relation_broken(state.get_relation(33)), state).get_container("gateway").plan.to_dict()
    assert [target["services"] for target in gone["log-targets"].values()] == [["-all"]]


def test_hosts_of_the_operator_are_served_and_certified(
    ctx: testing.Context[charm.AmbassadorRouteCharm], base: testing.State
) -> None:
    options: dict[str, str | int | bool] = {"hosts": "echo=echo.example.com", "external-url": "https://gw.example.com"}
    authority = testing.Relation("certificates", id=34, remote_app_name="ca")
    state = update(ctx, base, config=options, relations={*base.relations, authority})
    (table,) = json.loads(files(ctx, state)["routes.json"])["resources"]
    assert [host["domains"] for host in table["virtual_hosts"]] == [["*"], ["echo.example.com"]]
    (request,) = json.loads(state.get_relation(34).local_unit_data["certificate_signing_requests"])
    asked = x509.load_pem_x509_csr(request["certificate_signing_request"].encode())
    names = asked.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert sorted(names.get_values_for_type(x509.DNSName)) == ["echo.example.com", "gw.example.com"]
    typo = update(ctx, base, config={"hosts": "ecko=echo.example.com"})
    assert typo.unit_status == ops.BlockedStatus(
        "hosts names ecko, which is not related: run juju integrate ambassador-route:ingress ecko"
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"gateway_service_type": "ExternalName"}, "gateway_service_type: must be one of ClusterIP, NodePort, Load"),
        ({"annotations": "a"}, "annotations: a= is not an annotation, such as example.com/a=b"),
        ({"annotations": "a b=c"}, "annotations: a b=c is not an annotation"),
        ({"annotations": "/a=c"}, "annotations: /a=c is not an annotation"),
        ({"ambassador-address": "emissary:80"}, "ambassador-address: 'emissary:80' must begin with http:// or"),
    ],
)
def test_wrong_option_of_the_cluster_is_named(
    ctx: testing.Context[charm.AmbassadorRouteCharm], base: testing.State, options: dict[str, str | int], words: str
) -> None:
    state = update(ctx, base, config=options)
    assert state.unit_status.message.startswith(words)
    option = next(iter(options))
    assert state.unit_status.message.endswith(f"run juju config ambassador-route {option}=... or --reset {option}")
