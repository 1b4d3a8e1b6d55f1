# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Frozen databags: what the charms of Charmed Kubeflow write and read, and what ours add. They never change."""

import collections.abc
import dataclasses

import hypothesis
import pytest
import yaml
from charmkit.interfaces import (
    dex_oidc_config,
    ingress,
    ingress_auth,
    istio_ingress_route,
    k8s_service,
    oidc_client,
    peers,
    redis,
    sdi,
)
from hypothesis import strategies

V1 = {"_supported_versions": "- v1\n"}

# As istio-pilot receives them.
OLD_INGRESS_DEX = {**V1, "data": "port: 5556\nprefix: /dex\nrewrite: /dex\nservice: dex-auth\n"}
OLD_INGRESS_GATEKEEPER = {**V1, "data": "port: 8080\nprefix: /authservice\nrewrite: /\nservice: oidc-gatekeeper\n"}
OLD_INGRESS_DASHBOARD = {**V1, "data": "port: 8082\nprefix: /\nrewrite: /\nservice: kubeflow-dashboard\n"}
OLD_INGRESS_V2 = {
    "_supported_versions": "- v1\n- v2\n",
    "data": "namespace: other\nport: 80\nprefix: /x/\nservice: x\n",
}
OLD_GATEWAY = {"_supported_versions": "- v1\n- v2\n"}
NEW_INGRESS_GATEKEEPER = {
    **V1,
    "data": "port: 8080\nprefix: /authservice\nrewrite: /\nservice: gatekeeper\n",
    "preserve-path": "true",
}
NEW_GATEWAY = {"_supported_versions": "- v1\n- v2\n", "external-url": "http://127.0.0.1:8080"}

OLD_AUTH = {
    **V1,
    "data": "allowed-request-headers:\n- cookie\n- X-Auth-Token\nallowed-response-headers:\n- kubeflow-userid\n"
    "port: 8080\nservice: oidc-gatekeeper\n",
}
OLD_CLIENT = {
    **V1,
    "data": "id: authservice-oidc\nname: Ambassador Auth OIDC\nredirectURIs:\n- /authservice/oidc/callback\n"
    "secret: ABCDEFGHIJKLMNOPQRSTUVWXYZ0123\n",
}
NEW_CLIENT = {
    **V1,
    "data": "id: authservice-oidc\nname: Kubeflow\nredirectURIs:\n- /authservice/oidc/callback\n"
    "- http://127.0.0.1:8080/authservice/oidc/callback\n",
    "secret-id": "secret:cvq5jmnmp25c7fbb0g6g",
}
OLD_PROVIDER = V1
NEW_PROVIDER = {**V1, "secret-support": "true"}
OLD_DEX = {"issuer-url": "http://10.64.140.43.nip.io/dex"}
NEW_DEX = {
    "issuer-url": "http://127.0.0.1:8080/dex",
    "internal-url": "http://dex-auth.kubeflow.svc.cluster.local:5556/dex",
}

INGRESS = [
    (OLD_INGRESS_DEX, ingress.Request(prefix="/dex", rewrite="/dex", service="dex-auth", port=5556)),
    (OLD_INGRESS_GATEKEEPER, ingress.Request(prefix="/authservice", rewrite="/", service="oidc-gatekeeper", port=8080)),
    (OLD_INGRESS_DASHBOARD, ingress.Request(prefix="/", rewrite="/", service="kubeflow-dashboard", port=8082)),
    (
        NEW_INGRESS_GATEKEEPER,
        ingress.Request(prefix="/authservice", rewrite="/", service="gatekeeper", port=8080, preserve_path=True),
    ),
]


@pytest.mark.parametrize(("bag", "request_"), INGRESS)
def test_ingress_is_written_and_read_byte_for_byte(bag: dict[str, str], request_: ingress.Request) -> None:
    assert ingress.write_request(request_) == bag
    assert ingress.read_request(bag) == request_


def test_ingress_v2_has_a_namespace_and_rewrites_to_itself_by_default() -> None:
    assert ingress.read_request(OLD_INGRESS_V2) == ingress.Request(
        prefix="/x/", rewrite="/x/", service="x", port=80, namespace="other"
    )


def test_ingress_reads_json_because_it_is_yaml() -> None:
    bag = {"data": '{"prefix": "/x", "service": "x", "port": "80", "unknown": [1]}'}
    assert ingress.read_request(bag) == ingress.Request(prefix="/x", rewrite="/x", service="x", port=80)


