# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import dataclasses
import json
import typing

import envoy
import hypothesis
import model
import pages
import routes
import yaml
from charmkit import desired
from hypothesis import strategies

AUTH = routes.Auth(host="g.m.svc.cluster.local", port=8080, request_headers=("cookie",), response_headers=("x-user",))


def route(prefix: str = "/x", **changes: object) -> routes.Route:
    plain = routes.Route(
        application="x",
        relation=1,
        prefix=prefix,
        rewrite=prefix,
        host="x.m.svc.cluster.local",
        port=80,
        protected=True,
    )
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]


def gateway(**changes: object) -> model.Gateway:
    return dataclasses.replace(model.Gateway(name="gw", port=8080, table=(route(),), auth=AUTH), **changes)  # type: ignore[arg-type]


def files(state: desired.Desired) -> dict[str, typing.Any]:
    return {file.path.removeprefix("/tmp/envoy/"): json.loads(file.text) for file in state.files}


def rules(gateway: model.Gateway) -> list[dict[str, typing.Any]]:
    (table,) = files(envoy.configure(gateway))["routes.json"]["resources"]
    return table["virtual_hosts"][0]["routes"][1:]


def test_layer_runs_envoy_without_hot_restart_and_checks_it() -> None:
    layer = envoy.configure(gateway(port=8081)).layer
    service = layer["services"]["envoy"]  # type: ignore[index]
    words = service["command"].split()
    assert words[:4] == ["/usr/local/bin/envoy", "-c", "/tmp/envoy/bootstrap.json", "--disable-hot-restart"]
    assert words[-4:] == ["--drain-time-s", "86400", "--drain-strategy", "immediate"]
    check = layer["checks"]["ready"]  # type: ignore[index]
    assert check["http"] == {"url": "http://localhost:8081/ambassador/v0/check_ready"}
    assert check["level"] == "ready"
    alive = layer["checks"]["alive"]  # type: ignore[index]
    assert alive["http"] == {"url": "http://localhost:9903/ambassador/v0/check_alive"}
    assert service["on-check-failure"] == {"alive": "restart"}
    (listener,) = files(envoy.configure(gateway()))["bootstrap.json"]["static_resources"]["listeners"]
    assert listener["address"]["socket_address"] == {"address": "127.0.0.1", "port_value": 9903}
    # Clients that take up all connections must not end it.
    assert listener["ignore_global_conn_limit"] is True


def test_changes_of_routes_and_login_restart_nothing() -> None:
    layers = [
        envoy.configure(changed).layer["services"]  # type: ignore[index]
        for changed in (gateway(), gateway(table=()), gateway(auth=None, refusal="x"), gateway(port=9000))
    ]
    assert layers[0] == layers[1] == layers[2] == layers[3]


def test_changes_of_routes_touch_no_listener() -> None:
    one, two = (files(envoy.configure(gateway(table=table))) for table in ((route(),), (route("/y"), route("/z"))))
    assert one["listeners.json"] == two["listeners.json"]
    assert one["routes.json"] != two["routes.json"]


def test_authorizer_that_moves_touches_no_listener() -> None:
    moved = dataclasses.replace(AUTH, host="other.m.svc.cluster.local", port=9999)
    one, two = (files(envoy.configure(gateway(auth=auth))) for auth in (AUTH, moved))
    assert one["listeners.json"] == two["listeners.json"]
    assert one["clusters.json"] != two["clusters.json"]


def test_there_is_no_admin_interface() -> None:
    assert "admin" not in files(envoy.configure(gateway()))["bootstrap.json"]


def test_clusters_come_before_the_routes_that_need_them() -> None:
    paths = [file.path for file in envoy.configure(gateway()).files]
    assert paths.index("/tmp/envoy/clusters.json") < paths.index("/tmp/envoy/routes.json")


def test_only_open_routes_ask_nobody() -> None:
    found = rules(gateway(table=(route("/open", protected=False), route("/closed"))))
    for rule in found:
        is_open = "/open" in json.dumps(rule["match"])
        assert ("envoy.filters.http.ext_authz" in rule["typed_per_filter_config"]) == is_open


def test_without_login_no_protected_route_reaches_an_application() -> None:
    found = rules(
        gateway(auth=None, refusal="closed", table=(route("/open", protected=False), route("/a"), route("/")))
    )
    for rule in found:
        is_open = "/open" in json.dumps(rule["match"])
        assert ("route" in rule) == is_open
        assert rule.get("direct_response", {}).get("status") == (None if is_open else 503)


def test_without_login_the_authorizer_has_no_address() -> None:
    asked, address, *_ = files(envoy.configure(gateway(auth=None)))["clusters.json"]["resources"]
    assert asked["name"] == "authorizer"
    assert asked["cluster_type"]["typed_config"]["clusters"] == [address["name"]]
    assert address["load_assignment"]["endpoints"] == [{"lb_endpoints": []}]


