# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The rendered configuration in a real Envoy, with a stub authorizer and stub applications around it."""

import base64
import collections.abc
import contextlib
import dataclasses
import itertools
import json
import socket
import threading
import time

import envoy
import pytest
import routes
import servers
from servers import Reply
from signer import Signer
from worlds import HTML, MALLORY, SESSION, USER, World, decide


@pytest.fixture
def world(running: World) -> World:
    running.forget()
    return running


@pytest.fixture
def changing(world: World) -> collections.abc.Iterator[World]:
    """A world whose configuration a test changes; it is put right afterwards."""
    yield world
    world.write()
    servers.until(lambda: world.get("/protected", SESSION).status == 200, "the gateway did not come back")


def test_start_has_no_warnings(world: World) -> None:
    assert "[warning]" not in world.envoy.log.read_text()


def test_failures_are_logged_with_their_request_id_and_without_the_query(world: World) -> None:
    world.app.answer = lambda _: Reply(status=500)
    try:
        answer = world.get("/protected/page?code=sensitive", SESSION)
    finally:
        world.app.answer = servers.echo
    request_id = answer.one("x-request-id")
    assert request_id
    servers.until(lambda: request_id in world.envoy.log.read_text(), "nothing was logged")
    assert "/protected/page" in world.envoy.log.read_text()
    assert "sensitive" not in world.envoy.log.read_text()


def test_request_without_session_never_reaches_the_application(world: World) -> None:
    answer = world.get("/protected/page?x=1&y=a%20b", HTML, ("X-Secret", "s"))
    assert answer.status == 302
    assert answer.one("location") == "http://gateway.test/dex/auth?state=1"
    assert world.app.seen == []
    (check,) = world.authorizer.seen
    assert (check.method, check.path, check.one("host")) == ("GET", "/protected/page?x=1&y=a%20b", "gateway.test")
    assert check.one("accept") == HTML[1]
    assert check.one("x-forwarded-proto") == "http"
    assert check.one("x-secret") is None


def test_refusal_reaches_the_client_as_the_authorizer_wrote_it(world: World) -> None:
    for headers in ((), (HTML,)):
        answer = world.get("/protected", *headers)
        assert answer.all("set-cookie") == ["attempt=1; HttpOnly", "old=; Max-Age=0"]
        assert answer.one("cache-control") == "no-store"
        assert answer.one("content-type") == "text/html; charset=utf-8"
        assert answer.one("x-reason") == "no session"
        assert answer.body == "<p>Log in</p>"


@pytest.mark.parametrize("status", [401, 403, 404, 429])
def test_refusal_keeps_its_status_and_body(world: World, status: int) -> None:
    body = '{"error": "no"}'
    world.authorizer.answer = lambda _: Reply(
        status=status, headers=[("Content-Type", "application/json"), ("WWW-Authenticate", "Bearer")], body=body
    )
    try:
        for headers in ((), (HTML,)):
            answer = world.get("/protected", *headers)
            assert (answer.status, answer.body) == (status, body)
            assert answer.one("content-type") == "application/json"
            assert answer.one("www-authenticate") == "Bearer"
    finally:
        world.authorizer.answer = decide


def test_session_gives_the_application_its_user(world: World) -> None:
    answer = world.get("/protected/page?x=1", SESSION)
    assert answer.status == 200
    assert answer.seen.path == "/protected/page?x=1"
    assert answer.seen.one("kubeflow-userid") == USER[1]
    assert answer.seen.one("cookie") is None
    assert answer.seen.one("set-cookie") is None


def test_cookies_of_a_granted_check_reach_the_client(world: World) -> None:
    assert world.get("/protected", SESSION).all("set-cookie") == ["fresh=1; Path=/", "fresher=2; Path=/"]


SPELLINGS = (
    "kubeflow-userid",
    "Kubeflow-Userid",
    "KUBEFLOW-USERID",
    "kubeflow_userid",
    "KUBEFLOW_USERID",
    "kubeflow-groups",
    "Kubeflow_Groups",
    "kubeflow-identity",
    "X-Extra-Identity",
    "x_extra_identity",
)


