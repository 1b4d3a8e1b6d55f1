# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Engine emissary under a real Emissary, whose programs are in the directory that EMISSARY names."""

import collections.abc
import dataclasses
import http.client
import itertools
import json
import os
import pathlib
import signal
import socket
import ssl
import threading
import time

import ambassador
import cluster
import directory
import emissary
import engines
import frames
import httpx
import live
import model
import ops
import peers
import pytest
import routes
import websocket
from charmkit import pebble
from lightkube.resources.core_v1 import Service

NAMESPACE = "emissary"
HTML = {"accept": "text/html"}


@dataclasses.dataclass
class World:
    """One Emissary with an authorizer and an application."""

    container: ops.Container
    kube: cluster.Cluster
    gateway: model.Gateway
    authorizer: peers.Authorizer
    application: peers.Application

    def bring(self, **changes: object) -> engines.Outcome:
        return engines.Emissary().bring(self.container, dataclasses.replace(self.gateway, **changes), "127.0.0.1")  # type: ignore[arg-type]

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        return ask(self.gateway.port, path, **headers)

    def text(self) -> str | None:
        return pebble.read(self.container, emissary.RESOURCES)


def ask(port: int, path: str, host: str = "127.0.0.1", method: str = "GET", **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(host, port, timeout=10)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


@pytest.fixture(scope="module")
def started(
    tmp_path_factory: pytest.TempPathFactory, kube: cluster.Cluster
) -> collections.abc.Iterator[tuple[World, engines.Outcome]]:
    if "EMISSARY" not in os.environ:
        pytest.skip("EMISSARY names no directory with busyambassador, diagd and envoy")
    authorizer, application = peers.Authorizer(("127.0.0.1", 0)), peers.Application(("127.0.0.1", 0))
    table = tuple(
        routes.Route(
            application=prefix[1:], relation=1, prefix=prefix, rewrite=prefix, host="127.0.0.1",
            port=application.address[1], protected=prefix != "/open",
        ) for prefix in ("/recorded", "/open")
    )  # fmt: skip
    auth = routes.Auth(
        host="127.0.0.1", port=authorizer.address[1], request_headers=("cookie",), response_headers=("kubeflow-userid",)
    )
    plain = model.Gateway(name="gateway", namespace=NAMESPACE, port=live.free_port(), table=table, auth=auth)
    source = pathlib.Path(os.environ["EMISSARY"]).resolve()
    with ambassador.running(tmp_path_factory.mktemp("emissary"), source, kube, NAMESPACE) as container:
        world = World(container, kube, plain, authorizer, application)
        _intrude(kube, application.address[1])
        outcome = world.bring()
        live.wait(lambda: container.get_checks("ready")["ready"].status == ops.pebble.CheckStatus.UP, hint="ready")
        yield world, outcome
    authorizer.close()
    application.close()


def _intrude(kube: cluster.Cluster, port: int) -> None:
    """Annotate a Service as any of its owners could."""
    mapping = (
        "apiVersion: getambassador.io/v3alpha1\nkind: Mapping\nname: intruder\nhostname: '*'\nprefix: /intruder/\n"
        f"service: 127.0.0.1:{port}\nbypass_auth: true\n"
    )
    patch = {"metadata": {"annotations": {"getambassador.io/config": mapping}}}
    kube.client().patch(Service, "gateway", patch, namespace=NAMESPACE)


@pytest.fixture
def rpc() -> collections.abc.Iterator[frames.Rpc]:
    server = frames.Rpc(("127.0.0.1", 0))
    yield server
    server.close()


@pytest.fixture
def world(started: tuple[World, engines.Outcome]) -> collections.abc.Iterator[World]:
    """An Emissary that serves a proven configuration, before and after the test."""
    world, _ = started

    def proven() -> bool:
        checks = world.container.get_checks().values()
        return all(check.status == ops.pebble.CheckStatus.UP and (check.successes or 0) >= 3 for check in checks)

    live.wait(proven, hint="its checks are up")
    assert world.bring() == engines.Outcome()
    yield world
    assert world.bring() == engines.Outcome()


def test_it_starts_without_any_right_but_jujus_own(started: tuple[World, engines.Outcome]) -> None:
    assert started[1] == engines.Outcome()


def test_routes_and_the_authorizer_are_served(world: World) -> None:
    assert world.get("/recorded/x")[0] == 302
    assert world.get("/recorded/x", cookie=peers.SESSION[1])[0] == 200
    assert world.get("/open")[0] == 200
    assert world.get("/elsewhere")[0] == 404


def test_a_change_is_live_when_the_hook_goes_on(world: World) -> None:
    moved = tuple(dataclasses.replace(route, prefix="/moved" + route.prefix) for route in world.gateway.table)
    assert world.bring(table=moved) == engines.Outcome()
    live.wait(lambda: world.get("/moved/open")[0] == 200, seconds=2, hint="the new route is served")
    assert world.get("/open")[0] == 404


def test_what_it_refuses_leaves_the_old_one_serving_and_is_told_in_its_words(world: World) -> None:
    before = world.text()
    table = (dataclasses.replace(world.gateway.table[0], prefix="/other", rewrite="/o\nther"), *world.gateway.table)
    outcome = world.bring(table=table)
    assert "invalid envoy configuration" in outcome.refusal or "other" in outcome.refusal
    assert world.text() == before
    assert world.get("/recorded/x")[0] == 302
    assert world.get("/open")[0] == 200


def test_without_an_authorizer_protected_paths_say_what_to_type(world: World) -> None:
    refusal = "Protected paths answer 503 until a login is integrated: run juju integrate <x>"
    assert world.bring(auth=None, refusal=refusal) == engines.Outcome()
    live.wait(lambda: world.get("/recorded/x")[0] == 503, seconds=2, hint="it is closed")

    def tells() -> bool:
        status, page = world.get("/recorded/x", cookie=peers.SESSION[1], **HTML)
        assert status == 503
        return "juju integrate &lt;x&gt;" in page

    # Envoy takes in its routes and its listeners one after the other: until then it is the gatekeeper that is missed.
    live.wait(tells, seconds=5, hint="the page names the command")
    assert world.get("/open")[0] == 200


@pytest.mark.parametrize("everybody", [False, True])
def test_nobody_slips_through_while_an_authorizer_comes_and_goes(world: World, everybody: bool) -> None:
    """Not by a new connection at the right moment, and not by one that was open before."""
    closed = {"auth": None, "refusal": "closed", "everybody": everybody}
    before = 200 if everybody else 503
    assert world.bring(**closed) == engines.Outcome()
    live.wait(lambda: world.get("/recorded/x")[0] == before, seconds=5, hint="it is without an authorizer")
    kept = http.client.HTTPConnection("127.0.0.1", world.gateway.port, timeout=10)
    kept.request("GET", "/open")
    assert kept.getresponse().read()
    stop, statuses = threading.Event(), [before]

    def ask_on() -> None:
        while not stop.is_set():
            statuses.append(world.get("/recorded/x")[0])

    asking = threading.Thread(target=ask_on)
    asking.start()
    try:
        assert world.bring() == engines.Outcome()
        live.wait(lambda: statuses[-1] == 302, seconds=5, hint="the authorizer is asked")
        time.sleep(1)
    finally:
        stop.set()
        asking.join()
    try:
        world.application.take()
        kept.request("GET", "/recorded/x")
        assert kept.getresponse().status in (302, 503)
        assert world.application.take() == []
    finally:
        kept.close()
    # Each of these once, in this order: never open again after it was closed.
    order = [status for status, _ in itertools.groupby(statuses)]
    assert set(order) <= {before, 503, 302}
    assert order.count(200) == (1 if everybody else 0), order


def test_tls_is_ended_with_a_certificate_of_the_file_and_plain_http_is_sent_there(
    world: World, tmp_path: pathlib.Path
) -> None:
    directory.certificates(tmp_path)
    certificate, key = ((tmp_path / name).read_text() for name in ("server.pem", "server.key"))
    tls = model.Tls(port=live.free_port(), certificate=certificate, key=key)
    assert world.bring(tls=tls, redirect=("127.0.0.1", tls.port)) == engines.Outcome()
    trusting = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))

    def secure() -> bool:
        try:
            return httpx.get(f"https://127.0.0.1:{tls.port}/open", verify=trusting, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    live.wait(secure, seconds=5, hint="https is served")
    assert world.get("/open")[0] == 301


def test_nothing_goes_in_a_circle_behind_a_load_balancer_that_ends_tls(world: World) -> None:
    changes = {"trusted_proxies": 1, "redirect": ("gateway.test", 0)}
    assert world.bring(**changes) == engines.Outcome()
    live.wait(lambda: world.get("/open")[0] == 301, seconds=5, hint="plain http is sent to https")
    assert world.get("/open", x_forwarded_proto="https")[0] == 200
    assert world.get("/recorded/x", x_forwarded_proto="https")[0] == 302
    # One that is not trusted is sent nowhere, since it would come back the same way.
    assert world.bring() == engines.Outcome()
    live.wait(lambda: world.get("/open", x_forwarded_proto="https")[0] == 200, seconds=5, hint="it is served again")
    assert world.get("/open")[0] == 200


def test_a_renewed_certificate_ends_no_connection(world: World, tmp_path: pathlib.Path) -> None:
    """A WebSocket is open while the certificate changes, and an ordinary connection is asked again."""
    port = live.free_port()
    pairs: list[model.Tls] = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        directory.certificates(tmp_path / name)
        certificate, key = ((tmp_path / name / file).read_text() for file in ("server.pem", "server.key"))
        pairs.append(model.Tls(port=port, certificate=certificate, key=key))
    assert world.bring(tls=pairs[0]) == engines.Outcome()
    live.wait(lambda: served(port) == pairs[0].certificate, seconds=10, hint="https is served")
    blind = {"sslopt": {"cert_reqs": ssl.CERT_NONE, "check_hostname": False}, "timeout": 15}
    socket = websocket.create_connection(f"wss://127.0.0.1:{port}/recorded/socket", cookie=peers.SESSION[1], **blind)
    context = ssl._create_unverified_context()
    kept = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=context)
    try:
        for answers in (pairs[0], pairs[1]):
            kept.request("GET", "/open")
            assert kept.getresponse().read()
            assert world.bring(tls=answers) == engines.Outcome()
            live.wait(lambda answers=answers: served(port) == answers.certificate, seconds=10, hint="it is served")
            socket.send("still here")
            assert socket.recv() == "still here"
    finally:
        kept.close()
        socket.close()