def test_what_listeners_ask_never_changes() -> None:
    others = (None, dataclasses.replace(AUTH, host="other.m.svc.cluster.local", port=9999, http2=True))
    found = [files(envoy.configure(gateway(auth=auth)))["clusters.json"]["resources"] for auth in (AUTH, *others)]
    assert all(clusters[0] == found[0][0] and clusters[1] != found[0][1] for clusters in found[1:])


def test_websockets_may_be_silent_for_ever_and_nothing_else() -> None:
    for rule in rules(gateway()):
        websocket = rule["match"].get("headers") is not None
        assert rule["route"]["idle_timeout"] == ("0s" if websocket else "3600s")
        assert rule["route"]["timeout"] == "0s"


TEXT = strategies.text(
    alphabet=strategies.one_of(
        strategies.sampled_from("\"\\\n\r\t{}[]:,%/'<>#&!|- \x00\x1f\x7f\x85\u2028\u2029\ufeff"),
        strategies.characters(exclude_categories=["Cs"]),
    ),
    max_size=12,
)
PORTS = strategies.integers(1, 65535)
ROUTES = strategies.builds(
    routes.Route,
    application=TEXT,
    relation=strategies.integers(0, 99),
    prefix=TEXT.map("/{}".format),
    rewrite=TEXT.map("/{}".format),
    host=TEXT.filter(bool),
    port=PORTS,
    protected=strategies.booleans(),
)
AUTHS = strategies.builds(
    routes.Auth,
    host=TEXT.filter(bool),
    port=PORTS,
    request_headers=strategies.lists(TEXT, max_size=3).map(tuple),
    response_headers=strategies.lists(TEXT, max_size=3).map(tuple),
)
GATEWAYS = strategies.builds(
    model.Gateway,
    name=TEXT,
    port=PORTS,
    table=strategies.lists(ROUTES, max_size=3).map(tuple),
    auth=strategies.none() | AUTHS,
    refusal=TEXT.filter(bool),
    check_period=strategies.just("1s"),
)


def shape(value: object) -> object:
    """Return a document with every text replaced, so that only its structure is left."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return type(value).__name__


def harmless(gateway: model.Gateway) -> model.Gateway:
    """Return a gateway of the same structure with harmless texts."""

    table = tuple(
        dataclasses.replace(
            route,
            application="a",
            prefix="/" if route.prefix == "/" else "/p",
            rewrite={"/": "/", route.prefix: "/" if route.prefix == "/" else "/p"}.get(route.rewrite, "/r"),
            host="a" if gateway.keeps_cookies(route) else "h",
        )
        for route in gateway.table
    )
    auth = dataclasses.replace(gateway.auth, host="a") if gateway.auth else None
    return dataclasses.replace(gateway, name="n", table=table, auth=auth, refusal="r")


@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(GATEWAYS)
def test_no_value_breaks_out_of_the_files(gateway: model.Gateway) -> None:
    rendered = envoy.configure(gateway)
    for file in rendered.files:
        assert json.loads(file.text) == yaml.load(file.text, yaml.CSafeLoader)
    found, expected = files(rendered), files(envoy.configure(harmless(gateway)))
    for name in ("bootstrap.json", "clusters.json", "routes.json", "listeners.json"):
        assert shape(found[name]) == shape(expected[name])
    assert found["bootstrap.json"]["node"]["id"] == gateway.name
    hosts = [
        endpoint["endpoint"]["address"]["socket_address"]["address"]
        for cluster in found["clusters.json"]["resources"][1:]
        for endpoint in cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
    ]
    given = [*([gateway.auth.host] if gateway.auth else []), *(route.host for route in gateway.table for _ in range(2))]
    assert hosts == given


def test_pages_escape_what_html_would_read() -> None:
    for page in pages.pages():
        assert page.html.count("<script") == 0
        if page.json and page.html:
            assert page.html.startswith("<!doctype html>")
            # Every command that Envoy replaces, and nothing that it could take for one.
            rest = page.html.replace("%RESPONSE_CODE%", "").replace("%REQ(X-REQUEST-ID)%", "")
            assert "%" not in rest.replace("%LOCAL_REPLY_BODY%", "").replace("%%", "")


def test_words_are_the_reason_and_not_the_configuration() -> None:
    said = "[x][main] error initializing configuration '/tmp/envoy/candidate.json': goo.gle/debug\n a: 1\n: bad port\n"
    assert envoy.words(said) == "bad port"
    assert (
        envoy.words("error initializing configuration '/tmp/envoy/candidate.json': no such field: 'x'")
        == "no such field: 'x'"
    )
    assert envoy.words("") == ""