@pytest.mark.parametrize("path", ["/protected", "/dex", "/dex/keys", "/tool/x", "/authservice", "/", "/any", "/bare"])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_identity_of_a_client_reaches_nobody(world: World, path: str, spelling: str) -> None:
    headers = [] if path == "/bare" else [SESSION]
    answer = world.get(path, *headers, (spelling, "mallory"), (spelling, "admins"), (spelling.lower(), "mallory"))
    assert answer.status == 200
    received = [*answer.seen.headers, *(pair for check in world.authorizer.seen for pair in check.headers)]
    assert not [pair for pair in received if pair[1] in ("mallory", "admins")]


def test_identity_in_an_upgrade_reaches_nobody(world: World) -> None:
    headers = (("Connection", "Upgrade, kubeflow-userid"), ("Upgrade", "websocket"), MALLORY)
    assert world.get("/dex/socket", *headers).status == 101
    assert world.app.seen[0].one("kubeflow-userid") is None


@pytest.mark.parametrize(
    "path", ["/dex", "/dex/", "/dex/auth?x=1", "/dex/.well-known/openid-configuration", "/dex?a=/"]
)
def test_open_route_asks_nobody(world: World, path: str) -> None:
    answer = world.get(path)
    assert (answer.status, answer.seen.path) == (200, path)
    assert world.authorizer.seen == []


@pytest.mark.parametrize(
    "path",
    [
        "/dexter",
        "/dex-x",
        "/dex.html",
        "/dex;x=1",
        "/DEX",
        "/Dex/keys",
        "//protected",
        "//protected//page",
        "/./protected",
        "/dex/../protected",
        "/dex/%2e%2e/protected",
        "/dex/%2E%2e/protected",
        "/dex/.%2e/protected",
        "/dex/./../protected",
        "/dex/\\..\\..\\protected",
        "/%2e/protected",
        "/dex/../../protected",
        "/authservice/../protected",
        "/%70rotected",
    ],
)
def test_no_spelling_of_a_path_goes_around_the_authorizer(world: World, path: str) -> None:
    assert world.get(path).status == 302
    assert world.app.seen == []
    assert len(world.authorizer.seen) == 1


@pytest.mark.parametrize("path", ["/dex/..%2fprotected", "/dex%2f..%2fprotected", "/dex/..%5cprotected", "/a%2Fb"])
def test_escaped_slashes_are_refused(world: World, path: str) -> None:
    answer = world.get(path, HTML)
    assert answer.status == 400
    assert "cannot pass this request on" in answer.body
    assert world.app.seen == world.authorizer.seen == []


def test_application_of_an_open_route_sees_only_paths_below_it(world: World) -> None:
    assert world.get("/dex//../protected").seen.path == "/dex/protected"


def test_check_and_application_see_the_same_normal_path(world: World) -> None:
    answer = world.get("/dex/%2e%2e//protected/./page?q=/../%2f", SESSION)
    assert answer.seen.path == world.authorizer.seen[0].path == "/protected/page?q=/../%2f"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/tool", "/"),
        ("/tool/", "/"),
        ("/tool?x=1", "/?x=1"),
        ("/tool/a/b?x=1", "/a/b?x=1"),
        ("/tool//a", "/a"),
        ("/authservice/oidc/callback?code=1", "/oidc/callback?code=1"),
        ("/moved", "/new/home"),
        ("/moved/a", "/new/home/a"),
        ("/moved/?x", "/new/home/?x"),
        ("/tools", "/tools"),
        ("/protected/a", "/protected/a"),
        ("/protected//a///b", "/protected/a/b"),
        ("//protected", "/protected"),
        ("/protected/", "/protected/"),
    ],
)
def test_rewriting_gives_exactly_one_slash(world: World, path: str, expected: str) -> None:
    assert world.get(path, SESSION).seen.path == expected


def test_longest_prefix_has_the_path(world: World) -> None:
    assert world.get("/tool/other/x", SESSION).seen.path == "/x"
    assert [seen.path for seen in world.other.seen] == ["/x"]


def test_body_arrives_intact(world: World) -> None:
    body = "".join(chr(33 + n % 90) for n in range(300_000))
    answer = world.get("/protected/upload", SESSION, method="POST", body=body)
    assert answer.seen.body == body
    assert [check.body for check in world.authorizer.seen] == [""]


def test_refused_body_goes_nowhere(world: World) -> None:
    assert world.get("/protected/upload", method="POST", body="x" * 1000).status == 302
    assert world.app.seen == []


