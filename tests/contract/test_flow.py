# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Who is asked, who is let through, and what reaches whom."""

import gateway as under_test
import peers
import pytest

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", ["/recorded/x", "/tool", "/tool/x"])
def test_nobody_reaches_a_protected_application_without_a_session(
    gateway: under_test.Gateway, method: str, path: str
) -> None:
    answer = gateway.get(path, method=method)
    assert answer.status == 302
    assert answer.all("location") == ["/dex/auth?state=1"]
    assert answer.all("set-cookie") == ["one=1", "two=2"]
    assert answer.all("cache-control") == ["no-store"]
    assert gateway.application.take() == []
    (check,) = gateway.authorizer.take()
    assert (check.method, check.path, check.all("host")) == (method, path, ["gateway.test"])


@pytest.mark.parametrize("method", [method for method in METHODS if method != "HEAD"])
def test_a_session_lets_every_method_through_as_the_user(gateway: under_test.Gateway, method: str) -> None:
    answer = gateway.get("/recorded/x?a=%2F&b=1", peers.SESSION, method=method)
    assert (answer.seen.method, answer.seen.path) == (method, "/recorded/x?a=%2F&b=1")
    assert answer.seen.all("kubeflow-userid") == [peers.USER]
    assert answer.seen.all("kubeflow-groups") == [peers.GROUPS]
    assert answer.seen.all("set-cookie") == []


def test_renewed_cookies_of_a_session_reach_the_client(gateway: under_test.Gateway) -> None:
    if not gateway.renews:
        pytest.skip("this engine passes on no cookie of a check that let the request pass")
    assert gateway.get("/recorded/x", peers.SESSION).all("set-cookie") == ["fresh=1; Path=/", "fresher=2; Path=/"]


@pytest.mark.parametrize("status", [401, 403, 429])
def test_a_refusal_reaches_the_client_as_it_is(gateway: under_test.Gateway, status: int) -> None:
    headers = [("Content-Type", "application/json"), ("WWW-Authenticate", 'Bearer realm="x"')]
    gateway.authorizer.mood = lambda handler, _: peers.reply(handler, status, headers, b'{"error": "no"}')
    for accept in ((), (under_test.HTML,)):
        answer = gateway.get("/recorded/x", *accept)
        assert (answer.status, answer.body) == (status, b'{"error": "no"}')
        assert answer.all("www-authenticate") == ['Bearer realm="x"']
        assert answer.all("content-type") == ["application/json"]
    assert gateway.application.take() == []


@pytest.mark.parametrize("status", [302, 401, 403])
def test_a_refusal_tells_the_client_no_identity(gateway: under_test.Gateway, status: int) -> None:
    named = [("kubeflow-userid", peers.USER), ("Kubeflow-Groups", "admins"), ("Location", "/dex/auth")]
    gateway.authorizer.mood = lambda handler, _: peers.reply(handler, status, named)
    answer = gateway.get("/recorded/x", peers.SESSION)
    assert answer.status == status
    assert answer.all("kubeflow-userid") == answer.all("kubeflow-groups") == []


@pytest.mark.parametrize("path", ["/open", "/open/", "/open/x?y=1", "/open?y=1", "/open?/y", "/open/?y=/open"])
def test_an_open_path_asks_nobody(gateway: under_test.Gateway, path: str) -> None:
    assert gateway.get(path).seen.path == path
    assert gateway.authorizer.take() == []


def test_the_authorizer_sees_what_it_decides_by(gateway: under_test.Gateway) -> None:
    headers = (("Authorization", "Bearer x"), under_test.HTML, ("X-Requested-With", "XMLHttpRequest"))
    gateway.get("/recorded/x", ("Cookie", "a=1; b=2"), *headers)
    (check,) = gateway.authorizer.take()
    for name, value in headers:
        assert check.all(name.lower()) == [value]
    assert check.all("cookie") == ["a=1; b=2"]
    assert check.all("x-forwarded-proto") == ["http"]


def test_longest_prefix_and_rewriting(gateway: under_test.Gateway) -> None:
    for path, expected in {
        "/tool": "/", "/tool/": "/", "/tool?x=1": "/?x=1", "/tool/a/b?x=1": "/a/b?x=1", "/tool//a": "/a",
        "//tool": "/", "/tool//": "/", "/tool/?x=/tool": "/?x=/tool", "/tool/tool?x": "/tool?x",
        "/tool/a/tool/b": "/a/tool/b", "/moved": "/new/home", "/moved/": "/new/home/", "/moved?x=1": "/new/home?x=1",
        "/moved/a?x": "/new/home/a?x", "/moved//a": "/new/home/a", "/moved/moved": "/new/home/moved",
    }.items():  # fmt: skip
        assert gateway.get(path, peers.SESSION).seen.path == expected


def test_the_application_sees_the_host_that_the_browser_asked_for(gateway: under_test.Gateway) -> None:
    seen = gateway.get("/recorded/x", peers.SESSION, host="kubeflow.example.com:8443").seen
    assert seen.all("host") == ["kubeflow.example.com:8443"]
    assert [check.all("host") for check in gateway.authorizer.take()] == [["kubeflow.example.com:8443"]]
