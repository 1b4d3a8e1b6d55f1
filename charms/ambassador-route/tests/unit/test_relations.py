# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Frozen databags of Charmed Kubeflow and what the gateway makes of them."""

import pytest
import relations

DEX = {"_supported_versions": "- v1\n", "data": "port: 5556\nprefix: /dex\nrewrite: /dex\nservice: dex-auth\n"}
GATEKEEPER = {
    "_supported_versions": "- v1\n",
    "data": "port: 8080\nprefix: /authservice\nrewrite: /\nservice: oidc-gatekeeper\n",
}
DASHBOARD = {"_supported_versions": "- v1\n", "data": '{"prefix": "/", "service": "kubeflow-dashboard", "port": 8082}'}
VOLUMES_V2 = {
    "_supported_versions": "- v1\n- v2\n",
    "data": "{namespace: other, port: 5000, prefix: /volumes/, rewrite: /, service: volumes}",
}
AUTH = {
    "_supported_versions": "- v1\n",
    "data": "allowed-request-headers: [cookie, X-Auth-Token]\nallowed-response-headers: [kubeflow-userid]\n"
    "port: 8080\nservice: oidc-gatekeeper\n",
}


def related(endpoint: str, application: str, bag: dict[str, str], relation: int = 1) -> relations.Related:
    return relations.Related(endpoint=endpoint, relation=relation, application=application, bag=bag)


def read(*everybody: relations.Related) -> relations.Reading:
    return relations.read(everybody, application="gw", model="kubeflow")


LOGIN = related("ingress-auth", "oidc-gatekeeper", AUTH)


def test_old_databags_become_routes() -> None:
    reading = read(
        LOGIN,
        related("ingress-unauthenticated", "dex-auth", DEX, 2),
        related("ingress-unauthenticated", "oidc-gatekeeper", GATEKEEPER, 3),
        related("ingress", "kubeflow-dashboard", DASHBOARD, 4),
        related("ingress", "volumes", VOLUMES_V2, 5),
    )
    assert [(route.prefix, route.rewrite, route.host, route.port, route.protected) for route in reading.table] == [
        ("/authservice", "/", "oidc-gatekeeper.kubeflow.svc.cluster.local", 8080, False),
        ("/volumes", "/", "volumes.other.svc.cluster.local", 5000, True),
        ("/dex", "/dex", "dex-auth.kubeflow.svc.cluster.local", 5556, False),
        ("/", "/", "kubeflow-dashboard.kubeflow.svc.cluster.local", 8082, True),
    ]
    assert reading.auth
    assert reading.auth.host == "oidc-gatekeeper.kubeflow.svc.cluster.local"
    assert reading.auth.request_headers == ("cookie", "x-auth-token")
    assert reading.auth.response_headers == ("kubeflow-userid",)
    assert reading.blocked == reading.waiting == ()


def test_without_login_the_command_is_named() -> None:
    reading = read(related("ingress-unauthenticated", "dex-auth", DEX))
    expected = "Protected paths answer 503 until a login is integrated: "
    expected += "run juju integrate gw:ingress-auth gatekeeper:ingress-auth"
    assert reading.auth is None
    assert reading.refusal == expected
    assert reading.blocked == (expected,)


def test_two_logins_are_none() -> None:
    reading = read(LOGIN, related("ingress-auth", "second", AUTH, 9))
    assert reading.auth is None
    assert "oidc-gatekeeper and second both want to decide" in reading.blocked[0]
    assert reading.blocked[0].endswith("run juju remove-relation gw:ingress-auth second")


@pytest.mark.parametrize("bag", [{}, {"_supported_versions": "- v1\n"}, {"data": ""}])
def test_silent_login_is_waited_for(bag: dict[str, str]) -> None:
    reading = read(related("ingress-auth", "g", bag), related("ingress", "d", DASHBOARD))
    assert reading.auth is None
    assert reading.waiting == (
        "Protected paths answer 503 until g presents itself over ingress-auth: see juju status g",
    )
    assert reading.refusal == reading.waiting[0]
    assert reading.blocked == ()