@contextlib.contextmanager
def _websocket(
    world: World, *headers: tuple[str, str]
) -> collections.abc.Generator[tuple[servers.Answer, socket.socket]]:
    key = base64.b64encode(b"0123456789abcdef").decode()
    lines = [("Connection", "Upgrade"), ("Upgrade", "WebSocket"), ("Sec-WebSocket-Key", key), *headers]
    with socket.create_connection(("127.0.0.1", world.port), timeout=10) as sock:
        text = "".join(f"{name}: {value}\r\n" for name, value in lines)
        sock.sendall(f"GET /protected/socket HTTP/1.1\r\nHost: gateway.test\r\n{text}\r\n".encode())
        yield servers.receive(sock), sock


def _echoed(sock: socket.socket) -> bytes:
    sock.sendall(b"hello")
    return sock.recv(100)


def test_websocket_needs_a_session_and_then_works(world: World) -> None:
    with _websocket(world) as (answer, _):
        assert answer.status == 302
    assert world.app.seen == []
    with _websocket(world, SESSION) as (answer, sock):
        assert (answer.status, _echoed(sock)) == (101, b"HELLO")
    assert world.app.seen[0].one("kubeflow-userid") == USER[1]


def test_head_and_options_are_protected_too(world: World) -> None:
    for method in ("HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"):
        assert world.get("/protected", method=method).status == 302
    assert world.app.seen == []


def test_application_that_does_not_answer(changing: World) -> None:
    changing.write(table=(changing.route("/gone", port=servers.free_port()), *changing.table))
    servers.until(lambda: changing.get("/gone", SESSION).status != 200, "the route did not come")
    page = changing.get("/gone", SESSION, HTML)
    assert page.status == 503
    assert "The application did not answer." in page.body
    assert page.one("content-type") == "text/html; charset=utf-8"
    assert page.one("cache-control") == "no-store"
    for leak in ("127.0.0.1", "envoy", "upstream", "connect"):
        assert leak not in page.body.lower()
        assert leak not in str([header for header in page.headers if header[0] != "location"]).lower()
    data = json.loads(changing.get("/gone", SESSION).body)
    assert data["message"] == "The application did not answer."
    assert data["status"] == 503


def test_gatekeeper_that_does_not_answer_lets_nobody_in(changing: World) -> None:
    auth = dataclasses.replace(changing.auth, port=servers.free_port())
    changing.write(auth=auth)
    servers.until(lambda: changing.get("/protected", SESSION).status != 200, "the authorizer did not go")
    for headers in ((), (SESSION,), (SESSION, MALLORY)):
        page = changing.get("/protected", HTML, *headers)
        assert page.status == 503
        assert "The gatekeeper did not answer" in page.body
        assert page.one("cache-control") == "no-store"
    changing.forget()
    assert json.loads(changing.get("/protected", SESSION).body)["message"].startswith("The gatekeeper did not answer")
    assert changing.app.seen == []
    assert changing.get("/dex/keys").status == 200


@pytest.mark.parametrize("status", [500, 502, 503])
def test_gatekeeper_that_fails_lets_nobody_in(world: World, status: int) -> None:
    world.authorizer.answer = lambda _: Reply(status=status, body="Traceback: secret")
    try:
        answer = world.get("/protected", SESSION, HTML)
    finally:
        world.authorizer.answer = decide
    assert answer.status == 503
    assert "The gatekeeper did not answer" in answer.body
    assert "secret" not in answer.body
    assert world.app.seen == []


def test_without_authorizer_protected_routes_refuse_and_name_the_command(changing: World) -> None:
    command = "juju integrate ambassador-route:ingress-auth gatekeeper:ingress-auth"
    changing.write(auth=None, refusal=f"Nobody answers for logins: {command}")
    servers.until(lambda: command in changing.get("/protected", SESSION).body, "the authorizer did not go")
    changing.forget()
    for path in ("/protected", "/protected/x", "/", "/any", "/tool/other/x"):
        page = changing.get(path, SESSION, HTML)
        assert page.status == 503
        assert command in page.body
        assert page.one("cache-control") == "no-store"
    assert command in json.loads(changing.get("/protected").body)["message"]
    with _websocket(changing, SESSION) as (answer, _):
        assert answer.status == 503
    assert changing.app.seen == changing.other.seen == changing.authorizer.seen == []
    assert changing.get("/dex/keys", MALLORY).seen.one("kubeflow-userid") is None


