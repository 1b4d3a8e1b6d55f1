# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Gateways that name the request in headers, and clients that would like to."""

import collections.abc
import http.client

import pytest
from gatekeeper_support import Provider, Running, log_in

FORWARD = "/authservice/forward"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> collections.abc.Iterator[Running]:
    made = Running(
        tmp_path_factory.mktemp("forwarded"), issuer=provider.issuer, skip_auth=["/public"], identity_header="x-signed"
    )
    yield made
    made.stop()


def ask(
    running: Running, *lines: tuple[str, str], path: str = FORWARD, method: str = "GET"
) -> http.client.HTTPResponse:
    """Ask as a gateway does, with exactly these headers."""
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
    connection.putrequest(method, path, skip_accept_encoding=True)
    for name, value in lines:
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def about(target: str, method: str = "GET", host: str = "") -> list[tuple[str, str]]:
    named = [("X-Forwarded-Uri", target), ("X-Forwarded-Method", method)]
    return named + ([("X-Forwarded-Host", host)] if host else [])


JSON = ("Accept", "application/json")


def test_traefik_is_answered_about_the_request_in_its_headers(running: Running, provider: Provider):
    host = running.url.removeprefix("http://")
    denied = ask(running, *about("/page?a=1", host=host))
    assert denied.status == 302
    assert denied.getheader("location", "").startswith(f"{provider.issuer}/auth?")
    assert ask(running, *about("/page", host=host), JSON).status == 401
    assert ask(running, *about("/page", "DELETE", host)).status == 401
    open_path = ask(running, *about("/public/x?a", host=host))
    assert (open_path.status, open_path.getheader("kubeflow-userid"), open_path.getheader("x-signed")) == (200, "", "")
    with log_in(running, provider) as client:
        cookie = ("Cookie", f"authservice_session={client.cookies['authservice_session']}")
    allowed = ask(running, *about("/page?a=1", host=host), cookie)
    assert (allowed.status, allowed.getheader("kubeflow-userid")) == (200, "user@example.com")


def test_a_login_comes_back_to_the_page_that_traefik_was_asked_for(running: Running, provider: Provider):
    host = running.url.removeprefix("http://")
    denied = ask(running, *about("/page?a=1&b=%2F", host=host))
    with running.client() as client:
        client.cookies.set(*denied.getheader("set-cookie", "").split(";")[0].split("=", 1))
        done = client.get(provider.agree(denied.getheader("location", "")))
    assert (done.status_code, done.headers["location"]) == (302, "/page?a=1&b=%2F")


def test_another_host_is_sent_to_the_public_one(running: Running):
    moved = ask(running, *about("/page", host="10.0.0.1"))
    assert (moved.status, moved.getheader("location")) == (302, f"{running.url}/page")


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [("X-Forwarded-Uri", "/public")],
        [("X-Forwarded-Method", "GET")],
        [*about("/public"), *about("/private")],
        [*about("/public"), ("X-Forwarded-Uri", "/public")],
        [*about("/public"), ("X-Forwarded-Method", "GET")],
        [*about("/public", host="a"), ("X-Forwarded-Host", "b")],
        about("public"),
        about(""),
        about("/public x"),
        about("http://h/public"),
        about("/p\xfcblic"),
        about("/public", "get"),
        about("/public", "G T"),
        [*about("/public"), ("X-Authorization-Check", "1")],
        [*about("/public"), ("X-Authorization-Check", "no-cookies")],
        about(FORWARD),
        about(FORWARD + "/public"),
        about("/authservice/none"),
    ],
)
def test_what_can_be_read_twice_or_not_at_all_lets_nobody_in(running: Running, lines: list[tuple[str, str]]):
    assert ask(running, *lines, JSON).status == 404


def test_these_headers_say_nothing_anywhere_else(running: Running):
    for path in ("/", "/x", "/authservice/forward/", "/authservice/forward/x", "/authservice//forward", "/authservice"):
        assert ask(running, *about("/public"), JSON, path=path).status in (401, 404), path
    for method in ("POST", "HEAD", "PUT"):
        assert ask(running, *about("/public"), JSON, method=method).status == 404
    for method in ("OPTIONS", "POST", "HEAD"):
        assert ask(running, *about("/public"), JSON, path="/x", method=method).status == 401


def test_own_paths_are_answered_through_traefik_as_without_it(running: Running):
    assert ask(running, *about("/authservice/keys")).status == 200
    assert ask(running, *about("/authservice/oidc/callback?state=x&code=y")).status == 302
    assert ask(running, *about("/authservice/logout", "DELETE")).status == 405


@pytest.mark.parametrize("lines", [[], about("/authservice/keys")], ids=["plain", "traefik"])
def test_a_yes_of_an_own_path_is_nobodys(running: Running, lines: list[tuple[str, str]]):
    """A gateway that marks nothing may take it for the answer to a check: then nobody's name must be in it."""
    path = FORWARD if lines else "/authservice/keys"
    answer = ask(running, *lines, ("Kubeflow-Userid", "admin@example.com"), path=path)
    assert answer.status == 200
    for name in ("kubeflow-userid", "kubeflow-groups", "x-signed"):
        assert answer.msg.get_all(name) == [""]


def test_the_page_of_a_person_is_no_yes_to_another(running: Running, provider: Provider):
    with log_in(running, provider) as client:
        page = client.get("/authservice/tokens")
        assert (page.status_code, page.headers["kubeflow-userid"]) == (200, "")
        assert client.get("/authservice/tokens", headers={"x-authorization-check": "1"}).status_code == 404
        verified = client.get("/authservice/verify/x")
        assert (verified.status_code, verified.headers["kubeflow-userid"]) == (204, "user@example.com")
