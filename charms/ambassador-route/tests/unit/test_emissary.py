# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Emissary's resources, and every trap that was seen when it ran."""

import base64
import dataclasses
import os
import re
import typing

import emissary
import hypothesis
import model
import pytest
import routes
import yaml
from hypothesis import strategies

AUTH = routes.Auth(
    host="g.m.svc.cluster.local", port=8080, request_headers=("cookie", "authorization"),
    response_headers=("kubeflow-userid", "kubeflow-groups"),
)  # fmt: skip


def route(prefix: str, rewrite: str | None = None, **changes: object) -> routes.Route:
    plain = routes.Route(
        application=f"app{prefix.replace('/', '-')}", relation=1, prefix=prefix, rewrite=rewrite or prefix,
        host="x.m.svc.cluster.local", port=80, protected=True,
    )  # fmt: skip
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]


TABLE = (route("/tool", "/"), route("/dex", protected=False), route("/moved", "/new", grpc=True), route("/"))


def gateway(**changes: object) -> model.Gateway:
    plain = model.Gateway(name="gw", namespace="kubeflow", port=8080, table=TABLE, auth=AUTH)
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]


def resources(gateway: model.Gateway) -> list[dict[str, typing.Any]]:
    (file,) = emissary.configure(gateway).files
    return list(yaml.safe_load_all(file.text))


def specs(gateway: model.Gateway, kind: str) -> list[dict[str, typing.Any]]:
    return [found.get("spec", found) for found in resources(gateway) if found["kind"] == kind]


def mappings(gateway: model.Gateway) -> dict[tuple[str, bool], dict[str, typing.Any]]:
    found = {(spec["prefix"], "grpc" in spec): spec for spec in specs(gateway, "Mapping")}
    assert len(found) == len(specs(gateway, "Mapping"))
    return found


def test_layer_closes_every_port_of_administration_and_is_private() -> None:
    layer: typing.Any = emissary.configure(gateway()).layer
    environment = layer["services"]["emissary"]["environment"]
    assert environment["AMBASSADOR_HEALTHCHECK_BIND_ADDRESS"] == "127.0.0.1"
    assert environment["AMBASSADOR_DISABLE_SNAPSHOT_SERVER"] == "1"
    assert environment["AMBASSADOR_ID"] == "kubeflow-gw"
    assert environment["AMBASSADOR_NAMESPACE"] == "kubeflow"
    assert environment["AMBASSADOR_SINGLE_NAMESPACE"]
    assert layer["services"]["emissary"]["on-check-failure"] == {"alive": "restart"}
    assert set(layer["checks"]) == {"ready", "alive", "listening"}
    assert layer["checks"]["listening"]["tcp"] == {"port": 8080}


def test_changes_restart_nothing() -> None:
    layers = [emissary.configure(gateway(**change)).layer for change in ({}, {"table": ()}, {"auth": None})]
    assert layers[0] == layers[1] == layers[2]


def test_every_resource_names_this_gateway_and_its_namespace() -> None:
    for found in resources(gateway(tls=model.Tls(port=8443, certificate="c", key="k"))):
        assert found["metadata"]["namespace"] == "kubeflow"
        if found["kind"] != "Secret":
            assert found["spec"]["ambassador_id"] == ["kubeflow-gw"]


def test_module_closes_what_is_open_by_default() -> None:
    (spec,) = specs(gateway(), "Module")
    config = spec["config"]
    for name in ("diagnostics", "liveness_probe", "readiness_probe"):
        assert config[name] == {"enabled": False}
    assert config["reject_requests_with_escaped_slashes"] is True
    assert config["merge_slashes"] is True
    assert config["headers_with_underscores_action"] == "DROP_HEADER"
    for name in routes.stripped(AUTH):
        assert f'"{name}"' in config["lua_scripts"]
    # Emissary drops this with its next version.
    assert "error_response_overrides" not in config