def test_unknown_path_has_a_page(changing: World) -> None:
    changing.write(table=changing.table[:2])
    servers.until(lambda: changing.get("/nothing").status == 404, "the routes did not go")
    page = changing.get("/nothing", HTML)
    assert "No application is reached at this address." in page.body
    assert page.one("x-request-id") in page.body
    assert page.one("cache-control") == "no-store"
    answer = changing.get("/nothing", ("Accept", "*/*"))
    assert answer.one("content-type") == "application/json"
    assert json.loads(answer.body) == {
        "status": 404,
        "error": "Not found",
        "message": "No application is reached at this address.",
        "request_id": answer.one("x-request-id"),
    }


EVIL = '"><script>alert(1)</script>'


@pytest.mark.parametrize("path", ["/protected", "/a%2fb", "/nothing"])
@pytest.mark.parametrize("accept", ["text/html", "*/*"])
def test_nothing_of_a_client_stands_in_a_page(changing: World, path: str, accept: str) -> None:
    changing.write(table=changing.table[:2], auth=None, refusal="closed")
    servers.until(lambda: "closed" in changing.get("/protected", SESSION).body, "the authorizer did not go")
    answer = changing.get(path, ("Accept", accept), ("X-Request-Id", EVIL), ("User-Agent", EVIL))
    assert answer.status in (400, 404, 503)
    assert "script" not in answer.body


def test_request_id_is_the_gateways_own(world: World) -> None:
    answer = world.get("/protected", SESSION, ("X-Request-Id", "mine"))
    assert answer.seen.one("x-request-id") not in (None, "mine")
    assert answer.one("x-request-id") == answer.seen.one("x-request-id") == world.authorizer.seen[0].one("x-request-id")


def test_client_cannot_tell_where_it_comes_from(world: World) -> None:
    seen = world.get("/dex/x", ("X-Forwarded-Proto", "https"), ("X-Envoy-Internal", "true")).seen
    assert seen.one("x-forwarded-proto") == "http"
    assert seen.one("x-envoy-internal") is None


def test_client_cannot_steer_the_gateway(world: World) -> None:
    names = ("X-Envoy-Original-Path", "X-Envoy-Upstream-Rq-Timeout-Ms", "X-Envoy-Retry-On", "X-Envoy-Force-Trace")
    seen = world.get("/dex/x", *((name, "1") for name in names)).seen
    found = {pair for pair in seen.headers if pair[0].lower().startswith("x-envoy-")}
    assert found <= {("x-envoy-external-address", "127.0.0.1")}


def test_answers_do_not_tell_about_the_gateway(world: World) -> None:
    answer = world.get("/protected", SESSION)
    assert "envoy" not in str(answer.headers).lower()


def test_ready_path_asks_nobody(world: World) -> None:
    assert world.get(envoy.HEALTH_PATH).status == 200
    assert world.app.seen == world.authorizer.seen == []


def test_route_changes_lose_no_request_and_no_connection(changing: World) -> None:
    pid = changing.envoy.pid
    moves = {changing.app.port: 0, changing.other.port: 0}
    with servers.crowd(changing.port, "/tool/x", SESSION) as counts:
        for number in range(20):
            server = (changing.app, changing.other)[number % 2]
            moved = tuple(
                dataclasses.replace(route, port=server.port) if route.prefix == "/tool" else route
                for route in changing.table
            )
            changing.forget()
            changing.write(table=(*moved, changing.route(f"/new{number}")))
            servers.until(lambda server=server: bool(server.seen), "the route did not move")
            moves[server.port] += 1
    assert list(counts) == [200]
    assert moves == {changing.app.port: 10, changing.other.port: 10}
    assert changing.envoy.pid == pid


