# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What options and certificates change, in a real Envoy."""

import collections.abc
import dataclasses
import http.client
import json
import pathlib
import re
import socket
import ssl
import threading
import time

import alerts
import envoy
import model
import pytest
import selftest
import servers
import tls
from authority import Authority
from cryptography import x509
from servers import Reply
from signer import Signer, cookie
from worlds import HTML, SESSION, World, decide

ORIGIN = "https://tools.example.com"


def pair(name: str) -> tuple[str, str]:
    return Authority().pair(name)


@pytest.fixture
def world(running: World) -> collections.abc.Iterator[World]:
    """A world whose configuration and authorizer a test changes; both are put right afterwards."""
    running.forget()
    yield running
    running.authorizer.answer = decide
    running.serve()


def secure(world: World, port: int, path: str, *headers: tuple[str, str]) -> tuple[int, dict[str, str], str]:
    """Ask over TLS, and return status, headers and the common name of the certificate."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=10)
    connection.request("GET", path, headers=dict(headers))
    der = connection.sock.getpeercert(binary_form=True)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    (name,) = x509.load_der_x509_certificate(der).subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return answer.status, {key.lower(): value for key, value in answer.getheaders()}, str(name.value)


def test_tls_is_ended_and_http_is_sent_there(world: World) -> None:
    port = servers.free_port()
    changes = {"tls": tls.checked(*pair("one"), port), "redirect": ("gateway.test", port), "hsts": 300}
    world.serve(**changes)
    status, headers, name = secure(world, port, "/protected", SESSION)
    assert (status, name) == (200, "one")
    assert headers["strict-transport-security"] == "max-age=300"
    assert world.app.seen[-1].one("x-forwarded-proto") == "https"
    assert secure(world, port, "/protected")[0] == 302
    assert secure(world, port, "/protected")[1]["strict-transport-security"] == "max-age=300"
    for path in ("/protected/x?y=1", "/dex/auth", "/"):
        world.forget()
        answer = world.get(path, SESSION, method="POST")
        assert (answer.status, answer.one("location")) == (308, f"https://gateway.test:{port}{path}")
        assert world.app.seen == world.authorizer.seen == []
    assert world.get(envoy.HEALTH_PATH).status == 200


def test_tls_speaks_http_2_and_nothing_before_1_2(world: World) -> None:
    port = servers.free_port()
    world.serve(tls=tls.checked(*pair("one"), port))
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    with socket.create_connection(("127.0.0.1", port)) as plain, context.wrap_socket(plain) as sock:
        assert sock.selected_alpn_protocol() == "h2"
    context.minimum_version, context.maximum_version = (
        ssl.TLSVersion.MINIMUM_SUPPORTED,
        ssl.TLSVersion.MINIMUM_SUPPORTED,
    )
    with socket.create_connection(("127.0.0.1", port)) as plain, pytest.raises(ssl.SSLError):
        context.wrap_socket(plain)


def test_certificate_is_renewed_without_a_dropped_connection(world: World) -> None:
    port = servers.free_port()
    world.serve(tls=tls.checked(*pair("old"), port))
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=10)
    failures, stop = [], threading.Event()

    def load() -> None:
        while not stop.is_set():
            try:
                connection.request("GET", "/protected", headers=dict([SESSION]))
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200 or answer.will_close:
                    failures.append(answer.status)
            except (OSError, http.client.HTTPException) as error:
                failures.append(error)
                return

    connection.connect()
    local = connection.sock.getsockname()
    thread = threading.Thread(target=load)
    thread.start()
    try:
        for number in range(3):
            renewed = {"tls": tls.checked(*pair(f"new {number}"), port)}
            before = {file.path: file.text for file in envoy.configure(world.gateway(**renewed)).files}
            assert set(before) and "new" not in before["/tmp/envoy/listeners.json"]
            world.write(**renewed)
            servers.until(lambda n=number: secure(world, port, "/dex")[2] == f"new {n}", "the old certificate stayed")
        time.sleep(0.2)
        # The same connection all the time.
        assert connection.sock.getsockname() == local
    finally:
        stop.set()
        thread.join()
    connection.close()
    assert failures == []


def test_rehearsal_takes_a_certificate_and_refuses_one_with_another_key(world: World) -> None:
    one, other = pair("one"), pair("other")
    good = tls.checked(*one, 9999)
    for changes, code in (({"tls": good}, 0), ({"tls": model.Tls(port=9999, certificate=one[0], key=other[1])}, 1)):
        rehearsal = envoy.rehearsal(envoy.configure(world.gateway(**changes)))
        world.envoy.write([(file.path, file.text) for file in rehearsal.files])
        result = world.envoy.run(rehearsal.command)
        assert result.returncode == code, result.stderr
        said = envoy.words(result.stderr)
        assert "PRIVATE" not in said
        assert all(line not in said for line in other[1].splitlines()[1:-1])


def test_load_balancer_that_ends_tls_is_believed_only_when_trusted(world: World) -> None:
    https, client = ("X-Forwarded-Proto", "https"), ("X-Forwarded-For", "192.0.2.9")
    redirect = ("gateway.test", 0)
    world.serve(trusted_proxies=1, redirect=redirect)
    seen = world.get("/dex/x", https, client).seen
    assert seen.one("x-forwarded-proto") == "https"
    answer = world.get("/dex/x", ("X-Forwarded-Proto", "http"), client)
    assert (answer.status, answer.one("location")) == (308, "https://gateway.test/dex/x")
    assert world.get("/dex/x").status == 308
    world.serve()
    assert world.get("/dex/x", https, client).seen.one("x-forwarded-proto") == "http"


def test_logins_of_one_address_are_limited_and_nothing_else_is(world: World) -> None:
    world.serve(login_rate=3, trusted_proxies=1)
    one, other = ("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-For", "192.0.2.2")
    assert [world.get("/dex/auth?x=1", one).status for _ in range(5)] == [200, 200, 200, 429, 429]
    page = world.get("/dex/auth/local/login", one, HTML, method="POST")
    assert page.status == 429
    assert "Wait a minute" in page.body
    assert world.get("/dex//./auth", one).status == 429
    assert world.get("/dex/auth", other).status == 200
    assert world.get("/dex/keys", one).status == 200
    assert [world.get("/protected", SESSION, one).status for _ in range(5)] == [200] * 5


PREFLIGHT = (("Access-Control-Request-Method", "PUT"), ("Access-Control-Request-Headers", "content-type"))


def test_pages_of_named_origins_may_call_and_no_others(world: World) -> None:
    world.serve(cors_origins=(ORIGIN,))
    answer = world.get("/protected", ("Origin", ORIGIN), *PREFLIGHT, method="OPTIONS")
    assert (answer.status, answer.one("access-control-allow-origin")) == (200, ORIGIN)
    assert answer.one("access-control-allow-credentials") == "true"
    assert world.app.seen == world.authorizer.seen == []
    for origin in ("https://evil.example", "null", f"{ORIGIN}.evil.example", ORIGIN.replace("https", "http")):
        answer = world.get("/protected", ("Origin", origin), *PREFLIGHT, method="OPTIONS")
        assert (answer.status, answer.one("access-control-allow-origin")) == (302, None), origin
    assert world.app.seen == []
    answer = world.get("/protected", ("Origin", ORIGIN), SESSION)
    assert (answer.status, answer.one("access-control-allow-origin")) == (200, ORIGIN)
    # A page must be able to read that it has no session.
    assert world.get("/protected", ("Origin", ORIGIN)).one("access-control-allow-origin") == ORIGIN


def test_open_to_everybody_is_open_and_still_believes_no_identity(world: World) -> None:
    world.serve(auth=None, everybody=True)
    seen = world.get("/protected/x", ("kubeflow-userid", "mallory")).seen
    assert seen.one("kubeflow-userid") is None
    assert world.authorizer.seen == []


def test_an_authorizer_that_does_not_understand_http_2_lets_nobody_in(world: World) -> None:
    """It says that it does, and answers in HTTP/1.1."""
    world.serve(auth=dataclasses.replace(world.auth, http2=True))
    world.forget()
    for headers in ((), (SESSION,)):
        assert world.get("/protected", *headers).status == 503
    assert world.app.seen == []
    assert world.get("/dex").status == 200


def test_an_authorizer_that_is_gone_is_noticed_and_asked_again(world: World) -> None:
    """All requests go over one connection: one whose other side gives no sign of life must end."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        world.serve(auth=dataclasses.replace(world.auth, port=silent.getsockname()[1], http2=True))
        begin = time.monotonic()
        assert world.get("/protected", SESSION).status == 503
        first, _ = silent.accept()
        with first:
            first.settimeout(8)
            while first.recv(65536):
                pass
        assert time.monotonic() - begin < 8