def served(port: int) -> str:
    """Return the certificate that is served, empty while there is none."""
    try:
        return ssl.get_server_certificate(("127.0.0.1", port), timeout=5)
    except OSError:
        return ""


def test_no_client_is_told_an_identity(world: World) -> None:
    """Emissary has one list of headers for applications and for a client to whom it says no."""
    named = [("kubeflow-userid", "anna"), ("X-Reason", "no"), ("Content-Type", "text/plain")]
    world.authorizer.mood = lambda handler, _: peers.reply(handler, 403, named, b"no")
    connection = http.client.HTTPConnection("127.0.0.1", world.gateway.port, timeout=10)
    try:
        connection.request("GET", "/recorded/x")
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (403, b"no")
        assert answer.getheader("kubeflow-userid") is None
        assert answer.getheader("content-type") == "text/plain"
    finally:
        world.authorizer.mood = None
        connection.close()


def test_an_old_connection_asks_no_authorizer_that_was_replaced(world: World) -> None:
    """Its WebSockets live on; whatever else it is asked, the new one decides or the connection ends."""
    second = peers.Authorizer(("127.0.0.1", 0))
    socket = websocket.create_connection(
        f"ws://127.0.0.1:{world.gateway.port}/recorded/socket", cookie=peers.SESSION[1], timeout=15
    )
    kept = http.client.HTTPConnection("127.0.0.1", world.gateway.port, timeout=10)
    try:
        kept.request("GET", "/recorded/x")
        assert kept.getresponse().read() is not None
        assert world.gateway.auth
        moved = dataclasses.replace(world.gateway.auth, port=second.address[1])
        assert world.bring(auth=moved) == engines.Outcome()

        def decides() -> bool:
            world.get("/recorded/x")
            return bool(second.take())

        live.wait(decides, seconds=10, hint="the new one is asked")
        world.authorizer.take()
        second.take()
        statuses: list[int] = []
        for _ in range(20):
            # The client opens another connection once this one is closed.
            kept.request("GET", "/recorded/x")
            answer = kept.getresponse()
            answer.read()
            statuses.append(answer.status)
        assert world.authorizer.take() == []
        assert len(second.take()) == statuses.count(302) >= 19, statuses
        socket.send("still here")
        assert socket.recv() == "still here"
    finally:
        kept.close()
        socket.close()
        second.close()