def test_another_authorizer_loses_no_request(changing: World) -> None:
    """What the old one is asked just then, it still answers."""

    def slowly(seen: servers.Seen) -> Reply:
        time.sleep(0.05)
        return decide(seen)

    two = [servers.Server(slowly) for _ in range(2)]
    try:
        with servers.crowd(changing.port, "/protected", SESSION) as counts:
            for number in range(10):
                server = two[number % 2]
                server.seen.clear()
                changing.write(auth=dataclasses.replace(changing.auth, port=server.port))
                servers.until(lambda server=server: bool(server.seen), "the authorizer did not change")
        assert list(counts) == [200]
    finally:
        for server in two:
            server.close()


def test_other_options_lose_no_request_and_no_websocket(changing: World) -> None:
    changes: list[dict[str, object]] = [
        {"login_rate": 5}, {"fast": Signer().fast}, {"cors_origins": ("https://x.example",), "fast": Signer().fast},
        {"access_log": "all"}, {"trusted_proxies": 1}, {"hsts": 300},
    ]  # fmt: skip
    with (
        servers.crowd(changing.port, "/protected", SESSION) as counts,
        _websocket(changing, SESSION) as (_, sock),
    ):
        for change in [*changes, *changes]:
            changing.serve(**change)
            assert _echoed(sock) == b"HELLO"
    # An old connection trusts yesterday's keys: it ends, with an answer.
    assert set(counts) == {200, "closes"}


def test_broken_file_leaves_the_old_routes_serving(changing: World) -> None:
    changing.envoy.write([("/tmp/envoy/routes.json", "{")])
    time.sleep(0.2)
    assert changing.get("/protected", SESSION).status == 200


def test_rehearsal_accepts_what_is_rendered(world: World) -> None:
    for gateway in (world.gateway(), world.gateway(auth=None, refusal="closed"), world.gateway(table=())):
        rehearsal = envoy.rehearsal(envoy.configure(gateway))
        world.envoy.write([(file.path, file.text) for file in rehearsal.files])
        result = world.envoy.run(rehearsal.command)
        assert result.returncode == 0, result.stderr


def test_rehearsal_refuses_what_envoy_cannot_take(world: World) -> None:
    bad = dataclasses.replace(world.auth, request_headers=("x" * 20000 + "\n",))
    table = (world.route("/x", rewrite="/a\rb"),)
    rehearsal = envoy.rehearsal(envoy.configure(world.gateway(auth=bad, table=table)))
    world.envoy.write([(file.path, file.text) for file in rehearsal.files])
    result = world.envoy.run(rehearsal.command)
    assert result.returncode != 0
    assert "prefix_rewrite" in (result.stderr + result.stdout).lower().replace("prefixrewrite", "prefix_rewrite")


def hosts(world: World) -> tuple[routes.Route, ...]:
    """Return the world's routes and those of an application with a host of its own."""
    own = (world.route("/", application="own", domain="own.example"), world.route("/deep", domain="own.example"))
    return tuple(sorted((*own, *world.table), key=lambda route: (-len(route.prefix), not route.domain)))


def at(world: World, host: str, path: str, *headers: tuple[str, str]) -> servers.Answer:
    """Ask for a path at a host."""
    return servers.request(world.port, path, *headers, host=host)


def test_a_host_of_its_own_leads_to_its_application_only(changing: World) -> None:
    world = changing
    other = servers.Server(servers.echo)
    table = tuple(
        dataclasses.replace(route, port=other.port, protected=False) if route.domain else route
        for route in hosts(world)
    )
    try:
        world.write(table=table)
        servers.until(lambda: at(world, "own.example", "/x").status == 200, "the host is not served")
        for host in ("own.example", "OWN.example", "own.example:8080"):
            other.seen.clear()
            assert at(world, host, "/x").seen.one("host") == host
            assert at(world, host, "/deep/x").status == 200
            assert len(other.seen) == 2
        # What everybody has, the host has too; what it has nobody else has.
        assert at(world, "own.example", "/protected").status == 302
        other.seen.clear()
        for host in ("gateway.test", "own.example.evil", "x.own.example", "own.exampl", ""):
            assert at(world, host, "/deep/x").status in (302, 400)
        assert other.seen == []
    finally:
        other.close()


def test_a_host_of_its_own_asks_for_a_login_like_any(changing: World) -> None:
    world = changing
    world.write(table=hosts(world))
    servers.until(lambda: at(world, "own.example", "/deep", SESSION).status == 200, "the host is not served")
    world.forget()
    assert at(world, "own.example", "/deep").status == 302
    assert world.app.seen == []
    (check,) = world.authorizer.seen
    assert check.one("host") == "own.example"
    assert at(world, "own.example", "/deep", SESSION, MALLORY).seen.all("kubeflow-userid") == [USER[1]]