def test_session_cookies_may_be_kept(world: World) -> None:
    world.serve(session_cookies=())
    assert world.get("/protected", SESSION).seen.one("cookie") == SESSION[1]
    world.serve(session_cookies=("other",))
    cookie = ("Cookie", f"{SESSION[1]}; other=1")
    assert world.get("/protected", cookie).seen.one("cookie") == SESSION[1]


def test_cookies_of_the_session_reach_the_gatekeepers_own_pages(world: World) -> None:
    own = world.route("/authservice", "/", protected=False, port=world.authorizer.port)
    world.serve(table=(own, *(route for route in world.table if route.prefix != "/authservice")))
    world.get("/authservice/logout", SESSION)
    assert world.authorizer.seen[-1].one("cookie") == SESSION[1]


@pytest.mark.parametrize(("log", "expected"), [("all", True), ("errors", False), ("off", False)])
def test_access_log_is_json(world: World, log: str, expected: bool) -> None:
    world.serve(access_log=log)
    request_id = world.get(f"/dex/{log}?code=sensitive").one("x-request-id")
    time.sleep(0.5)
    lines = [json.loads(line) for line in world.envoy.log.read_text().splitlines() if line.startswith("{")]
    found = [line for line in lines if line["request_id"] == request_id]
    assert bool(found) == expected
    for line in found:
        assert (line["method"], line["path"], line["status"], line["client"]) == ("GET", "/dex/all", 200, "127.0.0.1")
    assert "sensitive" not in world.envoy.log.read_text()


