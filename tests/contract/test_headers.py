# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""No client decides who it is: identity headers in every spelling, on every route; and session cookies stay here."""

import gateway as under_test
import peers
import pytest

NAMES = ("kubeflow-userid", "kubeflow-groups")
SPELLINGS = tuple(
    spelling
    for name in NAMES
    for spelling in (
        name,
        name.title(),
        name.upper(),
        name.replace("-", "_"),
        name.upper().replace("-", "_"),
        name.title().replace("-", "_"),
    )
)
# The path, and a session for it: "bare" passes without the authorizer naming anybody.
ROUTES = (("/recorded/x", "good"), ("/tool/x", "good"), ("/open/x", "good"), ("/open/x", ""), ("/recorded/x", "bare"))


def cookie(session: str) -> tuple[tuple[str, str], ...]:
    return (("Cookie", f"authservice_session={session}"),) if session else ()


def clean(gateway: under_test.Gateway, *, named: bool) -> None:
    """Assert that nobody saw a word of the client's, and the application exactly the authorizer's."""
    for seen in (*gateway.application.take(), *gateway.authorizer.take()):
        assert "mallory" not in str(seen.headers)
        assert "kubeflow_" not in str(seen.headers).lower()
        assert seen.all("kubeflow-userid") in ([peers.USER],) if named and seen.all("kubeflow-userid") else True
        assert named or not seen.all("kubeflow-userid")


@pytest.mark.parametrize(("path", "session"), ROUTES)
def test_identity_of_a_client_reaches_nobody(gateway: under_test.Gateway, path: str, session: str) -> None:
    named = session == "good" and not path.startswith("/open")
    for spelling in SPELLINGS:
        answer = gateway.get(path, *cookie(session), (spelling, "mallory"), (spelling.lower(), "mallory"))
        assert answer.status == 200, spelling
        if named:
            assert answer.seen.all("kubeflow-userid") == [peers.USER], spelling
        clean(gateway, named=named)


@pytest.mark.parametrize(("path", "session"), ROUTES)
@pytest.mark.parametrize("value", ["", " ", "\t"])
def test_an_empty_identity_is_none(gateway: under_test.Gateway, path: str, session: str, value: str) -> None:
    answer = gateway.get(path, *cookie(session), ("kubeflow-userid", value))
    named = session == "good" and not path.startswith("/open")
    assert answer.seen.all("kubeflow-userid") == ([peers.USER] if named else [])


@pytest.mark.parametrize(
    "lines",
    [
        b"kubeflow-userid: a\r\n mallory",
        b"x-first: a\r\n kubeflow-userid: mallory",
        b"kubeflow-userid : mallory",
        b" kubeflow-userid: mallory",
        b"x-first: a\nkubeflow-userid: mallory",
        b"x-first: a\rkubeflow-userid: mallory",
        b"kubeflow-userid\0: mallory",
        b"x-first: a\0\r\nkubeflow-userid: mallory",
        b"kubeflow-userid\t: mallory",
    ],
)
def test_lines_that_parsers_read_differently(gateway: under_test.Gateway, lines: bytes) -> None:
    for path, session in ((b"/open/x", b"good"), (b"/recorded/x", b"bare")):
        head = b"GET " + path + b" HTTP/1.1\r\nHost: gateway.test\r\nCookie: authservice_session=" + session
        answer = gateway.raw(head + b"\r\n" + lines + b"\r\n\r\n")
        assert answer.status in (0, 200, 400)
        for seen in gateway.application.take():
            assert not any("userid" in name.lower() for name, _ in seen.headers), seen.headers


def test_hop_by_hop_words_remove_no_identity(gateway: under_test.Gateway) -> None:
    """Naming the header in Connection must not take the authorizer's own value away."""
    answer = gateway.get("/recorded/x", peers.SESSION, ("Connection", "kubeflow-userid, close"))
    assert answer.status == 400 or answer.seen.all("kubeflow-userid") == [peers.USER]


def test_identity_over_http_2_reaches_nobody(gateway: under_test.Gateway) -> None:
    client = gateway.h2()
    for path, session in ROUTES:
        for name in (*NAMES, *(name.replace("-", "_") for name in NAMES)):
            headers = [(name, "mallory"), *((key.lower(), value) for key, value in cookie(session))]
            client.until(client.send("GET", path, headers))
            clean(gateway, named=session == "good" and not path.startswith("/open"))
    client.close()