def test_plain_http_is_sent_to_https_of_the_host_that_was_asked(changing: World) -> None:
    world = changing
    world.write(table=hosts(world), trusted_proxies=1, redirect=("gateway.test", 8443))
    servers.until(lambda: at(world, "own.example", "/x").status == 308, "it is not sent to https")
    assert at(world, "own.example", "/x?y=1").one("location") == "https://own.example:8443/x?y=1"
    assert at(world, "elsewhere.example", "/x").one("location") == "https://gateway.test:8443/x"
    # Whom to believe is the listener's, which Envoy takes in after the routes.
    secure = ("X-Forwarded-Proto", "https")
    servers.until(lambda: at(world, "own.example", "/deep", secure, SESSION).status == 200, "https is sent away")


def test_no_client_is_told_an_identity(changing: World) -> None:
    """Not by an authorizer that says no or yes, and not by an application."""
    world = changing
    named = [USER, ("kubeflow-groups", "admins"), ("X-Extra-Identity", "x"), ("X-Reason", "no")]
    for status in (401, 403, 200):
        world.authorizer.answer = lambda _, status=status: Reply(status=status, headers=named)
        answer = world.get("/protected")
        assert answer.status == status
        for name in ("kubeflow-userid", "kubeflow-groups", "x-extra-identity"):
            assert answer.all(name) == []
        assert answer.one("x-reason") == (None if status == 200 else "no")
    world.authorizer.answer = decide
    world.app.answer = lambda _: Reply(headers=named)
    try:
        answer = world.get("/protected", SESSION)
        assert (answer.one("kubeflow-userid"), answer.one("x-reason")) == (None, "no")
    finally:
        world.app.answer = servers.echo


def test_after_a_change_of_the_listener_an_old_connection_has_one_more_answer(changing: World) -> None:
    """Or whoever keeps one open would go on with the headers and keys of yesterday."""
    world = changing
    with socket.create_connection(("127.0.0.1", world.port), timeout=10) as old:
        old.sendall(b"GET /protected HTTP/1.1\r\nHost: gateway.test\r\n\r\n")
        assert servers.receive(old).one("connection") is None
        world.write(auth=dataclasses.replace(world.auth, request_headers=("cookie",)))

        def taken() -> bool:
            world.forget()
            world.get("/protected", HTML)
            return world.authorizer.seen[0].one("accept") is None

        servers.until(taken, "the change is not taken")
        old.sendall(b"GET /protected HTTP/1.1\r\nHost: gateway.test\r\n\r\n")
        assert servers.receive(old).one("connection") == "close"
        assert old.recv(1) == b""


@pytest.mark.parametrize("everybody", [False, True])
def test_nobody_slips_through_while_an_authorizer_comes_and_goes(changing: World, everybody: bool) -> None:
    """Not by a new connection at the right moment, and not by one that was open before."""
    world = changing
    before = 200 if everybody else 503
    world.write(auth=None, refusal="closed", everybody=everybody)
    servers.until(lambda: world.get("/protected").status == before, "it has an authorizer")
    stop, statuses = threading.Event(), [before]

    def ask_on() -> None:
        while not stop.is_set():
            statuses.append(world.get("/protected").status)

    asking = threading.Thread(target=ask_on)
    with socket.create_connection(("127.0.0.1", world.port), timeout=10) as kept:
        kept.sendall(b"GET /dex/x HTTP/1.1\r\nHost: gateway.test\r\n\r\n")
        assert servers.receive(kept).status == 200
        asking.start()
        try:
            world.write()
            servers.until(lambda: statuses[-1] == 302, "the authorizer is not asked")
            time.sleep(0.3)
        finally:
            stop.set()
            asking.join()
        kept.sendall(b"GET /protected HTTP/1.1\r\nHost: gateway.test\r\n\r\n")
        assert servers.receive(kept).status in (302, 503)
    order = [status for status, _ in itertools.groupby(statuses)]
    assert set(order) <= {before, 503, 302}
    assert order.count(200) == (1 if everybody else 0), order