def probe(world: World, **changes: object) -> str:
    gateway = world.gateway(**changes)
    return selftest.run("127.0.0.1", gateway, envoy.version(envoy.configure(gateway)))


def test_self_test_finds_a_closed_gateway_right(world: World) -> None:
    assert probe(world) == ""
    port = servers.free_port()
    changes = {"tls": tls.checked(*pair("one"), port), "redirect": ("gateway.test", port)}
    world.serve(**changes)
    assert probe(world, **changes) == ""


def test_self_test_sees_through_the_redirect_of_a_trusted_load_balancer(world: World) -> None:
    changes = {"trusted_proxies": 1, "redirect": ("gateway.test", 0)}
    world.serve(**changes)
    world.authorizer.answer = lambda _: Reply()
    assert probe(world, **changes) == "/tool/other lets everybody in without a login"


def test_self_test_finds_a_gateway_that_lets_everybody_in(world: World) -> None:
    world.authorizer.answer = lambda _: Reply()
    assert probe(world) == "/tool/other lets everybody in without a login"


def test_self_test_gives_an_engine_that_says_no_version_time_to_close(world: World) -> None:
    asked: list[servers.Seen] = []

    def late(seen: servers.Seen) -> Reply:
        asked.append(seen)
        return Reply() if len(asked) < 3 else decide(seen)

    world.authorizer.answer = late
    assert selftest.run("127.0.0.1", world.gateway()) == ""
    assert len(asked) >= 3


