# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import issuer
import pytest

INTERNAL = "http://dex-auth.kubeflow.svc.cluster.local:5556/dex"
COMMAND = "no gateway: juju integrate dex-auth:ingress ambassador-route:ingress-unauthenticated"


@pytest.mark.parametrize(
    ("option", "gateways", "url", "problem"),
    [
        ("https://own.example.com/dex", [("gateway", "https://k.example.com")], "https://own.example.com/dex", ""),
        ("", [("gateway", "https://k.example.com")], "https://k.example.com/dex", ""),
        ("", [("gateway", "https://K.example.com:443/")], "https://k.example.com/dex", ""),
        ("", [("old", ""), ("gateway", "https://k.example.com")], "https://k.example.com/dex", ""),
        ("", [("gateway", None)], "", ""),
        ("", [("old", "")], INTERNAL, ""),
        ("", [], INTERNAL, COMMAND),
    ],
)  # fmt: skip
def test_who_decides(option: str, gateways: list[tuple[str, str | None]], url: str, problem: str):
    known = [issuer.Gateway(application=application, url=url) for application, url in gateways]
    decided = issuer.decide(option, known, internal=INTERNAL, app="dex-auth")
    assert (decided.url, decided.problem) == (url, problem)


def test_a_gateways_nonsense_is_no_issuer():
    known = [issuer.Gateway(application="gateway", url="javascript:alert(1)")]
    decided = issuer.decide("", known, internal=INTERNAL, app="dex-auth")
    assert decided.url == ""
    assert decided.problem.startswith("ingress: gateway sent what it must not: external-url: ")


@pytest.mark.parametrize("url", ["https://k.example.com", "https://k.example.com/", None, "", "javascript:x"])
def test_an_option_that_does_not_contradict_the_gateway(url: str | None):
    known = [issuer.Gateway(application="gateway", url=url)]
    decided = issuer.decide("https://k.example.com/dex", known, internal=INTERNAL, app="dex-auth")
    assert decided == issuer.Issuer(url="https://k.example.com/dex")


def test_an_option_that_contradicts_the_gateway_is_named():
    known = [issuer.Gateway(application="gateway", url="https://k.example.com")]
    decided = issuer.decide("https://own.example.com/dex", known, internal=INTERNAL, app="dex-auth")
    assert decided.url == "https://own.example.com/dex"
    assert decided.warning == (
        "issuer-url: https://own.example.com/dex is not https://k.example.com/dex, where gateway serves Dex: "
        "juju config dex-auth --reset issuer-url,public-url"
    )