def test_gateway_tells_versions_and_public_url() -> None:
    assert ingress.write_gateway(external_url="") == OLD_GATEWAY
    assert ingress.write_gateway(external_url="http://127.0.0.1:8080") == NEW_GATEWAY
    assert ingress.read_external_url({}) is None
    assert ingress.read_external_url(OLD_GATEWAY) == ""
    assert ingress.read_external_url(NEW_GATEWAY) == "http://127.0.0.1:8080"


def test_a_service_is_offered_as_kubeflow_profiles_does() -> None:
    # The port is text: the schema of kubeflow-dashboard's charm takes nothing else.
    expected = {**V1, "data": "service-name: kubeflow-profiles\nservice-port: '8081'\n"}
    assert k8s_service.write(name="kubeflow-profiles", port=8081) == expected


def test_ingress_auth_is_written_and_read_byte_for_byte() -> None:
    authorizer = ingress_auth.Authorizer(
        service="oidc-gatekeeper",
        port=8080,
        request_headers=("cookie", "X-Auth-Token"),
        response_headers=("kubeflow-userid",),
    )
    assert ingress_auth.write(authorizer) == OLD_AUTH
    assert ingress_auth.read(OLD_AUTH) == authorizer
    assert ingress_auth.write_gateway() == V1


def test_ingress_auth_carries_public_keys_beside_the_old_format():
    authorizer = ingress_auth.Authorizer(service="g", port=1, jwks='{"keys": []}')
    bag = ingress_auth.write(authorizer)
    assert bag["jwks"] == '{"keys": []}'
    assert "jwks" not in bag["data"]
    assert ingress_auth.read(bag) == dataclasses.replace(authorizer, jwks="")


def test_ingress_auth_says_whether_http_2_is_understood():
    authorizer = ingress_auth.Authorizer(service="g", port=1, http2=True)
    bag = ingress_auth.write(authorizer)
    assert "http2" not in bag["data"]
    assert ingress_auth.read(bag) == authorizer
    assert ingress_auth.read({**bag, "http2": "false"}) == dataclasses.replace(authorizer, http2=False)
    assert "http2" not in ingress_auth.write(dataclasses.replace(authorizer, http2=False))


def test_ingress_auth_always_writes_both_lists() -> None:
    data = yaml.safe_load(ingress_auth.write(ingress_auth.Authorizer(service="g", port=1))["data"])
    assert data["allowed-request-headers"] == data["allowed-response-headers"] == []


def test_old_client_is_read_with_its_plain_secret() -> None:
    client = oidc_client.Client(
        id="authservice-oidc",
        name="Ambassador Auth OIDC",
        redirect_uris=("/authservice/oidc/callback",),
        secret="ABCDEFGHIJKLMNOPQRSTUVWXYZ0123",
    )
    assert oidc_client.read_client(OLD_CLIENT) == client
    assert oidc_client.write_client(client) == OLD_CLIENT


def test_new_client_has_no_plain_secret() -> None:
    client = oidc_client.Client(
        id="authservice-oidc",
        name="Kubeflow",
        redirect_uris=("/authservice/oidc/callback", "http://127.0.0.1:8080/authservice/oidc/callback"),
        secret_id="secret:cvq5jmnmp25c7fbb0g6g",
    )
    assert oidc_client.read_client(NEW_CLIENT) == client
    assert oidc_client.write_client(client) == NEW_CLIENT


def test_secret_of_a_client_stands_in_no_representation() -> None:
    assert "hidden" not in repr(oidc_client.Client(id="a", name="b", redirect_uris=(), secret="hidden"))


@pytest.mark.parametrize(("bag", "expected"), [({}, None), (OLD_PROVIDER, False), (NEW_PROVIDER, True)])
def test_provider_says_whether_it_reads_secrets(bag: dict[str, str], expected: bool | None) -> None:
    assert oidc_client.takes_secrets(bag) is expected


def test_our_provider_reads_secrets() -> None:
    assert oidc_client.write_provider() == {**NEW_PROVIDER, "device-flow": "true"}


