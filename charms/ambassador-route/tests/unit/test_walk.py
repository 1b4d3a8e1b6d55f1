# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import dataclasses

import loopback
import model
import pytest
import routes
import table
import walk

URL = "http://gw.example"
AUTH = routes.Auth(host="g", port=80, request_headers=(), response_headers=())
LOGIN = "/dex/auth?redirect_uri=http%3A%2F%2Fgw.example%2Fauthservice%2Foidc%2Fcallback&state=sensitive"
GOOD = {
    "/app": loopback.Answer(status=302, location=LOGIN),
    LOGIN: loopback.Answer(status=302, location="/dex/auth/local?state=sensitive"),
    "/dex/auth/local?state=sensitive": loopback.Answer(status=200, text="<form>"),
    "/authservice/oidc/callback": loopback.Answer(status=400),
}


def route(prefix: str, *, protected: bool = True) -> routes.Route:
    return routes.Route(
        application="app", relation=1, prefix=prefix, rewrite=prefix, host="h", port=80, protected=protected
    )


def gateway(auth: routes.Auth | None = AUTH) -> model.Gateway:
    return model.Gateway(name="gw", port=8080, table=(route("/dex", protected=False), route("/app")), auth=auth)


def walked(**changes: loopback.Answer) -> list[walk.Hop]:
    answers = {**GOOD, **changes}
    return walk.walk(lambda path, host="": answers.get(path, loopback.Answer(status=404)), gateway(), URL)


def test_a_path_that_is_there_at_every_host_is_walked() -> None:
    hosted = dataclasses.replace(route("/hosted"), domain="hosted.example.com")
    before = dataclasses.replace(gateway(), table=(hosted, *gateway().table))
    hops = walk.walk(lambda path, host="": GOOD.get(path, loopback.Answer(status=404)), before, URL)
    assert (hops[0].path, [hop.fault for hop in hops]) == ("/app", [""] * 6)


def test_login_that_works_has_every_hop() -> None:
    hops = walked()
    assert [(hop.name, hop.status) for hop in hops] == [
        ("gateway", 302),
        ("gatekeeper", 302),
        ("dex", 302),
        ("dex", 200),
        ("callback", 400),
        ("page", 302),
    ]
    assert [hop.fault for hop in hops] == [""] * 6
    assert "sensitive" not in walk.show(hops)


@pytest.mark.parametrize(
    ("path", "answer", "name", "words"),
    [
        ("/app", loopback.Answer(), "gateway", "it does not answer: see juju status gw"),
        ("/app", loopback.Answer(status=503), "gatekeeper", "see juju status gatekeeper"),
        ("/app", loopback.Answer(status=200), "gatekeeper", "/app is reached without a login"),
        ("/app", loopback.Answer(status=404), "gatekeeper", "does not know /app"),
        (LOGIN, loopback.Answer(status=503), "dex", "see juju status dex-auth"),
        (LOGIN, loopback.Answer(status=302, location=LOGIN), "dex", "it redirects for ever"),
        ("/authservice/oidc/callback", loopback.Answer(status=503), "callback", "see juju status gatekeeper"),
        (
            "/authservice/oidc/callback", loopback.Answer(status=302), "callback",
            "run juju integrate gw:ingress-unauthenticated gatekeeper:ingress",
        ),
    ],
)  # fmt: skip
def test_first_broken_hop_is_named(path: str, answer: loopback.Answer, name: str, words: str) -> None:
    hops = walked(**{path: answer})
    assert hops[-1].name == name
    assert words in hops[-1].fault
    assert not any(hop.fault for hop in hops[:-1])


def test_missing_login_is_named() -> None:
    (hop,) = walk.walk(lambda _: loopback.Answer(), gateway(None), URL)
    assert hop.fault == "no path needs a login: run juju integrate gw:ingress-auth gatekeeper:ingress-auth"


def test_provider_elsewhere_is_shown_and_not_asked() -> None:
    away = loopback.Answer(status=302, location="https://idp.example/auth?state=1")
    hops = walked(**{"/app": away})
    assert [hop.path for hop in hops if hop.name == "provider"] == ["https://idp.example"]
    assert hops[-1].fault == ""


def test_table_shows_what_is_configured_and_what_is_true() -> None:
    answers = {"/app": loopback.Answer(status=302), "/dex": loopback.Answer(status=200)}
    text = table.show(gateway(), lambda path, host: answers[path], lambda host, port: f"{host}:{port} up")
    assert [line.split() for line in text.splitlines()] == [
        ["PREFIX", "APPLICATION", "LOGIN", "GATEWAY", "SAYS", "TARGET", "HEALTH"],
        ["/dex", "app", "none", "200", "h:80", "h:80", "up"],
        ["/app", "app", "needed", "302", "login", "h:80", "h:80", "up"],
    ]
    refused = table.show(gateway(None), lambda *_: loopback.Answer(status=503), lambda *_: "down")
    assert ["/app", "app", "refused", "503", "h:80", "down"] in [line.split() for line in refused.splitlines()]


def test_a_path_at_a_host_of_its_own_is_asked_for_there_and_needs_a_token() -> None:
    asked: list[tuple[str, str]] = []
    own = dataclasses.replace(route("/"), domain="own.example", application="own")

    def ask(path: str, host: str = "") -> loopback.Answer:
        asked.append((path, host))
        return loopback.Answer(status=302)

    text = table.show(dataclasses.replace(gateway(), table=(own,)), ask, lambda *_: "up")
    assert asked == [("/", "own.example")]
    assert text.splitlines()[1].split()[:5] == ["own.example/", "own", "token", "302", "login"]
    hops = walk.walk(ask, dataclasses.replace(gateway(), table=(own,)), URL)
    assert "own.example" not in {host for _, host in asked[1:]}
    assert hops[-1].fault