def test_a_host_of_its_own_leads_to_its_application_only(world: World) -> None:
    own = peers.Application(("127.0.0.1", 0))
    table = tuple(
        dataclasses.replace(
            world.gateway.table[0], application=name, prefix=prefix, rewrite=prefix, port=own.address[1],
            protected=name == "closed", domain="own.example.com",
        ) for name, prefix in (("closed", "/closed"), ("own", "/"))
    )  # fmt: skip
    home = dataclasses.replace(world.gateway.table[1], application="home", prefix="/", rewrite="/", protected=True)
    try:
        assert world.bring(table=(table[0], *world.gateway.table, table[1], home)) == engines.Outcome()
        live.wait(lambda: world.get("/x", Host="own.example.com")[0] == 200, seconds=5, hint="it is served")
        for host in (
            "own.example.com",
            "OWN.example.com",
            f"own.example.com:{world.gateway.port}",
            "own.example.com:1",
        ):
            own.take()
            assert world.get("/x", Host=host)[0] == 200
            assert world.get("/closed", Host=host)[0] == 302
            assert world.get("/closed", Host=host, cookie=peers.SESSION[1])[0] == 200
            assert [seen.path for seen in own.take()] == ["/x", "/closed"]
            assert world.get("/recorded/x", Host=host)[0] == 302
            assert world.get("/open", Host=host)[0] == 200
        own.take()
        for host in ("elsewhere.example.com", "x.own.example.com", "own.example.com.evil", "127.0.0.1"):
            assert world.get("/x", Host=host)[0] == 302
            assert world.get("/closed", Host=host)[0] == 302
            world.get("/closed", Host=host, cookie=peers.SESSION[1])
        assert own.take() == []
    finally:
        own.close()


