# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What of engine emissary can be tried without it: script and expressions in a real Envoy, and how a reload ends."""

import collections.abc
import json
import pathlib
import typing

import diagnostics
import emissary
import model
import pytest
import routes
import servers
import yaml
from servers import Reply, Seen

# What may stand behind a prefix, and what is left of both where / takes the prefix's place.
BELOW = {"": "/", "/": "/", "?q=/%2f": "/?q=/%2f", "/a//b?q": "/a//b?q", "//a": "/a", "/?": "/?"}
# Every character that a path may have, and far more of them than regex_max_size.
ODD, LONG = "/all._~!$&'()*+,=:@-/9", "/" + "." * 2000
PREFIXES = {"/tool": "/", "/moved": "/new/home", ODD: "/", LONG: "/", LONG.replace(".", ","): "/short"}


def _named(seen: Seen) -> Reply:
    """Answer with the request, and with an identity where the path asks for one."""
    named = [("kubeflow-userid", "anna"), ("x-reason", "no")] if seen.path == "/named" else []
    return Reply(body=servers.echo(seen).body, headers=named)


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> collections.abc.Iterator[int]:
    """An Envoy with the filters in Emissary's order, and with its way of changing headers in a route."""
    table = tuple(
        routes.Route(
            application="app", relation=number, prefix=prefix, rewrite=rewrite, host="app", port=1, protected=True,
        ) for number, (prefix, rewrite) in enumerate(PREFIXES.items())
    )  # fmt: skip
    (file,) = emissary.configure(model.Gateway(name="gw", namespace="m", port=1, table=table)).files
    found = list(yaml.safe_load_all(file.text))
    (module,) = [one["spec"]["config"] for one in found if one["kind"] == "Module"]
    mapped = [_as_emissary_would(one["spec"], module) for one in found if one["kind"] == "Mapping"]
    app, port = servers.Server(_named), servers.free_port()
    cookie = {"header": {"key": "cookie", "value": "%REQ(x-gateway-cookies)%"}}
    prefix = "type.googleapis.com/envoy.extensions.filters"
    manager = {
        "@type": f"{prefix}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "x",
        "route_config": {
            "virtual_hosts": [{
                "name": "x",
                "domains": ["*"],
                "routes": [*mapped, {
                    "match": {"prefix": "/"},
                    "route": {"cluster": "app"},
                    "request_headers_to_remove": ["cookie"],
                    "request_headers_to_add": [{**cookie, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}],
                }],
            }]
        },
        "http_filters": [
            {
                "name": "lua",
                "typed_config": {
                    "@type": f"{prefix}.http.lua.v3.Lua",
                    "default_source_code": {"inline_string": module["lua_scripts"]},
                },
            },
            {"name": "router", "typed_config": {"@type": f"{prefix}.http.router.v3.Router"}},
        ],
    }  # fmt: skip

    def address(port: int) -> dict[str, object]:
        return {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}}

    bootstrap = {
        "static_resources": {
            "listeners": [{
                "name": "x", **address(port),
                "filter_chains": [{"filters": [
                    {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}
                ]}],
            }],
            "clusters": [{
                "name": "app", "type": "STATIC",
                "load_assignment": {
                    "cluster_name": "app", "endpoints": [{"lb_endpoints": [{"endpoint": address(app.port)}]}]
                },
            }],
        }
    }  # fmt: skip
    envoy = servers.Envoy(tmp_path_factory.mktemp("proxy"))
    envoy.write([("/tmp/envoy/bootstrap.json", json.dumps(bootstrap))])
    try:
        envoy.start(port, "/")
        yield port
    finally:
        envoy.stop()
        app.close()


def _as_emissary_would(mapping: dict[str, typing.Any], module: dict[str, typing.Any]) -> dict[str, object]:
    """Return Envoy's route of a mapping."""
    sizes = {"google_re2": {"max_program_size": module["regex_max_size"]}}
    ((header, expression),) = mapping["regex_headers"].items()
    rewrite: dict[str, object] = {"prefix_rewrite": mapping["rewrite"]} if "rewrite" in mapping else {}
    if "regex_rewrite" in mapping:
        pattern = {**sizes, "regex": mapping["regex_rewrite"]["pattern"]}
        rewrite = {"regex_rewrite": {"pattern": pattern, "substitution": mapping["regex_rewrite"]["substitution"]}}
    return {
        "match": {
            "prefix": mapping["prefix"],
            "headers": [{"name": header, "safe_regex_match": {**sizes, "regex": expression}}],
        },
        "route": {"cluster": "app", **rewrite},
    }