def test_there_is_exactly_one_authorizer_and_it_fails_closed() -> None:
    (spec,) = specs(gateway(), "AuthService")
    assert spec["auth_service"] == "g.m.svc.cluster.local:8080"
    assert spec["proto"] == "http"
    assert spec["status_on_error"] == {"code": 503}
    assert "failure_mode_allow" not in spec
    # It would lose the cookies of a yes, and the gatekeeper must know.
    assert spec["add_auth_headers"] == {"x-authorization-check": "no-cookies"}
    assert {"accept", "cookie", "authorization"} <= set(spec["allowed_request_headers"])
    assert set(spec["allowed_authorization_headers"]) == {
        "kubeflow-userid", "kubeflow-groups", "cache-control", "content-type", "retry-after", "www-authenticate",
    }  # fmt: skip


def test_without_an_authorizer_no_mapping_reaches_a_protected_application() -> None:
    closed = gateway(auth=None, refusal="100% closed")
    (authorizer,) = specs(closed, "AuthService")
    assert authorizer["auth_service"] == "127.0.0.1:1"
    for (prefix, _), spec in mappings(closed).items():
        is_open = prefix.startswith("/dex")
        assert spec["bypass_auth"] == is_open
        assert (spec["service"] == "x.m.svc.cluster.local:80") == is_open
        assert is_open or spec["service"] == "127.0.0.1:1"
    (module,) = specs(closed, "Module")
    assert "100% closed" in module["config"]["lua_scripts"]


def test_there_is_an_authorizer_also_while_nobody_is_asked() -> None:
    """A listener without one would serve what the next configuration protects to whoever is connected already."""
    opened = gateway(auth=None, everybody=True)
    (authorizer,) = specs(opened, "AuthService")
    assert authorizer["auth_service"] == "127.0.0.1:1"
    assert all(spec["bypass_auth"] for spec in mappings(opened).values())


def test_only_open_routes_bypass_the_authorizer() -> None:
    for (prefix, _), spec in mappings(gateway()).items():
        assert spec["bypass_auth"] == prefix.startswith("/dex")


def test_every_mapping_is_served_and_cuts_nothing_short() -> None:
    """One without hostname is never served; one without a limit of its own gets Emissary's, 3 seconds."""
    for (_, grpc), spec in mappings(gateway()).items():
        assert spec["hostname"] == "*"
        assert spec["timeout_ms"] == 0
        assert spec.get("allow_upgrade") == (None if grpc else ["websocket"])


def test_every_route_is_one_mapping_and_one_that_is_called_with_grpc_two() -> None:
    """Emissary takes about as long for each as for all the rest of a route."""
    assert list(mappings(gateway())) == [
        ("/tool", False), ("/dex", False), ("/moved", False), ("/moved", True), ("/", False)
    ]  # fmt: skip


def weight(spec: dict[str, typing.Any]) -> tuple[int, int]:
    """Return by what Emissary puts one mapping before another (IRHTTPMapping, _route_weight)."""
    headers = spec.get("regex_headers", {}).items()
    return len(spec["prefix"]), sum(len(name) + len(value) + 1 for name, value in headers)


def test_a_call_meets_the_mapping_of_calls_first() -> None:
    home = route("/", application="home", grpc=True)
    short = route("/", application="short", domain="a.b")
    everything = mappings(gateway(table=(*TABLE[:-1], home)))
    for prefix in ("/moved", "/"):
        assert weight(everything[prefix, True]) > weight(everything[prefix, False])
    found = specs(gateway(table=(short, home)), "Mapping")
    calls = sorted((spec for spec in found if "grpc" in spec), key=weight)
    # At its own host a call reaches the application of that host, not the one that is called with gRPC elsewhere.
    assert [":authority" in spec["regex_headers"] for spec in calls] == [False, True]


def test_a_host_of_its_own_is_that_of_its_mappings_only() -> None:
    for (prefix, _), spec in mappings(gateway(table=(route("/own", domain="own.example"), *TABLE))).items():
        expression = spec.get("regex_headers", {}).get(":authority")
        assert spec["hostname"] == "*"
        assert bool(expression) == prefix.startswith("/own")
        for host, fits in (
            ("own.example", True), ("Own.Example", True), ("own.example:8080", True), ("ownxexample", False),
            ("x.own.example", False), ("own.example.", False), ("own.example:", False), ("own.example:80.evil", False),
        ):  # fmt: skip
            assert not expression or bool(re.fullmatch(expression, host)) == fits