def test_a_call_at_a_host_of_its_own_reaches_nobody_elsewhere(world: World, rpc: frames.Rpc) -> None:
    """Emissary puts the Mapping with the longer expressions first, and that of calls has long ones."""
    here, other = world.gateway.table[1], peers.Application(("127.0.0.1", 0))
    own = dataclasses.replace(here, application="own", prefix="/", rewrite="/", port=other.address[1], domain="a.b")
    called = dataclasses.replace(here, application="called", prefix="/", rewrite="/", port=rpc.address[1], grpc=True)

    def arrives(**headers: str) -> bool:
        # Envoy answers every call with 200, and says below what is wrong.
        ask(world.gateway.port, "/Echo", method="POST", content_type="application/grpc", te="trailers", **headers)
        return bool(rpc.take())

    try:
        assert world.bring(table=(*world.gateway.table, own, called)) == engines.Outcome()
        live.wait(arrives, seconds=5, hint="it is called")
        assert not arrives(Host="a.b")
    finally:
        other.close()


def test_a_path_of_any_length_is_served(world: World) -> None:
    long = "/" + "." * 2000
    one = dataclasses.replace(world.gateway.table[1], application="long", prefix=long, rewrite="/")
    assert world.bring(table=(one, *world.gateway.table)) == engines.Outcome()
    live.wait(lambda: world.get(f"{long}/x")[0] == 200, seconds=5, hint="it is served")
    assert json.loads(world.get(f"{long}/x")[1])["path"] == "/x"


def test_an_annotation_of_somebodys_service_adds_no_route(world: World) -> None:
    """Emissary obeys annotations of every Service that it can list, unless its id is another."""
    assert world.get("/intruder/x")[0] == 404


def test_nobody_outside_of_the_pod_reaches_its_administration(world: World) -> None:
    """Who reaches 8877 with the right header rules the gateway; 8005 tells its configuration."""
    outside = next(address for address in addresses() if not address.startswith("127."))
    assert ask(world.gateway.port, "/open", outside)[0] == 200
    for port in (8877, 8005, 8001, 8003, 8004, 8006, 9696):
        with pytest.raises(ConnectionRefusedError):
            ask(port, "/", outside)
    for path in ("/ambassador/v0/diag/", "/ambassador/v0/check_ready", "/_internal/v0/watt?url=x"):
        assert world.get(path, x_ambassador_diag_ip="127.0.0.1")[0] == 404


def addresses() -> list[str]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        # Nothing is sent: only the way is looked up.
        probe.connect(("192.0.2.1", 9))
        return [probe.getsockname()[0]]


def test_it_is_started_again_when_its_envoy_hangs(world: World) -> None:
    (hung,) = envoys()
    os.kill(hung, signal.SIGSTOP)
    try:
        live.wait(lambda: hung not in envoys(), seconds=90, hint="the one that hangs is ended")
    finally:
        if hung in envoys():
            os.kill(hung, signal.SIGCONT)

    def serves() -> bool:
        try:
            return world.get("/open")[0] == 200
        except OSError:
            return False

    live.wait(serves, hint="another one serves")


def envoys() -> list[int]:
    """Return the processes of Emissary's Envoy."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes().startswith(b"envoy\0-c\0/tmp/ambassador/bootstrap-ads.json"):
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found
