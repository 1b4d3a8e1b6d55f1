# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Attacks through a real Envoy, with the configuration that the gateway's charm writes, on the real service."""

import collections.abc
import dataclasses
import http.client
import json
import pathlib
import random
import socket
import sys
import time
import typing

import attacks
import gatekeeper_support as support
import pytest
from gatekeeper import identity, revocation, session

CHARM = pathlib.Path(__file__).resolve().parents[3] / "charms" / "ambassador-route"
sys.path[:0] = [str(CHARM / "src"), str(CHARM / "tests" / "unit" / "helpers")]

import envoy  # noqa: E402
import model  # noqa: E402
import servers  # noqa: E402
from worlds import World  # noqa: E402

PATHS = 10_000
JSON = ("accept", "application/json")


class Site(typing.NamedTuple):
    """A gateway before a gatekeeper, and an application that tells what it was asked."""

    world: World
    running: support.Running
    sessions: session.Sessions
    token: str
    verifies: model.Fast | None

    @property
    def fast(self) -> bool:
        return self.verifies is not None

    @property
    def pem(self) -> str:
        return self.running.options.signing_keys[0].pem.get_secret_value()

    def status(self, *headers: tuple[str, str]) -> int:
        try:
            return self.world.get("/protected", JSON, *headers).status
        except (ConnectionError, http.client.HTTPException):
            return 0