@pytest.mark.parametrize(
    ("target", "fits"),
    [
        ("/a.b", True), ("/a.b/", True), ("/a.b/c", True), ("/a.b//c", True), ("/a.b?c", True), ("/a.b/?c=/x", True),
        ("/a.b?c=\n\xff", True), ("/a.bc", False), ("/a.b;c", False), ("/a.b%2fc", False), ("/a.b%3fc", False),
        ("/axb", False), ("/A.B", False), ("//a.b", False), ("/x/a.b", False), ("/a.b#c", False), ("/a", False),
    ],
)  # fmt: skip
def test_no_path_is_one_of_texts_that_only_begin_alike(target: str, fits: bool) -> None:
    spec = mappings(gateway(table=(route("/a.b", grpc=True),)))
    for grpc in (False, True):
        expression = spec["/a.b", grpc]["regex_headers"][":path"].replace(r"\C", ".")
        assert bool(re.fullmatch(expression, target, re.DOTALL)) == fits


def rewritten(spec: dict[str, typing.Any], path: str) -> str:
    """Return the path that an application sees."""
    if "regex_rewrite" not in spec:
        return path.replace(spec["prefix"], spec["rewrite"], 1) if spec["rewrite"] else path
    # Emissary complains of both, unless one of them is its default.
    assert "rewrite" not in spec
    return re.sub(spec["regex_rewrite"]["pattern"], spec["regex_rewrite"]["substitution"], path)


@pytest.mark.parametrize(
    ("prefix", "path", "expected"),
    [
        ("/tool", "/tool", "/"), ("/tool", "/tool/", "/"), ("/tool", "/tool/a/b", "/a/b"), ("/tool", "/tool//a", "/a"),
        ("/tool", "/tool/tool", "/tool"), ("/tool", "/tool/a//b", "/a//b"), ("/dex", "/dex", "/dex"),
        ("/dex", "/dex/a", "/dex/a"), ("/moved", "/moved", "/new"), ("/moved", "/moved/", "/new/"),
        ("/moved", "/moved/moved", "/new/moved"), ("/", "/", "/"), ("/", "/a", "/a"),
    ],
)  # fmt: skip
def test_rewrites_give_one_slash(prefix: str, path: str, expected: str) -> None:
    assert rewritten(mappings(gateway())[prefix, False], path) == expected


def test_all_that_is_not_elsewhere_can_have_another_place_too() -> None:
    spec = mappings(gateway(table=(route("/", "/new"),)))["/", False]
    assert [rewritten(spec, path) for path in ("/", "/a/b")] == ["/new/", "/new/a/b"]


def test_session_cookies_are_put_aside_but_for_the_authorizer_itself() -> None:
    own = route("/authservice", protected=False, host=AUTH.host, port=AUTH.port)
    for (prefix, _), spec in mappings(gateway(table=(own, *TABLE))).items():
        assert ("cookie" in spec.get("remove_request_headers", ())) == (not prefix.startswith("/authservice"))


def test_nothing_of_an_authorizers_yes_but_identities_reaches_an_application() -> None:
    """Emissary puts Set-Cookie of a yes into the request, and whatever else a client may see of a no."""
    for spec in specs(gateway(), "Mapping"):
        removed, restored = set(spec["remove_request_headers"]), set(spec["add_request_headers"])
        if spec["bypass_auth"]:
            assert removed == restored == {"cookie"}
        else:
            assert removed == {
                "cookie",
                "cache-control",
                "content-type",
                "retry-after",
                "www-authenticate",
                "set-cookie",
            }
            assert restored == {"cookie", "cache-control", "content-type"}