def test_self_test_asks_an_application_at_its_host(world: World) -> None:
    changes = {"table": (world.route("/hosted", domain="hosted.example.com"),)}
    world.serve(**changes)
    assert probe(world, **changes) == ""
    world.authorizer.answer = lambda _: Reply()
    assert probe(world, **changes) == "hosted.example.com/hosted lets everybody in without a login"


def test_self_test_does_not_mind_what_the_operator_has_opened(world: World) -> None:
    opened = {"auth": None, "everybody": True}
    world.serve(**opened)
    assert world.get("/tool/other").status == 200
    assert probe(world, **opened) == ""


def test_self_test_finds_what_was_not_taken(world: World) -> None:
    assert probe(world, table=()) == "Envoy did not take its configuration"


def test_self_test_of_a_gateway_that_is_not_up_says_nothing(world: World) -> None:
    assert probe(world, port=servers.free_port()) == ""


def test_metrics_are_served_and_nothing_else_of_the_administration(tmp_path_factory: pytest.TempPathFactory) -> None:
    world = World(tmp_path_factory.mktemp("metrics"))
    port = servers.free_port()
    try:
        world.write(metrics_port=port)
        world.envoy.start(world.port, envoy.HEALTH_PATH)
        text = servers.request(port, "/metrics").body
        assert "envoy_http_downstream_rq_total" in text
        for path in (
            "/",
            "/stats",
            "/config_dump",
            "/quitquitquit",
            "/metrics/../config_dump",
            "/metrics/",
            "//metrics",
        ):
            assert servers.request(port, path).status in (400, 404), path
        assert servers.request(port, "/metrics", method="POST", body="").status == 404
        # A query reaches the administration, where it can only choose among metrics.
        assert "envoy_http" in servers.request(port, "/metrics?filter=x&format=json").body
        assert world.get("/metrics").status == 302
    finally:
        world.close()


def test_alarms_and_dashboard_ask_for_metrics_that_envoy_has(tmp_path_factory: pytest.TempPathFactory) -> None:
    world = World(tmp_path_factory.mktemp("alarms"))
    port = servers.free_port()
    page = json.loads((pathlib.Path(alerts.__file__).parent / "dashboards" / "gateway.json").read_text())
    asked = [alert.expression for alert in alerts.ALERTS]
    asked += [target["expr"] for panel in page["panels"] for target in panel["targets"]]
    try:
        signer = Signer()
        world.write(metrics_port=port, fast=signer.fast)
        world.envoy.start(world.port, envoy.HEALTH_PATH)
        for header in (SESSION, HTML):
            world.get("/protected", header)
        world.app.answer = lambda _: Reply(status=500)
        world.get("/protected", SESSION)
        names = set(re.findall(r"\benvoy_\w+(?=[{])", " ".join(asked)))
        assert len(names) > 7
        # A histogram is there after the next flush of the statistics.
        servers.until(lambda: names <= _metrics(port), f"Envoy has no {names - _metrics(port)}")
        # What fast mode spares the gatekeeper is counted, except for the first request of a session on each thread.
        for header, path in (
            (SESSION, "/protected"),
            (SESSION, "/dex/x"),
            *[(cookie(signer.token()), "/protected")] * 9,
        ):
            assert world.get(path, header).status in (200, 500)
        spared = r'envoy_http_jwt_authn_jwt_cache_hit\{[^}]*prefix="gateway"[^}]*\} (\d+)'
        servers.until(
            lambda: re.findall(spared, servers.request(port, "/metrics").body) in (["8"], ["7"]), "it is not counted"
        )
        labels = re.findall(r'(envoy_\w+="[^"]+")', " ".join(asked))
        text = servers.request(port, "/metrics").body
        assert [label for label in labels if label not in text] == []
    finally:
        world.close()


def _metrics(port: int) -> set[str]:
    return set(re.findall(r"^(\w+)\{", servers.request(port, "/metrics").body, re.MULTILINE))
