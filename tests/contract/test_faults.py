# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Whatever happens to the authorizer or an application: never open, and a page that says what is wrong."""

import collections.abc
import http.server
import json
import time

import gateway as under_test
import peers
import pytest

Handler = http.server.BaseHTTPRequestHandler


def raw(data: bytes) -> collections.abc.Callable[[Handler, peers.Seen], None]:
    def send(handler: Handler, _: peers.Seen) -> None:
        handler.close_connection = True
        handler.wfile.write(data)

    return send


MOODS = {
    "nonsense": raw(b"\x00\xff nonsense\r\n\r\n"),
    "half an answer": raw(b"HTTP/1.1 200"),
    "no answer": raw(b""),
    "no status": raw(b"HTTP/1.1 abc OK\r\n\r\n"),
    "100 only": raw(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "half a head": raw(b"HTTP/1.1 200 OK\r\nkubeflow-userid: anna"),
    "half a body": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"),
    "two lengths": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
    "head without end": raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 300_000 + b"\r\n\r\n"),
    "500": lambda handler, _: peers.reply(handler, 500),
    "502 page": lambda handler, _: peers.reply(handler, 502, [("Content-Type", "text/html")], b"<p>inner words</p>"),
    "503": lambda handler, _: peers.reply(handler, 503),
    "599": lambda handler, _: peers.reply(handler, 599),
}


@pytest.mark.parametrize("mood", MOODS)
def test_an_authorizer_that_fails_lets_nobody_in(gateway: under_test.Gateway, mood: str) -> None:
    gateway.authorizer.mood = MOODS[mood]
    for headers in ((), (peers.SESSION,), (peers.SESSION, ("kubeflow-userid", "mallory"))):
        answer = gateway.get("/recorded/x", under_test.HTML, *headers)
        assert answer.status in (500, 502, 503, 599) if mood == "599" else answer.status == 503
        assert b"inner words" not in answer.body
    assert gateway.application.take() == []
    assert gateway.get("/open/x").status == 200


@pytest.mark.parametrize("status", [204, 206, 299, 300, 304, 307, 400, 404, 418])
def test_only_200_lets_anybody_in(gateway: under_test.Gateway, status: int) -> None:
    gateway.authorizer.mood = lambda handler, _: peers.reply(handler, status)
    assert gateway.get("/recorded/x", peers.SESSION).status == status
    assert gateway.application.take() == []


def test_an_authorizer_that_is_down_lets_nobody_in_and_the_page_says_so(gateway: under_test.Gateway) -> None:
    gateway.authorizer.close()
    try:
        page = gateway.get("/recorded/x", peers.SESSION, under_test.HTML)
        data = gateway.get("/recorded/x", peers.SESSION)
        assert gateway.get("/open/x").status == 200
    finally:
        gateway.authorizer.open()
    assert (page.status, data.status) == (503, 503)
    assert b"gatekeeper" in page.body
    assert page.all("content-type") == ["text/html; charset=utf-8"]
    assert page.all("cache-control") == ["no-store"]
    assert "gatekeeper" in json.loads(data.body)["message"]
    assert [seen.path for seen in gateway.application.take()] == ["/open/x"]
    assert gateway.get("/recorded/x", peers.SESSION).status == 200


def test_an_authorizer_that_is_slow_lets_nobody_in_and_keeps_nobody_for_long(gateway: under_test.Gateway) -> None:
    def slow(handler: Handler, _: peers.Seen) -> None:
        time.sleep(8)
        peers.reply(handler, 200, [("kubeflow-userid", peers.USER)])

    gateway.authorizer.mood = slow
    began = time.monotonic()
    assert gateway.get("/recorded/x", peers.SESSION).status == 503
    assert time.monotonic() - began < 7.5
    assert gateway.application.take() == []


def test_errors_of_an_application_are_its_own(gateway: under_test.Gateway) -> None:
    for status in (404, 500, 503):
        answer = gateway.get(f"/recorded/x?status={status}", peers.SESSION, under_test.HTML)
        assert answer.status == status
        assert json.loads(answer.body)["path"] == f"/recorded/x?status={status}"


def test_an_application_that_is_down_is_named_as_the_failing_hop(gateway: under_test.Gateway) -> None:
    gateway.application.close()
    try:
        page = gateway.get("/recorded/x", peers.SESSION, under_test.HTML)
    finally:
        gateway.application.open()
    assert page.status == 503
    assert b"application" in page.body
    for leak in (b"127.0.0.1", b"envoy", b"upstream connect"):
        assert leak not in page.body.lower()


def test_a_read_that_an_application_lost_is_sent_again_where_nobody_is_asked(gateway: under_test.Gateway) -> None:
    if not gateway.repeats:
        pytest.skip("this engine repeats no request that an application has received")
    for method in ("GET", "HEAD"):
        assert gateway.get("/open/lost", method=method).status == 200
        assert [seen.method for seen in gateway.application.take()] == [method] * 2


def test_what_may_change_something_is_never_sent_twice(gateway: under_test.Gateway) -> None:
    for path in ("/open/lost", "/recorded/lost"):
        assert gateway.get(path, peers.SESSION, method="POST", body=b"once").status == 503
        assert [seen.method for seen in gateway.application.take()] == ["POST"]