@pytest.mark.parametrize(
    "data",
    ["service: g", "service: <script>\nport: 1", "- x", "service: g\nport: 1\nallowed-request-headers: ['<b>']", "{"],
)
def test_wrong_login_is_none_and_its_words_stand_in_no_page(data: str) -> None:
    reading = read(related("ingress-auth", "g", {"data": data}))
    assert reading.auth is None
    assert "g presents itself wrongly" in reading.blocked[0]
    assert "juju remove-relation gw:ingress-auth g" in reading.blocked[0]
    assert "<" not in reading.refusal


@pytest.mark.parametrize("bag", [{}, {"_supported_versions": "- v1\n"}, {"model": '"m"', "name": '"n"'}])
def test_application_that_has_not_asked_is_waited_for(bag: dict[str, str]) -> None:
    reading = read(LOGIN, related("ingress", "jupyter-ui", bag))
    assert reading.waiting == ("Waiting for jupyter-ui to ask for a path over ingress: see juju status jupyter-ui",)
    assert reading.table == ()


@pytest.mark.parametrize(
    "data", ["prefix: /x", "[]", "prefix: 7\nservice: s\nport: 1", "{", "prefix: /..\nservice: s\nport: 1"]
)
def test_application_that_asks_wrongly_is_named(data: str) -> None:
    reading = read(LOGIN, related("ingress", "bad", {"data": data}), related("ingress", "good", DASHBOARD, 2))
    assert [route.application for route in reading.table] == ["good"]
    (text,) = reading.blocked
    assert text.startswith("bad")
    assert text.endswith("run juju remove-relation gw:ingress bad")


def test_an_operator_gives_an_application_a_host_of_its_own() -> None:
    one, other = related("ingress", "minio", DEX, 4), related("ingress", "kubeflow-dashboard", DASHBOARD, 5)
    reading = relations.read([LOGIN, one, other], application="gw", model="m", hosts={"minio": "minio.example.com"})
    assert [(route.domain, route.prefix) for route in reading.table] == [("minio.example.com", "/dex"), ("", "/")]
    assert reading.blocked == ()


def test_a_host_of_an_application_that_is_not_there_is_said() -> None:
    reading = relations.read([LOGIN, related("ingress", "minio", DEX, 4)], application="gw", model="m", hosts={
        "minio": "minio.example.com", "mino": "mino.example.com", "oidc-gatekeeper": "x.example.com",
    })  # fmt: skip
    assert reading.blocked == (
        "hosts names mino, which is not related: run juju integrate gw:ingress mino",
        "hosts names oidc-gatekeeper, which is not related: run juju integrate gw:ingress oidc-gatekeeper",
    )


@pytest.mark.parametrize(
    ("named", "called"), [((), []), (("minio",), ["minio"]), (("*",), ["minio", "kubeflow-dashboard"])]
)
def test_an_operator_says_who_is_called_with_grpc(named: tuple[str, ...], called: list[str]) -> None:
    one, other = related("ingress", "minio", DEX, 4), related("ingress", "kubeflow-dashboard", DASHBOARD, 5)
    reading = relations.read([LOGIN, one, other], application="gw", model="m", grpc=named)
    assert [route.application for route in reading.table if route.grpc] == called
    assert reading.blocked == ()


def test_an_application_that_is_called_with_grpc_and_is_not_there_is_said() -> None:
    one = related("ingress", "minio", DEX, 4)
    reading = relations.read([LOGIN, one], application="gw", model="m", grpc=("minio", "mino"))
    assert reading.blocked == (
        "grpc-applications names mino, which is not related: run juju integrate gw:ingress mino",
    )


def test_conflict_names_the_relation_to_remove() -> None:
    reading = read(LOGIN, related("ingress-unauthenticated", "dex", DEX), related("ingress", "evil", DEX, 5))
    assert reading.blocked == ("dex and evil both ask for /dex: run juju remove-relation gw:ingress evil",)
    assert [route.application for route in reading.table] == ["dex"]


def test_nothing_to_route_is_said() -> None:
    assert read(LOGIN).blocked == ("Nothing to route: run juju integrate gw:ingress-unauthenticated dex-auth:ingress",)


TRAEFIK = {"model": '"ml"', "name": '"minio"', "port": "9001", "strip-prefix": "true", "redirect-https": "false"}