def test_identity_in_trailers_reaches_nobody(gateway: under_test.Gateway) -> None:
    head = b"POST /recorded/x HTTP/1.1\r\nHost: g\r\nCookie: authservice_session=bare\r\nTransfer-Encoding: chunked\r\n"
    gateway.raw(head + b"Trailer: kubeflow-userid\r\n\r\n1\r\nx\r\n0\r\nkubeflow-userid: mallory\r\n\r\n", "POST")
    clean(gateway, named=False)
    client = gateway.h2()
    call = [("content-type", "application/grpc"), ("te", "trailers"), ("cookie", "authservice_session=bare")]
    client.until(client.send("POST", "/rpc/Echo", call, b"", trailers=[("kubeflow-userid", "mallory")]))
    client.close()
    received = gateway.rpc.take()
    assert received
    assert "mallory" not in str(received)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("authservice_session=good", []),
        ("a=1; authservice_session=good; b=2", ["a=1; b=2"]),
        ("authservice_session=good; authservice_refresh=r", []),
        ("authservice_refresh=r;authservice_session=good;x=y=z", ["x=y=z"]),
        ('my_authservice_session=1; authservice_session=good; q="a b"', ['my_authservice_session=1; q="a b"']),
        ("authservice_session=good; authservice_session=again; a=1", ["a=1"]),
        ("authservice_session=good; Authservice_Session=other", ["Authservice_Session=other"]),
    ],
)
@pytest.mark.parametrize("path", ["/recorded/x", "/tool/x", "/open/x"])
def test_cookies_of_the_session_reach_no_application(
    gateway: under_test.Gateway, path: str, sent: str, expected: list[str]
) -> None:
    assert gateway.get(path, ("Cookie", sent)).seen.all("cookie") == expected
    assert [check.all("cookie") for check in gateway.authorizer.take()] == ([] if path == "/open/x" else [[sent]])


def test_other_cookies_are_left_alone(gateway: under_test.Gateway) -> None:
    sent = 'a=1;b="x y";  c=; authservice_sessions=7'
    gateway.authorizer.mood = lambda handler, _: peers.reply(handler, 200, [("kubeflow-userid", peers.USER)])
    assert gateway.get("/recorded/x", ("Cookie", sent)).seen.all("cookie") == [sent]


def test_two_cookie_headers_hide_no_session(gateway: under_test.Gateway) -> None:
    answer = gateway.get("/recorded/x", ("Cookie", "a=1"), peers.SESSION, ("Cookie", "b=2"))
    assert "authservice_session" not in str(answer.seen.all("cookie"))
    assert "; ".join(answer.seen.all("cookie")) == "a=1; b=2"


def test_cookie_crumbs_of_http_2_hide_no_session(gateway: under_test.Gateway) -> None:
    client = gateway.h2()
    headers = [("cookie", "a=1"), ("cookie", "authservice_session=good"), ("cookie", "authservice_refresh=r")]
    assert client.until(client.send("GET", "/recorded/x", headers)).status == 200
    client.close()
    (seen,) = gateway.application.take()
    assert seen.all("cookie") == ["a=1"]


def test_a_websocket_carries_no_session_to_the_application(gateway: under_test.Gateway) -> None:
    upgrade = (("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Key", "MDEyMzQ1Njc4OWFiY2RlZg=="))
    assert gateway.get("/recorded/socket", peers.SESSION, ("kubeflow-groups", "mallory"), *upgrade).status == 101
    (seen,) = gateway.application.take()
    assert seen.all("cookie") == []
    assert seen.all("kubeflow-groups") == [peers.GROUPS]


def test_client_cannot_tell_where_it_comes_from_nor_steer(gateway: under_test.Gateway) -> None:
    names = ("X-Envoy-Original-Path", "X-Envoy-Upstream-Rq-Timeout-Ms", "X-Envoy-Internal", "X-Envoy-Retry-On")
    headers = [(name, "true") for name in names]
    seen = gateway.get("/open/x", ("X-Forwarded-Proto", "https"), *headers).seen
    assert seen.all("x-forwarded-proto") == ["http"]
    found = {name.lower() for name, _ in seen.headers if name.lower().startswith("x-envoy-")}
    assert found <= {"x-envoy-external-address", "x-envoy-expected-rq-timeout-ms"}
