# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import re

import config
import hypothesis
import pytest
from charmkit import urls
from hypothesis import strategies


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("https://kubeflow.example.com/", "https://kubeflow.example.com"),
        ("HTTPS://Kubeflow.Example.com", "https://kubeflow.example.com"),
        ("https://kubeflow.example.com:443/", "https://kubeflow.example.com"),
        ("http://kubeflow.example.com:80", "http://kubeflow.example.com"),
        ("http://kubeflow.example.com:443", "http://kubeflow.example.com:443"),
        ("http://[2001:db8::1]:8080", "http://[2001:db8::1]:8080"),
        ("http://localhost", "http://localhost"),
    ],
)
def test_external_url_is_written_as_browsers_do(text: str, expected: str) -> None:
    assert config.Config(external_url=text).url("192.0.2.1") == expected


@pytest.mark.parametrize(
    "text",
    [
        "kubeflow.example.com",
        "kubeflow.example.com:8080",
        "ftp://kubeflow.example.com",
        "https://",
        "https:///x",
        "https://kubeflow.example.com/path",
        "https://kubeflow.example.com?x=1",
        "https://kubeflow.example.com/?",
        "https://kubeflow.example.com#",
        "https://user@kubeflow.example.com",
        "https://kubeflow.example.com:port",
        "https://kubeflow.example.com:0",
        "https://kubeflow.example.com:70000",
        "https://kube flow.example.com",
        "https://kubeflow.example.com\n",
        " https://kubeflow.example.com",
        "https://-kubeflow",
        "https://kubeflow_x",
        "https://[::1",
        "javascript:alert(1)",
        "https://küb.example.com",
    ],
)
def test_wrong_external_url_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"^external-url: .*https://kubeflow\.example\.com"):
        config.Config(external_url=text)


@hypothesis.given(strategies.text())
def test_any_accepted_url_is_a_plain_origin(text: str) -> None:
    try:
        url = urls.origin("external-url", text)
    except ValueError as error:
        assert str(error).startswith("external-url: ")
    else:
        assert url == urls.origin("external-url", url)
        assert not set(url) & set(" \"'<>\\?#@\n")


@pytest.mark.parametrize(
    ("address", "expected"), [("192.0.2.1", "http://192.0.2.1:8081"), ("::1", "http://[::1]:8081")]
)
def test_without_external_url_the_address_is_public(address: str, expected: str) -> None:
    assert config.Config(http_port=8081).url(address) == expected


def test_without_any_address_there_is_no_url() -> None:
    assert config.Config().url("") == ""


@pytest.mark.parametrize("port", [-1, 0, 80, 1023, 65536])
def test_port_that_a_plain_user_cannot_open_is_named(port: int) -> None:
    with pytest.raises(ValueError, match=f"^http-port: must be from 1024 to 65535, not {port}$"):
        config.Config(http_port=port)


def test_unknown_engine_is_named() -> None:
    with pytest.raises(ValueError, match=r"^engine: unknown engine 'nginx', there are envoy and emissary$"):
        config.Config(engine="nginx")