@pytest.fixture(scope="module", params=["asks", "asks in HTTP/2", "fast"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> collections.abc.Iterator[Site]:
    directory = tmp_path_factory.mktemp(request.param.replace("/", "-"))
    (directory / "envoy").mkdir()
    with World.running(directory / "envoy") as world:
        public = f"http://127.0.0.1:{world.port}"
        running = support.Running(directory, issuer="http://127.0.0.1:1/dex", public_url=public, skip_auth=["/public"])
        sessions = session.Sessions(running.options, revocation.Ledger())
        jwks = json.dumps(sessions.published)
        world.auth = dataclasses.replace(
            world.auth,
            port=running.port,
            request_headers=("cookie", "authorization", "accept", "x-auth-token", *(name for name, _ in NAMED)),
            response_headers=("kubeflow-userid", "kubeflow-groups"),
            http2=request.param == "asks in HTTP/2",
        )
        verifies = model.Fast(jwks=jwks, issuer=public) if request.param == "fast" else None
        world.serve(fast=verifies)
        token = sessions.mint(identity.Identity(userid="user@example.com"), time.time())
        yield Site(world, running, sessions, token, verifies)
        assert running.stop() == 0


def connections(port: int) -> set[str]:
    """Return the ports from which somebody is connected to a port of this machine."""
    lines = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {line[1] for line in lines if line[2].endswith(f":{port:04X}") and line[3] == "01"}


def test_a_connection_that_grows_old_is_replaced_without_a_loss(site: Site):
    """In HTTP/2 all checks of a worker go over one, and a gatekeeper that is new must get its share of them."""
    world, cookie = site.world, ("cookie", f"authservice_session={site.token}")
    files = [(file.path, file.text) for file in envoy.configure(world.gateway()).files]
    long, short = (f'"max_connection_duration": "{seconds}s"' for seconds in ("60", "0.2"))
    world.envoy.write([(path, text.replace(long, short)) for path, text in files])
    time.sleep(1)
    seen: set[str] = set()
    end = time.monotonic() + 3
    while time.monotonic() < end:
        assert site.status(cookie) == 200
        seen |= connections(site.running.port)
    world.serve(fast=site.verifies)
    assert (len(seen) > 5) == world.auth.http2


def test_a_change_of_the_version_of_http_loses_no_request(site: Site):
    world, cookie = site.world, ("cookie", f"authservice_session={site.token}")
    with servers.crowd(world.port, "/protected", JSON, cookie) as counts:
        for number in range(12):
            world.serve(auth=dataclasses.replace(world.auth, http2=world.auth.http2 == (number % 2 == 1)))
        world.serve(fast=site.verifies)
    # Where a listener changes, its connections end, each with an answer.
    assert set(counts) == ({200, "closes"} if site.fast else {200})


def test_forged_tokens_reach_no_application(site: Site):
    site.world.forget()
    forged = attacks.forged(site.token, site.pem)
    if site.fast:
        # Envoy tries every key on a token that names none (RFC 7515, section 4.1.4); this one is of the right key.
        del forged["no kid"]
        # And it reads over what follows a whole signature: the token, and what it says, is the same.
        del forged["lengthened"], forged["padded"]
        # It does not look at the type: the audience of sessions is theirs alone.
        del forged["other type"]
    for name, token in forged.items():
        assert site.status(("cookie", f"authservice_session={token}")) in (0, 401, 431), name
        assert site.status(("authorization", f"Bearer {token}")) in (0, 401, 431), name
        assert site.status(("x-auth-token", token)) in (0, 401, 431), name
    assert site.world.app.seen == []
    # That they were refused for what they are, and not because nobody is let in:
    assert site.status(("cookie", f"authservice_session={site.token}")) == 200
    assert site.world.app.seen[0].all("kubeflow-userid") == ["user@example.com"]


@pytest.mark.parametrize("changes", [
    {"iss": "https://evil.example"}, {"aud": "somebody-else"}, {"aud": None}, {"exp": 1}, {"exp": None},
    {"exp": "tomorrow"}, {"exp": 10**400}, {"nbf": 2**33}, {"userid": ""}, {"userid": None},
    {"userid": "a\r\nx: y"}, {"aud": ["kubeflow-identity"]},
])  # fmt: skip
def test_tokens_of_the_right_key_are_read_by_the_gateway_too(site: Site, changes: dict[str, object]):
    header, claims = attacks.parts(site.token)
    token = attacks.sign(header, {**claims, **changes}, site.pem).decode()
    site.world.forget()
    assert site.status(("cookie", f"authservice_session={token}")) in (0, 401, 403)
    assert site.status(("authorization", f"Bearer {token}")) in (0, 401, 403)
    assert site.world.app.seen == []


@pytest.mark.parametrize(
    ("userid", "groups"), [("J\u00fcrgen@example.com", ("a",)), ("user@example.com", ("a", "\u00e9quipe"))]
)
def test_names_in_other_alphabets_are_written_by_the_gatekeeper(site: Site, userid: str, groups: tuple[str, ...]):
    """Latin-1, as it always writes them; Envoy would write the UTF-8 that stands in the session."""
    token = site.sessions.mint(identity.Identity(userid=userid, groups=groups), time.time())
    site.world.forget()
    for _ in range(2):
        assert site.status(("cookie", f"authservice_session={token}")) == 200
    for seen in site.world.app.seen:
        assert seen.all("kubeflow-userid") == [userid]
        assert seen.all("kubeflow-groups") == [",".join(groups)]


FORGED = "eyJhbGciOiJFUzI1NiJ9.e30.AAAA"


@pytest.mark.parametrize("line", [
    "authservice_session={}", "a=1; authservice_session={}; authservice_refresh=x; b=2",
    "authservice_session=; authservice_session={}", f"authservice_session={FORGED}; authservice_session={{}}",
    "authservice_session={}; authservice_session=x", f"x_authservice_session={FORGED}; authservice_session={{}}",
    f"x=authservice_session={FORGED}; authservice_session={{}}",
])  # fmt: skip
def test_whoever_has_a_session_among_the_cookies_is_let_in(site: Site, line: str):
    site.world.forget()
    assert site.status(("cookie", line.format(site.token))) == 200
    assert site.world.app.seen[0].all("kubeflow-userid") == ["user@example.com"]
    assert site.token not in str(site.world.app.seen[0].headers)
    # The same cookies without it.
    site.world.forget()
    assert site.status(("cookie", line.format(FORGED))) == 401
    assert site.world.app.seen == []


def test_no_path_slips_past_the_skip_list(site: Site):
    """Ten thousand paths, the same each time; what an application is shown without a login lies in /public."""
    site.world.forget()
    made = random.Random(7)
    passed = 0
    with Connection(site.world.port) as client:
        for _ in range(PATHS):
            path = b"/public" if made.random() < 0.6 else b"/"
            path += b"".join(made.choices(attacks.PIECES, k=made.randrange(9)))
            status = client.get(path)
            seen, site.world.app.seen[:] = list(site.world.app.seen), []
            assert (status == 200) == bool(seen), (path, status)
            for one in seen:
                passed += 1
                assert one.all("kubeflow-userid") in ([], [""]), path
                for reading in attacks.readings(one.path.encode("latin-1")):
                    assert reading == "/public" or reading.startswith("/public/"), (path, reading)
    # Enough of them are harmless, so that the others are refused for what they are.
    assert passed > PATHS / 100


# What names another request than the one that is asked about, for gateways that say it in headers.
NAMED = (
    ("x-forwarded-uri", "/public"),
    ("x-forwarded-method", "GET"),
    ("x-forwarded-host", "gateway.test"),
    ("x-original-url", "/public"),
    ("x-envoy-original-path", "/public"),
)
OWN = (
    "/keys", "/keys/", "/keys?x=/../..", "/keys/..", "/keys/../../protected", "/keys/%2e%2e/%2e%2e/protected",
    "/keys/..%2f..%2fprotected", "/keys;/../../protected", "/keys%00", "/KEYS", "//keys", "/./keys", "/../protected",
    "/tokens", "/verify", "/verify/x", "/verify/../../protected", "/peers", "/oidc/callback", "/logout",
    "/forward", "/forward/public", "/forward/../../protected", "/forward?x", "%2fkeys", "", ".", "x", ";", "/",
)  # fmt: skip
ADMIN = ("kubeflow-userid", "admin@example.com")


def test_no_header_names_another_request(site: Site):
    site.world.forget()
    for method in ("GET", "POST", "OPTIONS", "HEAD"):
        for path in ("/protected", "/authservicex", "/x"):
            answer = site.world.get(path, JSON, ADMIN, *NAMED, method=method)
            assert answer.status in (401, 404), (method, path)
    assert site.world.app.seen == []


def test_no_own_path_leads_to_a_protected_application(site: Site):
    site.world.forget()
    for end in OWN:
        site.world.get(f"/authservice{end}", JSON, ADMIN, *NAMED)
        for seen in site.world.app.seen:
            # The stub application stands where the gatekeeper does; nothing else is reached.
            assert "protected" not in seen.path, end
            assert seen.all("kubeflow-userid") in ([], [""]), end
        site.world.app.seen.clear()


@pytest.fixture
def unmarked(tmp_path: pathlib.Path) -> collections.abc.Iterator[Site]:
    """A gateway that marks no checks, hands on what clients say of themselves, and routes no path to the gatekeeper."""
    (tmp_path / "envoy").mkdir()
    with World.running(tmp_path / "envoy") as world:
        public = f"http://127.0.0.1:{world.port}"
        running = support.Running(tmp_path, issuer="http://127.0.0.1:1/dex", public_url=public, skip_auth=["/public"])
        told = ("cookie", "accept", "authorization", "x-auth-token", ADMIN[0], *(name for name, _ in NAMED))
        world.auth = dataclasses.replace(
            world.auth,
            port=running.port,
            request_headers=told,
            response_headers=("kubeflow-userid", "kubeflow-groups"),
        )
        world.table = (world.route("/", application="dashboard"),)
        state = envoy.configure(world.gateway())
        files = [(file.path, file.text.replace('"x-authorization-check"', '"x-no-mark"')) for file in state.files]
        assert "x-no-mark" in "".join(text for _, text in files)
        world.envoy.write(files)
        servers.until(lambda: world.get(envoy.VERSION_PATH).body == envoy.version(state), "not served", seconds=60)
        sessions = session.Sessions(running.options, revocation.Ledger())
        token = sessions.mint(identity.Identity(userid="user@example.com"), time.time())
        yield Site(world, running, sessions, token, False)
        assert running.stop() == 0


def test_behind_a_gateway_that_marks_nothing_an_own_path_makes_nobody_of_a_client(unmarked: Site):
    site = unmarked
    assert site.status() == 401
    assert site.status(("cookie", f"authservice_session={site.token}")) == 200
    assert site.world.app.seen[0].all("kubeflow-userid") == ["user@example.com"]
    site.world.forget()
    for method in ("GET", "POST", "HEAD"):
        for path in ("/protected", "/x", "/authservicex"):
            assert site.world.get(path, JSON, ADMIN, *NAMED, method=method).status == 401
    assert site.world.app.seen == []
    reached: set[str] = set()
    for end in OWN:
        site.world.get(f"/authservice{end}", JSON, ADMIN, *NAMED)
        for seen in site.world.app.seen:
            reached.add(seen.path.partition("?")[0])
            assert seen.all("kubeflow-userid") in ([], [""]), end
        site.world.app.seen.clear()
    # What everybody may see is let through as it stands there, and nothing that could be something else.
    assert reached <= {"/authservice/keys", "/authservice/forward"}
    assert "/authservice/keys" in reached


class Connection:
    """Sends paths exactly as they are, on one connection for as long as the gateway keeps it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None

    def __enter__(self) -> typing.Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._socket is not None:
            self._socket.close()

    def get(self, path: bytes) -> int:
        for _ in range(2):
            if self._socket is None:
                self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=20)
            self._socket.sendall(
                b"GET " + path + b" HTTP/1.1\r\nhost: gateway.test\r\naccept: application/json\r\n\r\n"
            )
            response = http.client.HTTPResponse(self._socket)
            try:
                response.begin()
                response.read()
            except (ConnectionError, http.client.HTTPException):
                self._drop()
                continue
            finally:
                response.close()
            if response.will_close:
                self._drop()
            return response.status
        return 0

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None
