# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""No spelling of a path, target or message goes around the authorizer."""

import contextlib

import gateway as under_test
import peers
import pytest

TRICKS = (
    "/opener",
    "/open-x",
    "/open.html",
    "/open;x=1",
    "/open;/../recorded/x",
    "/OPEN/x",
    "/Open",
    "/RECORDED/x",
    "//recorded/x",
    "//recorded//x",
    "/./recorded/x",
    "/open/../recorded/x",
    "/open/./../recorded/x",
    "/open/../../recorded/x",
    "/open//../../recorded/x",
    "/open/..//recorded/x",
    "/open/%2e%2e/recorded/x",
    "/open/%2E%2e/recorded/x",
    "/open/.%2e/recorded/x",
    "/%2e/recorded/x",
    "/open/\\..\\..\\recorded\\x",
    "\\recorded\\x",
    "/open/..\\recorded/x",
    "/%72ecorded/x",
    "/recorded/%2e%2e/recorded/x",
    "/open/..%2frecorded/x",
    "/open/..%2Frecorded/x",
    "/open%2f..%2frecorded/x",
    "/open/..%5crecorded/x",
    "/open/%252e%252e/recorded/x",
    "/open/..;/recorded/x",
    "/open/..%00/recorded/x",
    "/recorded%00",
    "/recorded/x#fragment",
    "/open#/../recorded/x",
    "/open?/../recorded/x",
    "http://gateway.test/recorded/x",
    "HTTP://GATEWAY.TEST/recorded/x",
    "http://evil.example/open/../recorded/x",
    "http://gateway.test//recorded/x",
    "recorded/x",
    "*",
    "?x",
    "/",
)


@pytest.mark.parametrize("path", TRICKS)
def test_no_path_reaches_a_protected_application_without_a_session(gateway: under_test.Gateway, path: str) -> None:
    answer = gateway.get(path)
    assert answer.status in (0, 200, 302, 400, 404)
    for seen in gateway.application.take():
        # Only what stands below /open as every parser reads it.
        assert seen.path.split("?")[0].split("/")[1] == "open", (path, seen.path)
        assert ".." not in seen.path.split("?")[0].replace("%252e", ".").split("/") or "%252e" in seen.path
        assert "recorded" not in seen.path.split("?")[0] or "%252e" in seen.path or "..;" in seen.path, seen.path


@pytest.mark.parametrize("below", ["er", "er/x", "-x", ".html", ";x=1", "&x", "%3fx", "%20", "=/x", "x?/"])
@pytest.mark.parametrize("prefix", ["/recorded", "/tool", "/moved", "/open"])
def test_what_only_begins_with_the_same_letters_is_no_path_of_it(
    gateway: under_test.Gateway, prefix: str, below: str
) -> None:
    gateway.get(prefix + below, peers.SESSION)
    assert gateway.application.take() == []


@pytest.mark.parametrize("path", [b"/recorded?\xff", b"/recorded/x?a=\x80/b", b"/recorded/x?\xc3\xa9"])
def test_bytes_that_are_no_text_lead_to_the_same_application(gateway: under_test.Gateway, path: bytes) -> None:
    """HTTP/2 lets them be in a query."""
    client = gateway.h2()
    assert client.until(client.send("GET", path, [])).status in (302, 400)
    assert gateway.application.take() == []
    status = client.until(client.send("GET", path, [("cookie", peers.SESSION[1])])).status
    client.close()
    seen = [seen.path.encode("latin-1") for seen in gateway.application.take()]
    assert (status, seen) in ((200, [path]), (400, []))


@pytest.mark.parametrize("path", ["/open/..%2frecorded/x", "/open/..%5Crecorded/x", "/recorded/a%2Fb"])
def test_escaped_slashes_are_refused(gateway: under_test.Gateway, path: str) -> None:
    assert gateway.get(path, peers.SESSION).status == 400
    assert gateway.application.take() == gateway.authorizer.take() == []


def test_check_and_application_see_the_same_path(gateway: under_test.Gateway) -> None:
    for path in ("/open/%2e%2e//recorded/./x?q=/../%2f", "//recorded///x?q=/../%2f", "/recorded/y/../x?q=/../%2f"):
        seen = gateway.get(path, peers.SESSION).seen
        assert [check.path for check in gateway.authorizer.take()] == [seen.path] == ["/recorded/x?q=/../%2f"]


def test_target_in_absolute_form_is_a_path(gateway: under_test.Gateway) -> None:
    answer = gateway.get("http://gateway.test/recorded/x?y=1", peers.SESSION)
    assert answer.status == 400 or answer.seen.path.endswith("/recorded/x?y=1")


@pytest.mark.parametrize("length", [1000, 8000, 40_000])
def test_long_paths_are_as_protected_as_short_ones(gateway: under_test.Gateway, length: int) -> None:
    path = "/recorded/" + "x" * length
    assert gateway.get(path).status in (302, 414, 431)
    assert gateway.application.take() == []
    answer = gateway.get(path, peers.SESSION)
    assert answer.status in (414, 431) or answer.seen.path == path


def test_heads_that_are_too_long_are_refused(gateway: under_test.Gateway) -> None:
    for size in (200_000, 2_000_000):
        with contextlib.suppress(ConnectionError):
            assert gateway.get("/recorded/x", peers.SESSION, ("X-Long", "x" * size)).status in (0, 400, 431)
    assert gateway.application.take() == []


HEAD = b"POST /open/x HTTP/1.1\r\nHost: gateway.test\r\n"
HIDDEN = b"GET /recorded/hidden HTTP/1.1\r\nHost: gateway.test\r\n\r\n"


@pytest.mark.parametrize(
    "data",
    [
        HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
        HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n" + HIDDEN,
        HEAD + b"Content-Length: 0\r\nContent-Length: 60\r\n\r\n" + HIDDEN,
        HEAD + b"Content-Length: 0, 60\r\n\r\n" + HIDDEN,
        HEAD + b"Content-Length: +0\r\n\r\n" + HIDDEN,
        HEAD + b"Content-Length: 0x0\r\n\r\n" + HIDDEN,
        HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + HIDDEN,
        HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + HIDDEN,
        HEAD + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
        HEAD + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n" + HIDDEN,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n0;\n\r\n\r\n" + HIDDEN,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n" + HIDDEN,
    ],
)
def test_no_request_hides_in_another(gateway: under_test.Gateway, data: bytes) -> None:
    with peers.connect(gateway.address, 3) as sock:
        sock.sendall(data)
        try:
            while sock.recv(65536):
                pass
        except (TimeoutError, ConnectionResetError):
            pass
    assert not [seen for seen in gateway.application.take() if "hidden" in seen.path]


@pytest.mark.parametrize(
    "data", [b"GET /recorded/x HTTP/1.1\r\n\r\n", b"GET /recorded/x HTTP/0.9\r\n\r\n", b"\x16\x03\x01\r\n"]
)
def test_what_is_no_request_reaches_nobody(gateway: under_test.Gateway, data: bytes) -> None:
    assert gateway.raw(data).status in (0, 302, 400, 426)
    assert gateway.application.take() == []


def test_no_tunnel_is_opened(gateway: under_test.Gateway) -> None:
    for target in ("gateway.test:80", "127.0.0.1:22", "/recorded/x"):
        assert gateway.get(target, peers.SESSION, method="CONNECT").status in (0, 302, 400, 403, 404, 405, 501)
    assert gateway.application.take() == []
