# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import dataclasses
import typing

import assemble
import certificates
import config
import inputs
import model
import ops
import pytest
import relations
import routes

TLS = model.Tls(port=8443, certificate="c", key="k")
AUTH = routes.Auth(
    host="g.m.svc.cluster.local", port=80, request_headers=(), response_headers=("kubeflow-groups", "kubeflow-userid")
)
LOGIN = relations.Related(endpoint="ingress-auth", relation=1, application="g", bag={})


def gateway(
    url: str = "http://gw", tls: model.Tls | None = None, auth: routes.Auth | None = None, related: bool = False,
    jwks: str = "", **options: object,
) -> model.Gateway:  # fmt: skip
    reading = relations.Reading(
        related=(LOGIN,) if related else (), table=(), auth=auth, jwks=jwks, refusal="", blocked=(), waiting=()
    )
    return assemble.gateway(config.Config(**options), reading, name="gw", namespace="m", url=url, tls=tls)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "tls", "options", "expected"),
    [
        ("https://gw", TLS, {}, ("gw", 0)),
        ("https://gw:8443", TLS, {}, ("gw", 8443)),
        ("https://[2001:db8::1]:8443", TLS, {}, ("[2001:db8::1]", 8443)),
        ("https://gw", None, {"trusted_proxies": 1}, ("gw", 0)),
        ("https://gw", TLS, {"https_redirect": False}, ("", 0)),
        ("http://gw", TLS, {}, ("", 0)),
        ("", TLS, {}, ("", 0)),
    ],
)
def test_plain_http_is_sent_to_the_public_url(
    url: str, tls: model.Tls | None, options: dict[str, object], expected: tuple[str, int]
) -> None:
    assert gateway(url, tls, **options).redirect == expected


def test_nothing_is_sent_in_a_circle_behind_a_load_balancer_that_is_not_trusted() -> None:
    assert gateway("https://gw").redirect == ("", 0)


def test_browsers_insist_on_https_only_where_there_is_https() -> None:
    assert gateway("https://gw", hsts_max_age=5).hsts == 5
    assert gateway("http://gw", hsts_max_age=5).hsts == 0


def test_an_emissary_of_our_own_keeps_an_id_of_its_own() -> None:
    options = {"engine": "emissary", "ambassador_id": "theirs"}
    assert gateway(**options).emissary_id == ""
    assert gateway(**options, target="cluster").emissary_id == "theirs"


@pytest.mark.parametrize(
    ("address", "expected"),
    [("http://emissary.ambassador:8080/", "http://emissary.ambassador:8080"), ("", "https://gw")],
)
def test_a_gateway_elsewhere_is_asked_there(address: str, expected: str) -> None:
    options = config.Config(engine="emissary", target="cluster", ambassador_address=address)
    reading = relations.Reading(related=(), table=(), auth=None, jwks="", refusal="", blocked=(), waiting=())
    found = inputs.Inputs(
        options=options, complaint="", url="https://gw", certificate=certificates.Found(), reading=reading, gateway=None
    )
    # Juju need not be asked.
    assert inputs.where(typing.cast("ops.CharmBase", None), found) == expected


def test_the_operators_wish_opens_only_while_no_login_is_related() -> None:
    assert not gateway().everybody
    assert gateway(allow_unauthenticated=True).everybody
    # A login that is silent, or presents itself wrongly, closes all the same.
    assert not gateway(allow_unauthenticated=True, related=True).everybody


def test_fast_mode_gives_just_the_headers_that_the_login_would_give() -> None:
    for headers in ((*AUTH.response_headers, "kubeflow-identity"), ("kubeflow-userid",)):
        auth = dataclasses.replace(AUTH, response_headers=headers)
        assert gateway(fast_mode=True, auth=auth, jwks="{}").fast is None


def test_fast_mode_needs_a_login_its_keys_and_the_url() -> None:
    found = gateway(fast_mode=True, auth=AUTH, jwks="{}", related=True).fast
    assert found == model.Fast(jwks="{}", issuer="http://gw")
    assert gateway(auth=AUTH, jwks="{}").fast is None
    assert gateway(fast_mode=True, auth=AUTH).fast is None
    assert gateway(fast_mode=True, jwks="{}").fast is None
    assert gateway("", fast_mode=True, auth=AUTH, jwks="{}").fast is None