@pytest.mark.parametrize("prefix", PREFIXES, ids=["tool", "moved", "odd", "long", "longer"])
def test_expressions_match_whole_segments_and_rewrites_give_one_slash(proxy: int, prefix: str) -> None:
    """Also where slashes are not merged before, as under somebody else's Module."""
    place = PREFIXES[prefix]
    for below, alone in (*BELOW.items(), (f"/a{prefix}/b", f"/a{prefix}/b")):
        expected = alone if place == "/" else place + below
        assert servers.request(proxy, prefix + below).seen.path == expected
    for other in (f"{prefix}x", f"{prefix};a", f"{prefix}%2fa", f"/{prefix}", f"/x{prefix}"):
        assert servers.request(proxy, other).seen.path == other


def test_script_tells_no_client_an_identity(proxy: int) -> None:
    answer = servers.request(proxy, "/named")
    assert (answer.one("kubeflow-userid"), answer.one("x-reason")) == (None, "no")


@pytest.mark.parametrize("name", ["kubeflow-userid", "Kubeflow-Groups", "KUBEFLOW-IDENTITY"])
def test_script_takes_identities_away(proxy: int, name: str) -> None:
    seen = servers.request(proxy, "/", (name, "mallory"), (name.lower(), "root")).seen
    assert "mallory" not in str(seen.headers)
    assert "root" not in str(seen.headers)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (["authservice_session=s"], None),
        (["a=1; authservice_session=s; b=2; authservice_refresh=r"], "a=1; b=2"),
        (["a=1", "authservice_session=s", "b=2"], "a=1; b=2"),
        (["a=1"], "a=1"),
        ([], None),
    ],
)
def test_script_and_route_leave_only_other_cookies(proxy: int, sent: list[str], expected: str | None) -> None:
    forged = ("X-Gateway-Cookies", "authservice_session=forged")
    seen = servers.request(proxy, "/", forged, *(("Cookie", text) for text in sent)).seen
    assert seen.one("cookie") == expected
    assert "authservice" not in str(seen.headers)


Answering = collections.abc.Callable[..., int]
PAGE, OVERVIEW = "/ambassador/v0/diag/--internal--", "/ambassador/v0/diag/"


@pytest.fixture
def answering() -> collections.abc.Iterator[Answering]:
    """A server that answers a reload, and then the question for errors."""
    running: list[servers.Server] = []

    def start(reload: Reply | collections.abc.Iterator[Reply], errors: Reply, page: str = PAGE) -> int:
        def answer(seen: Seen) -> Reply:
            if (seen.method, seen.path) == ("POST", "/_internal/v0/watt?url=http://localhost:9696/snapshot"):
                return reload if isinstance(reload, Reply) else next(reload)
            assert seen.method == "GET"
            # It answers so when it knows no such page.
            return errors if seen.path == f"{page}?json=true&filter=errors" else Reply(status=500, body="server error")

        running.append(servers.Server(answer))
        return running[0].port

    yield start
    for server in running:
        server.close()


def test_refused_reload_is_told_in_emissarys_words(answering: Answering) -> None:
    words = "ignoring (invalid envoy configuration generated) in snapshot"
    assert diagnostics.reload(port=answering(Reply(status=500, body=words), Reply())) == words


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("[]", None),
        ('[["", "Pod labels are not mounted in the Ambassador container; ..."]]', None),
        ('[["", "Pod labels are not mounted"], ["dex.m.1", "no\\n such\\u0000 host"]]', "dex.m.1: no such\0 host"),
        ("{", "its diagnostics cannot be read"),
        ("null", "its diagnostics cannot be read"),
        ("[1]", "its diagnostics cannot be read"),
    ],
)
def test_errors_of_single_resources_are_found(answering: Answering, body: str, expected: str | None) -> None:
    assert diagnostics.reload(port=answering(Reply(body="configuration updated"), Reply(body=body))) == expected


def test_errors_are_found_without_the_page_that_is_drawn_up_faster(answering: Answering) -> None:
    port = answering(Reply(body="configuration updated"), Reply(body='[["x", "wrong"]]'), OVERVIEW)
    assert diagnostics.reload(port=port) == "x: wrong"


def test_one_that_shows_no_errors_at_all_is_not_believed(answering: Answering) -> None:
    assert diagnostics.reload(port=answering(Reply(), Reply(), "/nowhere")) == "server error"


def test_one_that_is_starting_is_waited_for(answering: Answering) -> None:
    """Until the part that answers here is up, the one before it says 502."""
    starting = iter([Reply(status=502), Reply(status=502), Reply(body="configuration updated")])
    port = answering(starting, Reply(body='[["x", "wrong"]]'))
    assert diagnostics.reload(port=port) == "x: wrong"


def test_one_that_is_not_up_has_refused_nothing(tmp_path: pathlib.Path) -> None:
    assert diagnostics.reload(port=servers.free_port()) is None