def test_the_client_of_programs_is_named_beside_the_old_format() -> None:
    client = oidc_client.Client(id="a", name="A", redirect_uris=("/x",), secret="s", device_id="a-device")
    bag = oidc_client.write_client(client)
    assert {key: value for key, value in bag.items() if key != "device-client-id"} == oidc_client.write_client(
        dataclasses.replace(client, device_id="")
    )
    assert oidc_client.read_client(bag) == client
    assert [oidc_client.offers_device_flow(bag) for bag in ({}, OLD_PROVIDER, NEW_PROVIDER)] == [False] * 3
    assert oidc_client.offers_device_flow(oidc_client.write_provider())


def test_dex_oidc_config_is_raw_text() -> None:
    provider = dex_oidc_config.Provider(issuer_url=NEW_DEX["issuer-url"], internal_url=NEW_DEX["internal-url"])
    assert dex_oidc_config.write(provider) == NEW_DEX
    assert dex_oidc_config.read(NEW_DEX) == provider
    assert dex_oidc_config.read(OLD_DEX) == dex_oidc_config.Provider(issuer_url=OLD_DEX["issuer-url"])
    assert dex_oidc_config.read({}) is None
    assert dex_oidc_config.read({"issuer-url": ""}) is None


def test_peers_hear_of_a_secret_and_its_revision() -> None:
    bag = {"secret-id": "secret:x", "secret-revision": "7"}
    assert peers.write(secret_id="secret:x", revision=7) == bag
    assert peers.read(bag) == peers.Peers(secret_id="secret:x", revision=7)
    assert peers.read({}) == peers.Peers()
    assert peers.read({"secret-revision": "x"}) == peers.Peers()


READERS: list[collections.abc.Callable[[dict[str, str]], object]] = [
    ingress.read_request,
    ingress_auth.read,
    oidc_client.read_client,
]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("bag", [{}, V1, {"data": ""}, {"model": '"m"', "name": '"x"', "port": "80"}])
def test_side_that_sent_no_data_is_none(
    reader: collections.abc.Callable[[dict[str, str]], object], bag: dict[str, str]
) -> None:
    assert reader(bag) is None


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("text", ["[]", "text", "7", "{", "a: b: c", "\t", "{}", "!!python/object:os.system {}"])
def test_data_that_is_wrong_is_an_interface_error(
    reader: collections.abc.Callable[[dict[str, str]], object], text: str
) -> None:
    with pytest.raises(sdi.InterfaceError) as caught:
        reader({"data": text})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("reader", "text", "field"),
    [
        (ingress.read_request, "{prefix: 7, service: x, port: 1}", "prefix"),
        (ingress.read_request, "{prefix: /x, port: 1}", "service"),
        (ingress.read_request, "{prefix: /x, service: x}", "port"),
        (ingress.read_request, "{prefix: /x, service: x, port: 0}", "port"),
        (ingress.read_request, "{prefix: /x, service: x, port: 65536}", "port"),
        (ingress.read_request, "{prefix: /x, service: x, port: true}", "port"),
        (ingress.read_request, "{prefix: /x, service: x, port: x}", "port"),
        (ingress.read_request, "{prefix: /x, service: x, port: 1, rewrite: []}", "rewrite"),
        (ingress.read_request, "{prefix: /x, service: x, port: 1, namespace: 1}", "namespace"),
        (ingress_auth.read, "{service: x, port: 1, allowed-request-headers: cookie}", "allowed-request-headers"),
        (ingress_auth.read, "{service: x, port: 1, allowed-response-headers: [1]}", "allowed-response-headers"),
        (oidc_client.read_client, "{name: x}", "id"),
        (oidc_client.read_client, "{id: x, redirectURIs: /x}", "redirectURIs"),
        (oidc_client.read_client, "{id: x, secret: 7}", "secret"),
    ],
)
def test_wrong_field_is_named(
    reader: collections.abc.Callable[[dict[str, str]], object], text: str, field: str
) -> None:
    with pytest.raises(sdi.InterfaceError, match=f"^{field} must "):
        reader({"data": text})


TEXT = strategies.text()
PORTS = strategies.integers(1, 65535)


@hypothesis.given(strategies.builds(ingress.Request, prefix=TEXT, rewrite=TEXT.filter(bool), service=TEXT, port=PORTS))
def test_any_request_survives_the_wire(request_: ingress.Request) -> None:
    assert ingress.read_request(ingress.write_request(request_)) == request_


