# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The running service on real sockets: one answer to each request, in order, whatever shape the requests have."""

import json
import pathlib
import re
import socket
import subprocess
import sys
import time

import httpx
import pytest
from gatekeeper_support import Provider, Running, free_port, log_in, wait

API = b"host: x\r\naccept: application/json\r\n"
KEYS = b"GET /authservice/keys HTTP/1.1\r\nhost: x\r\n\r\n"
CHECK = b"GET /x HTTP/1.1\r\n" + API + b"\r\n"


def statuses(received: bytes) -> list[int]:
    return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d{3})", received)]


def post(fields: bytes, body: bytes) -> bytes:
    return b"POST /x HTTP/1.1\r\n" + API + fields + b"\r\n" + body


BODIES = {
    "length": post(b"content-length: 41\r\n", b"GET /y HTTP/1.1\r\nhost: x\r\nx: 45678901234\r\n"[:41]),
    "chunked": post(b"transfer-encoding: chunked\r\n", b"1a\r\nGET /y HTTP/1.1\r\nhost: x\r\n\r\n0\r\n\r\n"),
    "trailer": post(b"transfer-encoding: chunked\r\n", b"1\r\nx\r\n0\r\ncookie: authservice_session=x\r\n\r\n"),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_is_never_the_next_request(running: Running, body: bytes):
    received = running.raw(body + KEYS)
    assert statuses(received) == [401, 200]
    assert received.endswith(b"]}")


@pytest.mark.parametrize("step", [1, 7])
def test_requests_may_come_in_any_pieces(running: Running, step: int):
    data = BODIES["chunked"] + KEYS
    with socket.create_connection(("127.0.0.1", running.port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for place in range(0, len(data), step):
            connection.sendall(data[place : place + step])
        connection.settimeout(2)
        received = b""
        while not received.endswith(b"]}"):
            received += connection.recv(65536)
    assert statuses(received) == [401, 200]


def test_answers_keep_the_order_of_pipelined_requests(running: Running):
    received = running.raw(CHECK + KEYS + CHECK + CHECK + KEYS + CHECK)
    assert statuses(received) == [401, 200, 401, 401, 200, 401]


def test_thousands_of_pipelined_checks_are_all_answered(running: Running):
    assert statuses(running.raw(CHECK * 3000, seconds=2)) == [401] * 3000


@pytest.mark.parametrize("more", [b"", b"content-length: 60\r\n"])
def test_an_upgrade_ends_its_connection_with_its_answer(running: Running, more: bytes):
    """The parser does not read the body of such a request: what follows must not be taken for the next one."""
    upgrade = b"GET /ws HTTP/1.1\r\nconnection: upgrade\r\nupgrade: websocket\r\n" + API + more + b"\r\n"
    received = running.raw(upgrade + CHECK + CHECK)
    assert statuses(received) == [401]
    assert received.endswith(b"<closed>")
    slow = upgrade.replace(b"/ws", b"/authservice/keys")
    received = running.raw(slow + CHECK + CHECK)
    assert statuses(received) == [200]
    assert received.endswith(b"<closed>")


def test_head_has_no_body_and_the_connection_goes_on(running: Running):
    received = running.raw(CHECK.replace(b"GET", b"HEAD") + KEYS)
    assert statuses(received) == [401, 200]
    assert b"login_required" not in received


@pytest.mark.parametrize("line", [b"connection: close\r\n", b"expect: 100-continue\r\ncontent-length: 5\r\n"])
def test_connections_end_when_they_must(running: Running, line: bytes):
    received = running.raw(b"POST /x HTTP/1.1\r\n" + API + line + b"\r\n")
    assert statuses(received) == [401]
    assert b"connection: close" in received
    assert received.endswith(b"<closed>")


@pytest.mark.parametrize("data", [
    b"\x00\x01\r\n\r\n",
    b"GET /x HTTP/1.1\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    b"GET /x HTTP/1.1\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\n",
    b"GET /x HTTP/1.1\r\nx : y\r\n\r\n",
    b"GET /\xff HTTP/1.1\r\nhost: x\r\n\r\n",
    b"CONNECT x:1 HTTP/1.1\r\n\r\n",
])  # fmt: skip
def test_what_is_no_request_ends_the_connection(running: Running, data: bytes):
    received = running.raw(data + KEYS)
    assert statuses(received) in ([400], [405])
    assert received.endswith(b"<closed>")


def test_a_head_without_end_is_cut_off(running: Running):
    with socket.create_connection(("127.0.0.1", running.port)) as connection:
        connection.settimeout(5)
        connection.sendall(b"GET / HTTP/1.1\r\nx: ")
        with pytest.raises(OSError, match=r"reset|pipe"):
            for _ in range(1000):
                connection.sendall(b"x" * 65536)


@pytest.mark.parametrize("path", [
    "/authservice/%6beys", "/authservice/keys/", "/authservice/keys/../../x", "/authservice//keys",
    "/authservice/healthz", "/authservice/nothing", "/authservice/",
])  # fmt: skip
def test_only_the_exact_own_paths_are_served(running: Running, path: str):
    """A check of such a path must never be answered with 200: the gateway may read it as another one."""
    received = running.raw(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
    assert statuses(received) == [404]


def test_own_paths_have_every_security_header(running: Running):
    with running.client() as client:
        for path in ("/keys", "/verify", "/nothing", "/oidc/callback", "/logout"):
            answer = client.get(f"/authservice{path}")
            assert answer.headers["cache-control"] == "no-store", path
            assert answer.headers["x-content-type-options"] == "nosniff", path
            assert "default-src 'none'" in answer.headers["content-security-policy"], path
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"], path


def test_allowed_checks_name_the_person_and_no_type_of_content(running: Running, provider: Provider):
    with log_in(running, provider) as client:
        answer = client.get("/x")
    assert answer.status_code == 200
    assert dict(answer.headers) == {
        "kubeflow-userid": "user@example.com", "kubeflow-groups": "a,b", "content-length": "0",
    }  # fmt: skip


def test_verify_never_redirects(running: Running, provider: Provider):
    with running.client() as client:
        assert client.get("/authservice/verify", headers={"accept": "text/html"}).status_code == 401
    with log_in(running, provider) as client:
        answer = client.get("/authservice/verify/some/path")
        assert (answer.status_code, answer.headers["kubeflow-userid"]) == (204, "user@example.com")


def test_every_refusal_has_a_line_in_the_log_and_no_line_holds_a_secret(running: Running, provider: Provider):
    name = "a-request-of-the-tests-1"
    with log_in(running, provider, "/very/private?token=hidden") as client:
        token = client.cookies["authservice_session"]
        client.get("/x", headers={"authorization": "Bearer hidden-bearer", "cookie": "authservice_session=hidden"})
    with running.client() as client:
        client.get("/x", headers={"x-request-id": name, "accept": "application/json"})
    wait(lambda: [line for line in running.log() if line.get("request_id") == name])
    (line,) = [line for line in running.log() if line.get("request_id") == name]
    assert (line["reason"], line["status"]) == ("no_session", 401)
    text = json.dumps(running.log())
    assert [line["userid"] for line in running.log() if line.get("event") == "login"]
    for secret in (token[-40:], "hidden", "private", "authservice_login_", "code-", running.options.client_secret):
        assert str(secret) not in text


def test_sigterm_ends_it_within_two_seconds(tmp_path, provider: Provider):
    made = Running(tmp_path, issuer=provider.issuer)
    with socket.create_connection(("127.0.0.1", made.port)) as idle, made.client() as client:
        client.get("/authservice/keys")
        idle.sendall(b"GET /x HTTP/1.1\r\n")
        begin = time.monotonic()
        assert made.stop() == 0
    assert time.monotonic() - begin < 2


def test_a_port_that_is_taken_is_one_sentence(tmp_path, running: Running):
    command = [sys.executable, "-m", "gatekeeper", "--config", running.file]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{running.port}" in done.stderr
    assert done.stderr.count("\n") == 1


def test_it_listens_before_the_provider_answers(tmp_path):
    made = Running(tmp_path, issuer=f"http://127.0.0.1:{free_port()}/dex")
    with made.client() as client:
        page = client.get("/x", headers={"accept": "text/html"})
        assert (page.status_code, page.headers["retry-after"]) == (503, "5")
        assert "provider_unreachable" in page.text
        assert made.options.issuer not in page.text
        assert client.get("/x", headers={"accept": "application/json"}).status_code == 401
        assert httpx.get(f"{made.management}/ready").text == "ok"
    assert made.stop() == 0


def pieces(running: Running, *parts: bytes) -> bytes:
    """Send parts with a pause between, and return what comes until it is quiet or closed."""
    received = b""
    with socket.create_connection(("127.0.0.1", running.port)) as connection:
        connection.settimeout(0.5)
        try:
            for part in parts:
                connection.sendall(part)
                time.sleep(0.05)
            while chunk := connection.recv(65536):
                received += chunk
        except TimeoutError:
            return received
        except (ConnectionResetError, BrokenPipeError):
            # What the other side did not read any more makes the kernel reset the connection.
            return received + b"<closed>"
    return received + b"<closed>"


def test_what_follows_a_head_does_not_count_as_head(running: Running):
    body = API + b"content-length: 200000\r\n\r\n" + b"x" * 200_000
    assert statuses(pieces(running, b"POST /x HTTP/1.1\r\n", body + KEYS)) == [401, 200]
    assert statuses(pieces(running, b"GET /x HTTP/1.1\r\n", API + b"\r\n" + CHECK * 1500)) == [401] * 1501


@pytest.mark.parametrize("size", [70_000, 150_000, 400_000])
def test_a_long_head_is_431_however_it_comes(running: Running, size: int):
    start, end = b"GET /x HTTP/1.1\r\n" + API + b"x: ", b"y" * size + b"\r\n\r\n"
    for parts in ((start + end,), (start, end), (start + end[:100], end[100:-4], end[-4:])):
        received = pieces(running, *parts)
        assert statuses(received) == [431] if size < 100_000 else statuses(received) in ([431], [])
        assert received.endswith(b"<closed>")
    assert statuses(running.raw(b"GET /x HTTP/1.1\r\n" + API + b"x: " + b"y" * 60_000 + b"\r\n\r\n")) == [401]


def test_nothing_after_the_last_answer_is_read(running: Running):
    before = len(running.log())
    expects = post(b"expect: 100-continue\r\ncontent-length: 5\r\n", b"hello")
    received = running.raw(expects + post(b"content-length: 5\r\n", b"hello") + KEYS)
    assert statuses(received) == [401]
    assert received.endswith(b"<closed>")
    received = running.raw(post(b"connection: close\r\n", b"") + CHECK + b"\x00")
    assert statuses(received) == [401]
    assert [line for line in running.log()[before:] if line["level"] != "info"] == []


@pytest.mark.parametrize("path", ["/peers", "/keys", "/verify", "/verify/x", "/logout"])
def test_no_own_path_lets_a_check_through(running: Running, provider: Provider, path: str):
    """With a session and without: a gateway must never take 200 from a page of this service for a yes."""
    mark = {"x-authorization-check": "1", "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    provider.claims = {"email": "user@example.com"}
    with running.client() as client:
        assert client.get(f"/authservice{path}", headers=mark).status_code >= 400
    with log_in(running, provider) as client:
        assert client.get(f"/authservice{path}", headers=mark).status_code >= 400
        assert client.get("/x").status_code == 200


def test_the_query_of_an_absolute_target_is_no_own_path(running: Running):
    received = running.raw(b"GET http://h?/authservice/healthz HTTP/1.1\r\n" + API + b"\r\n")
    assert statuses(received) == [401]


def test_a_head_that_does_not_come_is_given_up(running: Running):
    with socket.create_connection(("127.0.0.1", running.port)) as slow:
        slow.settimeout(15)
        slow.sendall(b"GET /x HTTP/1.1\r\nx: y")
        begin = time.monotonic()
        received = b""
        while chunk := slow.recv(1000):
            received += chunk
        assert statuses(received) == [408]
        assert 8 < time.monotonic() - begin < 14


def test_a_head_that_comes_in_time_is_not_given_up(running: Running):
    with socket.create_connection(("127.0.0.1", running.port)) as slow:
        slow.settimeout(2)
        slow.sendall(b"GET /x HTTP/1.1\r\n")
        time.sleep(0.1)
        slow.sendall(API + b"\r\n")
        assert statuses(slow.recv(4000)) == [401]
        time.sleep(10.5)
        slow.sendall(CHECK)
        assert statuses(slow.recv(4000)) == [401]


@pytest.mark.parametrize("path", [b"/x", b"/authservice/keys"])
def test_http_1_0_is_answered_and_closed(running: Running, path: bytes):
    received = running.raw(b"GET " + path + b" HTTP/1.0\r\nconnection: keep-alive\r\n" + API + b"\r\n")
    assert statuses(received) in ([401], [200])
    assert b"connection: close" in received
    assert received.endswith(b"<closed>")


def test_the_management_port_answers_health_and_metrics_and_lets_nobody_in(running: Running, provider: Provider):
    with log_in(running, provider) as client:
        assert client.get("/x").status_code == 200
        token = client.cookies["authservice_session"]
    with running.client() as client:
        assert client.get("/x").status_code == 302
    for path in ("/live", "/ready", "/redis"):
        assert httpx.get(running.management + path).text == "ok"
    for path in ("/x", "/authservice/keys", "/authservice/oidc/callback", "/"):
        answer = httpx.get(running.management + path, headers={"cookie": f"authservice_session={token}"})
        assert answer.status_code == 404
    lines = httpx.get(running.management + "/metrics").text.splitlines()
    found = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    checks = 'gatekeeper_checks_total{result="%s",authenticator="%s",reason="%s"}'
    assert float(found[checks % ("allowed", "session", "")]) >= 1
    assert float(found[checks % ("denied", "none", "no_session")]) >= 1
    assert float(found['gatekeeper_logins_total{outcome="success",connector=""}']) >= 1
    assert float(found['gatekeeper_provider_seconds_bucket{endpoint="token",le="+Inf"}']) >= 1
    assert float(found['gatekeeper_provider_seconds_sum{endpoint="token"}']) > 0
    assert float(found['gatekeeper_tokens_remembered{authenticator="session",outcome="proven"}']) >= 1
    assert float(found['gatekeeper_provider_requests_total{endpoint="token",outcome="answered"}']) >= 1
    assert found["gatekeeper_provider_up"] == "1"
    assert "user@example.com" not in "".join(lines)


@pytest.mark.parametrize("arguments", [(), ("--workers", "2")], ids=["alone", "workers"])
def test_one_that_ends_is_not_ready_and_alive_and_still_answers(
    tmp_path: pathlib.Path, provider: Provider, arguments: tuple[str, ...]
):
    journal = str(tmp_path / "journal")
    made = Running(tmp_path, issuer=provider.issuer, drain_seconds=2, journal=journal, arguments=arguments)
    wait(lambda: httpx.get(f"{made.url}/x").status_code == 302)
    begin = time.monotonic()
    made.process.terminate()
    wait(lambda: httpx.get(f"{made.management}/ready").status_code == 503, seconds=1)
    assert "draining" in httpx.get(f"{made.management}/ready").text
    assert httpx.get(f"{made.management}/live").status_code == 200
    assert httpx.get(f"{made.url}/x").status_code == 302
    assert made.process.wait(timeout=10) == 0
    assert 1.9 < time.monotonic() - begin < 5


def test_who_is_told_twice_to_end_does_so_at_once(tmp_path: pathlib.Path, provider: Provider):
    made = Running(tmp_path, issuer=provider.issuer, drain_seconds=30)
    made.process.terminate()
    wait(lambda: httpx.get(f"{made.management}/ready").status_code == 503, seconds=5)
    made.process.terminate()
    assert made.process.wait(timeout=5) == 0


def test_the_check_port_has_no_health(running: Running):
    for path in ("/live", "/ready", "/metrics"):
        assert httpx.get(running.url + path, headers={"accept": "application/json"}).status_code == 401