@pytest.mark.parametrize(("option", "value"), [("fast_mode", True), ("login_rate_limit", 5)])
def test_what_emissary_cannot_do_is_said(option: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"^{option.replace('_', '-')}: only engine envoy has it$"):
        config.Config(engine="emissary", **{option: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"https_port": 443}, "https-port: must be from 1024 to 65535, not 443"),
        ({"https_port": 8080}, "https-port: must differ from http-port, which is 8080 too"),
        ({"metrics_port": 8443}, "metrics-port: must differ from https-port, which is 8443 too"),
        ({"http_port": 9903}, "http-port: 9903 is taken by Envoy's own check"),
        ({"target": "moon"}, "target: unknown target 'moon', there are pod and cluster"),
        ({"target": "cluster"}, "target: cluster needs engine=emissary"),
        ({"ambassador_id": "a b"}, "ambassador-id: 'a b' is no AMBASSADOR_ID of an Emissary"),
        ({"trusted_proxies": -1}, "trusted-proxies: must be from 0 to 10, not -1"),
        ({"hsts_max_age": -1}, "hsts-max-age: must be from 0 to 315360000, not -1"),
        ({"login_rate_limit": -1}, "login-rate-limit: must be from 0 to 100000, not -1"),
        ({"session_cookies": 'a"] = true; os.exit() --'}, "session-cookies: 'a\"]' is not the name of a cookie"),
        ({"cors_origins": "*"}, "cors-origins: '\\*' must begin with http:// or https://"),
        ({"cors_origins": "https://a.example/x"}, "cors-origins: 'https://a.example/x' must hold scheme"),
        ({"access_log": "some"}, "access-log: must be one of errors, all, off, not 'some'"),
        ({"csr_domain_name": "a b"}, "csr-domain-name: it is no domain name"),
    ],
)
def test_wrong_option_is_named(options: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=f"^{words}"):
        config.Config(**options)  # type: ignore[arg-type]


def test_lists_are_read_with_spaces_or_commas() -> None:
    options = config.Config(session_cookies="a, b  a", cors_origins="https://A.example/,http://b:80")
    assert options.cookies == ("a", "b")
    assert options.origins == ("https://a.example", "http://b")
    assert config.Config(session_cookies="").cookies == ()


def test_url_without_option_is_https_with_a_certificate() -> None:
    assert config.Config().url("192.0.2.1", tls=True) == "https://192.0.2.1:8443"


def test_hosts_of_applications_are_read() -> None:
    found = config.Config(hosts="minio=MinIO.example.com, my-app2=a-b.c.example.com", external_url="https://gw.example")
    assert found.applications_hosts == {"minio": "minio.example.com", "my-app2": "a-b.c.example.com"}
    assert config.Config().applications_hosts == {}


def test_who_is_called_with_grpc_is_said_to_the_engine_that_does_not_see_it() -> None:
    named = {"grpc_applications": "minio, my-app2  minio"}
    assert config.Config(engine="emissary", **named).called_with_grpc == ("minio", "my-app2")  # type: ignore[arg-type]
    assert config.Config(engine="emissary", grpc_applications="*").called_with_grpc == ("*",)
    assert config.Config(engine="emissary").called_with_grpc == ()
    assert config.Config(engine="envoy", **named).called_with_grpc == ()  # type: ignore[arg-type]


@pytest.mark.parametrize("engine", config.ENGINES)
@pytest.mark.parametrize("name", ["Minio", "minio/0", "mini*", "**", "-", "minio=true"])
def test_wrong_name_of_an_application_that_is_called_with_grpc_is_said(engine: str, name: str) -> None:
    words = f"grpc-applications: '{name}' is not the name of an application, such as tensorboards, or *"
    with pytest.raises(ValueError, match=f"^{re.escape(words)}$"):
        config.Config(engine=engine, grpc_applications=f"minio {name}")


@pytest.mark.parametrize(
    "text",
    [
        "minio",
        "minio=",
        "=minio.example.com",
        "minio=minio",
        "minio=192.0.2.1",
        "minio=[2001:db8::1]",
        "minio=*.example.com",
        "minio=minio.example.com:8080",
        "minio=https://minio.example.com",
        "minio=-a.example.com",
        "minio=a..example.com",
        "minio=.example.com",
        "minio=gateway.kubeflow.svc",
        "minio=gateway.kubeflow.svc.cluster.local",
        "Minio=minio.example.com",
        "minio/0=minio.example.com",
        "minio=m\u00fcnio.example.com",
        "minio=a=b.example.com",
        f"minio={'a.' * 126}ex.com",
        "minio=a.example minio=b.example",
        "minio=gw.example",
    ],
)
def test_wrong_host_of_an_application_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"^hosts: "):
        config.Config(hosts=text, external_url="https://gw.example")