@hypothesis.given(
    strategies.builds(
        ingress_auth.Authorizer,
        service=TEXT,
        port=PORTS,
        request_headers=strategies.lists(TEXT).map(tuple),
        response_headers=strategies.lists(TEXT).map(tuple),
    )
)
def test_any_authorizer_survives_the_wire(authorizer: ingress_auth.Authorizer) -> None:
    assert ingress_auth.read(ingress_auth.write(authorizer)) == authorizer


@hypothesis.given(
    strategies.builds(
        oidc_client.Client,
        id=TEXT,
        name=TEXT,
        redirect_uris=strategies.lists(TEXT).map(tuple),
        secret=TEXT,
        device_id=TEXT,
    )
)
def test_any_client_survives_the_wire(client: oidc_client.Client) -> None:
    assert oidc_client.read_client(oidc_client.write_client(client)) == client


@hypothesis.given(TEXT)
def test_hostile_data_is_read_or_refused_and_never_crashes(text: str) -> None:
    for reader in READERS:
        try:
            reader({"data": text})
        except sdi.InterfaceError:
            continue


@pytest.mark.parametrize(
    ("bag", "units", "expected"),
    [
        ({}, [], None),
        ({}, [{}], None),
        ({}, [{"hostname": "10.0.0.1", "port": "6380"}], redis.Redis(host="10.0.0.1", port=6380)),
        ({"leader-host": "r-1.e"}, [{"hostname": "10.0.0.1", "port": "6380"}], redis.Redis(host="r-1.e", port=6380)),
        ({"leader-host": "r-1.e"}, [], redis.Redis(host="r-1.e", port=6379)),
        ({}, [{"hostname": "h", "port": "x"}], redis.Redis(host="h", port=6379)),
        ({}, [{"hostname": "h", "port": "9" * 5000}], redis.Redis(host="h", port=6379)),
    ],
)
def test_redis_is_read_from_its_leader_or_a_unit(bag, units, expected):
    assert redis.read(bag, units, {}) == expected


def test_what_a_redis_asks_for_comes_in_a_secret_or_in_the_databag():
    unit = {"hostname": "h", "port": "1"}
    with_password = redis.Redis(host="h", port=1, password="p")
    assert redis.read({}, [{**unit, "password": "p"}], {}) == with_password
    assert redis.read({"password": "p"}, [{**unit, "password": "old"}], {}) == with_password
    bag = {"secret-user": "secret:a", "secret-tls": "secret:b", "leader-host": "l"}
    assert redis.secret_ids(bag) == {"user": "secret:a", "tls": "secret:b"}
    contents = {"user": {"username": "u", "password": "p"}, "tls": {"tls": "True", "tls-ca": "pem"}}
    full = redis.Redis(host="l", port=1, user="u", password="p", tls=True, ca="pem")
    assert redis.read(bag, [unit], contents) == full
    assert redis.read({**bag, **contents["user"], **contents["tls"]}, [unit], {}) == full
    # Without what cannot be read it would be asked as somebody else, or in plain text.
    assert redis.read(bag, [unit], {**contents, "tls": None}) is None
    assert "'p'" not in repr(full)


# As dex-auth 2.41 writes it for istio-ingress-k8s.
OLD_ROUTE = {
    "config": '{"model": "kubeflow", "listeners": [{"port": 80, "protocol": "HTTP"}], "http_routes": '
    '[{"name": "http-ingress", "listener": {"port": 80, "protocol": "HTTP"}, "matches": [{"path": {"type": '
    '"PathPrefix", "value": "/dex/"}}], "backends": [{"service": "dex-auth", "port": 5556}]}], "grpc_routes": []}'
}


def test_a_route_of_istios_gateway():
    asked = istio_ingress_route.Request(model="kubeflow", prefix="/dex", service="dex-auth", port=5556)
    assert istio_ingress_route.write(asked) == OLD_ROUTE


@pytest.mark.parametrize(
    ("bag", "url"),
    [
        ({}, None),
        ({"external_host": "", "tls_enabled": "False"}, None),
        ({"external_host": "10.64.140.43", "tls_enabled": "False"}, "http://10.64.140.43"),
        ({"external_host": "kubeflow.example.com", "tls_enabled": "True"}, "https://kubeflow.example.com"),
        ({"external_host": "kubeflow.example.com"}, "http://kubeflow.example.com"),
    ],
)
def test_where_istios_gateway_is(bag: dict[str, str], url: str | None):
    assert istio_ingress_route.read_external_url(bag) == url