def test_grpc_shares_no_connections_with_plain_requests_to_the_same_application() -> None:
    assert mappings(gateway())["/moved", True]["grpc"] is True
    for (_, grpc), spec in mappings(gateway()).items():
        assert spec.get("cluster_tag") == ("grpc" if grpc else None)


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        (
            'a level=info msg="x"\nb level=error msg="listen \\"tcp\\": in use" func=y\nERROR will restart',
            'listen "tcp": in use',
        ),
        ("one\n  the   last \n", "the last"),
        ("", ""),
        ("x" * 5000, "x" * 300),
    ],
)
def test_the_reason_is_found_in_a_log(log: str, expected: str) -> None:
    assert emissary.words(log) == expected


def test_tls_is_ended_by_a_secret_in_the_same_file() -> None:
    tls = model.Tls(port=8443, certificate="c", key="k")
    secure = gateway(tls=tls, redirect=("gw", 0), trusted_proxies=2, hsts=9)
    assert {(spec["port"], spec["protocol"], spec["l7Depth"]) for spec in specs(secure, "Listener")} == {
        (8080, "HTTP", 2),
        (8443, "HTTPS", 2),
    }
    (host,) = specs(secure, "Host")
    assert host["tlsSecret"] == {"name": "gateway-certificate"}
    assert host["requestPolicy"] == {"insecure": {"action": "Redirect"}}
    (secret,) = specs(secure, "Secret")
    assert base64.b64decode(secret["data"]["tls.key"]) == b"k"
    assert emissary.configure(secure).files[0].mode == 0o600
    assert all(spec["add_response_headers"] for spec in specs(secure, "Mapping"))
    (host,) = specs(gateway(), "Host")
    assert host["requestPolicy"] == {"insecure": {"action": "Route"}}


@pytest.mark.parametrize(
    ("proxies", "redirect", "expected"),
    [
        (0, "", ["INSECURE", "SECURE"]), (0, "gw", ["INSECURE", "SECURE"]), (1, "", ["INSECURE", "SECURE"]),
        (1, "gw", ["XFP", "XFP"]),
    ],
)  # fmt: skip
def test_only_where_a_load_balancer_is_believed_requests_say_how_they_came(
    proxies: int, redirect: str, expected: list[str]
) -> None:
    """Emissary makes two routes of each Mapping then."""
    tls = model.Tls(port=8443, certificate="c", key="k")
    found = specs(gateway(tls=tls, redirect=(redirect, 0), trusted_proxies=proxies), "Listener")
    assert [listener["securityModel"] for listener in found] == expected


def test_no_variable_of_emissarys_environment_gets_into_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "sensitive")
    table = (route("/a$HOME", "/b${HOME}"),)
    (file,) = emissary.configure(gateway(table=table)).files
    assert os.path.expandvars(file.text) == file.text
    assert mappings(gateway(table=table))["/a$HOME", False]["regex_headers"] == {":path": r"^/a\$HOME([/?]\C*)?"}
    assert "/a$HOME" in {prefix for prefix, _ in mappings(gateway(table=table))}


TEXT = strategies.text(
    strategies.one_of(
        strategies.sampled_from("\"\\\n\r\t{}[]:,%/'<>#&!|- \x00\x1f\x7f\x85\u2028\ufeff$"),
        strategies.characters(exclude_categories=["Cs"]),
    ),
    max_size=12,
)


@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(TEXT, TEXT, TEXT.filter(bool))
def test_no_value_breaks_out_of_the_file(application: str, prefix: str, host: str) -> None:
    one = route(f"/{prefix}", application=application, host=host)
    names = [found["kind"] for found in resources(gateway(table=(one,), refusal=prefix))]
    assert re.fullmatch("Module Listener Host AuthService( Mapping)+", " ".join(names))
    for spec in specs(gateway(table=(one,)), "Mapping"):
        assert spec["service"] == f"{host}:80"
        assert set(spec) <= {
            "ambassador_id", "hostname", "prefix", "rewrite", "service", "bypass_auth", "timeout_ms",
            "grpc", "cluster_tag", "regex_headers", "allow_upgrade", "remove_request_headers", "add_request_headers",
        }  # fmt: skip