@pytest.mark.parametrize(("strip", "rewrite"), [("true", "/"), ("false", "/ml-minio"), ("null", "/ml-minio")])
def test_application_that_asks_as_it_would_ask_traefik_is_served(strip: str, rewrite: str) -> None:
    one = related("ingress", "minio", {**TRAEFIK, "strip-prefix": strip}, 4)
    reading = read(LOGIN, one)
    (route,) = reading.table
    assert (route.prefix, route.rewrite, route.protected) == ("/ml-minio", rewrite, True)
    assert (route.host, route.port) == ("minio.ml.svc.cluster.local", 9001)
    assert reading.blocked == reading.waiting == ()
    told = relations.answer(one, reading, "https://gw.example")
    assert told["ingress"] == '{"url": "https://gw.example/ml-minio"}'
    assert relations.answer(one, reading, "")["ingress"] == ""


@pytest.mark.parametrize(("scheme", "grpc"), [({}, False), ({"scheme": '"http"'}, False), ({"scheme": '"h2c"'}, True)])
def test_application_that_asks_traefik_for_http_2_is_called_with_grpc(scheme: dict[str, str], grpc: bool) -> None:
    (route,) = read(LOGIN, related("ingress", "minio", {**TRAEFIK, **scheme}, 4)).table
    assert route.grpc == grpc


def test_application_of_the_old_kind_is_told_no_url_of_the_other() -> None:
    one = related("ingress", "kubeflow-dashboard", DASHBOARD, 4)
    told = relations.answer(one, read(LOGIN, one), "https://gw.example")
    assert told["ingress"] == ""
    assert told["external-url"] == "https://gw.example"


@pytest.mark.parametrize(
    "change",
    [
        {"name": "minio"},
        {"name": '"a.b"'},
        {"name": '"../dex"'},
        {"model": '"x/../../"'},
        {"port": '"http"'},
        {"port": "{"},
        {"port": "0"},
        {"scheme": '"https"'},
        {"name": "[" * 100_000},
        {"model": '"' + "m" * 2000 + '"'},
        {"name": "null"},
        {"port": "true"},
    ],
)
def test_application_that_asks_traefik_wrongly_is_named_and_harms_nobody(change: dict[str, str]) -> None:
    one = related("ingress", "minio", {**TRAEFIK, **change}, 4)
    reading = read(LOGIN, one, related("ingress", "good", DASHBOARD, 5))
    assert [route.application for route in reading.table] == ["good"]
    (text,) = reading.blocked
    assert text.startswith("minio")
    assert text.endswith("run juju remove-relation gw:ingress minio")
    assert relations.answer(one, reading, "https://gw.example")["ingress"] == ""


def test_versions_decide_which_kind_it_is() -> None:
    reading = read(LOGIN, related("ingress", "x", {**TRAEFIK, **DASHBOARD}))
    assert [route.prefix for route in reading.table] == ["/"]


KEY = '{"kty": "EC", "crv": "P-256", "kid": "1", "x": "eA", "y": "eQ"}'


def test_keys_of_sessions_are_read_and_of_no_other_kind() -> None:
    others = '{"kty": "EC", "crv": "P-384", "kid": "2", "x": "eA", "y": "eQ", "d": "sensitive"}'
    reading = read(related("ingress-auth", "g", {**AUTH, "jwks": f'{{"keys": [{KEY}, {others}], "more": 1}}'}))
    assert reading.auth
    assert '"kid": "1"' in reading.jwks
    assert '"kid": "2"' not in reading.jwks
    assert "sensitive" not in reading.jwks
    assert read(LOGIN).jwks == ""


@pytest.mark.parametrize("jwks", ["{", "[]", '{"keys": [1]}', '{"keys": [{"kty": "EC"}]}', "x" * 30_000, "[" * 10_000])
def test_wrong_keys_close_the_gateway(jwks: str) -> None:
    reading = read(related("ingress-auth", "g", {**AUTH, "jwks": jwks}))
    assert reading.auth is None
    assert "jwks must be a JSON Web Key Set" in reading.blocked[0]


def test_everybody_may_only_while_nobody_is_integrated() -> None:
    one = related("ingress", "kubeflow-dashboard", DASHBOARD, 4)
    assert relations.read([one], application="gw", model="m", everybody_may=True).blocked == ()
    silent = related("ingress-auth", "g", {})
    assert relations.read([one, silent], application="gw", model="m", everybody_may=True).waiting != ()
