# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Fast mode in a real Envoy: whom it lets in by itself, and whom it asks about."""

import base64
import collections.abc
import contextlib
import dataclasses
import time

import envoy
import frames
import model
import pytest
import servers
from servers import Reply
from signer import ISSUER, Signer, cookie
from worlds import SESSION, USER, World, decide

ORIGIN = "https://tools.example.com"
IDENTITY = ("kubeflow-userid", "kubeflow-groups")


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer()


@pytest.fixture(scope="module")
def in_fast_mode(running: World, signer: Signer) -> World:
    # As in a deployment: with other headers the charm leaves fast mode off.
    running.auth = dataclasses.replace(running.auth, response_headers=IDENTITY)
    running.serve(fast=signer.fast, cors_origins=(ORIGIN,))
    return running


@pytest.fixture
def fast(in_fast_mode: World) -> collections.abc.Iterator[World]:
    """A gateway in fast mode, whose authorizer is put right afterwards."""
    in_fast_mode.forget()
    yield in_fast_mode
    in_fast_mode.authorizer.answer = decide


def named(world: World) -> list[list[str]]:
    """Return the identities that applications were told, of each request those of either header."""
    return [seen.all(name) for seen in (*world.app.seen, *world.other.seen) for name in IDENTITY]


def spoofed(world: World) -> list[tuple[str, str]]:
    """Return what anybody was told in headers of identities, in any spelling, save what is true."""
    received = [
        pair for server in (world.app, world.other, world.authorizer) for seen in server.seen for pair in seen.headers
    ]
    told = [(name.lower().replace("_", "-"), value) for name, value in received]
    return [pair for pair in told if pair[0].startswith("kubeflow") and pair not in (USER, ("kubeflow-groups", "a,d"))]


def test_nobody_is_asked_about_a_valid_session(fast: World, signer: Signer) -> None:
    seen = fast.get("/protected/x", cookie(signer.token()), ("kubeflow-userid", "m"), ("kubeflow-groups", "m")).seen
    assert fast.authorizer.seen == []
    assert seen.all("kubeflow-userid") == [USER[1]]
    assert seen.all("kubeflow-groups") == ["a,d"]
    assert seen.one("cookie") == "a=1"
    assert seen.one("authorization") is None


@pytest.mark.parametrize("groups", ["", None])
def test_without_groups_an_application_is_told_none(fast: World, signer: Signer, groups: str | None) -> None:
    spoofed = (("kubeflow-groups", "admins"), ("Kubeflow_Groups", "admins"), ("kubeflow-groups", ""))
    assert fast.get("/protected", cookie(signer.token(groups=groups)), *spoofed).status == 200
    assert fast.authorizer.seen == []
    assert named(fast) == [[USER[1]], []]


def test_everything_else_is_asked_about(fast: World, signer: Signer) -> None:
    stranger, now = Signer(), int(time.time())
    token = signer.token()
    head, body, signature = token.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","kid":"one","typ":"JWT"}').decode().rstrip("=")
    others = {
        "none": "x",
        "another key": stranger.token(),
        "tampered": f"{head}.{body[:-2]}AA.{signature}",
        "cut": token[:-4],
        "alg none": f"{none}.{body}.",
        "expired": signer.token(exp=now - 30, iat=now - 60),
        "without end": signer.token(exp=None),
        "issuer": signer.token(iss="https://evil.example"),
        "no issuer": signer.token(iss=None),
        "audience": signer.token(aud="elsewhere"),
        "session to ask about": signer.token(aud="kubeflow-asked"),
        "statement of an identity": signer.token(aud="kubeflow-identity", header={"typ": "identity+jwt"}),
        "no audience": signer.token(aud=None),
        "not yet": signer.token(nbf=now + 60),
        "no user": signer.token(userid=None),
        "empty user": signer.token(userid=""),
        "user in another alphabet": signer.token(userid="jos\u00e9@example.com"),
        "user of two lines": signer.token(userid="anna@example.com\r\nkubeflow-groups: admins"),
    }
    for name, value in others.items():
        fast.forget()
        assert fast.get("/protected", cookie(value), ("kubeflow-userid", "mallory")).status == 302, name
        assert len(fast.authorizer.seen) == 1, name
        assert fast.app.seen == [], name
    fast.forget()
    assert fast.get("/protected").status == 302
    assert fast.get("/protected", SESSION).seen.one("kubeflow-userid") == USER[1]


def test_a_session_that_was_let_in_ends(fast: World, signer: Signer) -> None:
    """Envoy remembers it, and still looks at its end, which it takes to be clock_skew_seconds later."""
    token = signer.token(exp=int(time.time()) - 3)
    assert fast.get("/protected", cookie(token)).status == 200
    assert fast.get("/protected", cookie(token)).status == 200
    assert fast.authorizer.seen == []
    servers.until(lambda: fast.get("/protected", cookie(token)).status == 302, "it goes on", seconds=4)
    assert len(fast.authorizer.seen) == 1


# Cookie headers in which {} is a session of Anna's. The authorizer knows another one, which is called good.
LET_IN = {
    "alone": ["authservice_session={}"],
    "among others": ["a=1; authservice_session={}; b=2"],
    "close together": ["a=1;authservice_session={};b=2"],
    "second header": ["a=1", "authservice_session={}"],
    "first header": ["authservice_session={}", "b=2"],
    "before a forged one": ["authservice_session={}; authservice_session=eyJhbGciOiJub25lIn0.e30."],
    "before an empty one": ["authservice_session={}; authservice_session="],
    "with what renews it": ["authservice_session={}; authservice_refresh=x"],
    "in quotes": ['authservice_session="{}"'],
}
ASKED = {
    "empty, then others": ["authservice_session=; a={}; authservice_session=good"],
    "empty, then Anna's": ["authservice_session=; authservice_session={}; authservice_session=good"],
    "forged, then Anna's": ["authservice_session=e30.e30.e30; authservice_session={}; authservice_session=good"],
    "forged, good in another header": ["authservice_session=no", "authservice_session={}; authservice_session=good"],
    "forged, then good": ["authservice_session=e30.e30.e30; authservice_session=good"],
    "a name that ends alike": ["x_authservice_session={}; authservice_session=good"],
    "a name that begins alike": ["authservice_sessions={}; authservice_session=good"],
    "a name in upper case": ["AUTHSERVICE_SESSION={}; authservice_session=good"],
    "a value that looks alike": ["x=authservice_session={}; authservice_session=good"],
    "no name": ["{}; authservice_session=good"],
    "something before the token": ["authservice_session=/{}; authservice_session=good"],
}  # fmt: skip


@pytest.mark.parametrize("lines", LET_IN.values(), ids=LET_IN)
def test_the_first_cookie_of_the_name_is_the_session(fast: World, signer: Signer, lines: list[str]) -> None:
    answer = fast.get("/protected", *(("Cookie", line.format(signer.token())) for line in lines))
    assert answer.status == 200
    assert fast.authorizer.seen == []
    assert named(fast) == [[USER[1]], ["a,d"]]
    assert "authservice_session" not in (answer.seen.one("cookie") or "")


@pytest.mark.parametrize("lines", ASKED.values(), ids=ASKED)
def test_about_other_cookies_the_authorizer_is_asked(fast: World, signer: Signer, lines: list[str]) -> None:
    """It reads all of them, so that a bad one before a good one locks nobody out."""
    written = [("Cookie", line.format(signer.token())) for line in lines]
    assert fast.get("/protected", *written).status == 200
    assert [pair for pair in fast.authorizer.seen[0].headers if pair[0].lower() == "cookie"] != []
    assert named(fast) == [[USER[1]], []]
    # The same without what the authorizer knows: nobody is let in, and it is the authorizer who says so.
    fast.forget()
    none = [(name, text.replace("=good", "=no")) for name, text in written]
    assert fast.get("/protected", *none).status == 302
    assert len(fast.authorizer.seen) == 1
    assert fast.app.seen == []


SPOOFS: dict[str, list[tuple[str, str]]] = {
    "plain": [("kubeflow-userid", "mallory"), ("kubeflow-identity", "mallory")],
    "upper case": [("KUBEFLOW-USERID", "mallory"), ("KUBEFLOW-GROUPS", "admins")],
    "mixed case": [("Kubeflow-UserID", "mallory"), ("kubeFlow-groupS", "admins")],
    "underscore": [("kubeflow_userid", "mallory"), ("kubeflow_groups", "admins")],
    "one underscore and one not": [("kubeflow_userid", "mallory"), ("kubeflow-userid", "mallory")],
    "twice": [("kubeflow-userid", "mallory"), ("kubeflow-userid", "mallory")],
    "empty": [("kubeflow-userid", ""), ("kubeflow-groups", "")],
    "empty and not": [("kubeflow-userid", ""), ("kubeflow-userid", "mallory")],
    "blank": [("kubeflow-userid", " \t ")],
    "blank before": [("kubeflow-userid", "   mallory")],
    "hop by hop": [("Connection", "kubeflow-userid"), ("kubeflow-userid", "mallory")],
    "blank before the colon": [("kubeflow-userid ", "mallory")],
    "folded": [("x", "y\r\n kubeflow-userid: mallory"), ("kubeflow-userid", "mal\r\n lory")],
    "of a bare line feed": [("x", "y\nkubeflow-userid: mallory")],
    "of a bare carriage return": [("x", "y\rkubeflow-userid: mallory")],
}
CREDENTIALS: dict[str, list[tuple[str, str]]] = {
    "nothing": [],
    "Authorization": [("Authorization", "Bearer x")],
    "X-Auth-Token": [("X-Auth-Token", "x")],
    "both": [("authorization", ""), ("x-auth-token", "")],
    "preflight": [("Origin", "https://evil.example"), ("Access-Control-Request-Method", "GET")],
    "upgrade": [("Connection", "Upgrade"), ("Upgrade", "websocket")],
}


@pytest.mark.parametrize("credential", CREDENTIALS.values(), ids=CREDENTIALS)
@pytest.mark.parametrize("spoof", SPOOFS.values(), ids=SPOOFS)
def test_no_client_says_who_it_is(
    fast: World, signer: Signer, spoof: list[tuple[str, str]], credential: list[tuple[str, str]]
) -> None:
    for method in ("GET", "OPTIONS"):
        for path in ("/protected", "/tool/other/x", "/moved", "/"):
            fast.forget()
            # 400: Envoy does not take such a request at all.
            assert fast.get(path, *credential, *spoof, method=method).status in (302, 400), path
            assert fast.app.seen == fast.other.seen == []
            assert spoofed(fast) == []
        for path in ("/dex/x", "/authservice"):
            fast.forget()
            assert fast.get(path, *credential, *spoof, method=method).status in (200, 101, 400), path
            assert all(value == [] for value in named(fast)), path
            assert spoofed(fast) == []
            assert fast.authorizer.seen == []
    # A session is of whom the gatekeeper says, on protected routes; the authorizer alone decides about credentials.
    fast.forget()
    fast.get("/protected", cookie(signer.token()), *credential, *spoof)
    assert named(fast) in ([], [[USER[1]], ["a,d"]])
    assert spoofed(fast) == []
    fast.forget()
    fast.get("/dex", cookie(signer.token()), *credential, *spoof)
    assert all(value == [] for value in named(fast))
    assert spoofed(fast) == []
    # Nor does the authorizer hear of it, whose own answer names nobody here.
    fast.forget()
    fast.get("/bare", *credential, *spoof)
    assert all(value == [] for value in named(fast))
    assert spoofed(fast) == []


@pytest.mark.parametrize("spoof", SPOOFS.values(), ids=SPOOFS)
def test_a_preflight_of_a_named_origin_reaches_nobody(fast: World, spoof: list[tuple[str, str]]) -> None:
    preflight = (("Origin", ORIGIN), ("Access-Control-Request-Method", "PUT"))
    for path in ("/protected", "/dex"):
        assert fast.get(path, *preflight, *spoof, method="OPTIONS").status in (200, 400)
        assert fast.app.seen == fast.authorizer.seen == []
        # What only looks like one is asked about.
        assert fast.get("/protected", *preflight, *spoof, method="PUT").status in (302, 400)
        assert fast.app.seen == []
        fast.forget()


def over_http_2(world: World, path: str, headers: frames.Headers, trailers: frames.Headers) -> frames.Answer:
    with contextlib.closing(frames.Client(("127.0.0.1", world.port))) as client:
        try:
            return client.until(client.send("POST", path, headers, b"x", trailers=trailers))
        except ConnectionError:
            return frames.Answer(reset=True)


@pytest.mark.parametrize("name", ["kubeflow-userid", "Kubeflow-Userid", "kubeflow_userid", "kubeflow-userid "])
@pytest.mark.parametrize("value", ["mallory", ""])
def test_no_client_says_who_it_is_over_http_2(fast: World, signer: Signer, name: str, value: str) -> None:
    twice = [(name, value), ("kubeflow-userid", "mallory"), ("kubeflow-userid", "")]
    answer = over_http_2(fast, "/protected", twice, [(name, "mallory")])
    # Upper case and blanks are no HTTP/2.
    refused = name not in ("kubeflow-userid", "kubeflow_userid")
    assert answer.reset if refused else answer.status == 302
    assert fast.app.seen == []
    answer = over_http_2(fast, "/dex", twice, [(name, "mallory")])
    assert answer.reset if refused else answer.status == 200
    assert named(fast) == ([] if refused else [[], []])
    # Browsers may send each cookie in a header of its own (RFC 9113, section 8.2.3).
    fast.forget()
    crumbs = [("cookie", "a=1"), ("cookie", f"authservice_session={signer.token()}"), ("cookie", "b=2")]
    assert over_http_2(fast, "/protected", [*crumbs, *twice[1:]], [("kubeflow-userid", "mallory")]).status == 200
    assert named(fast) == [[USER[1]], ["a,d"]]
    assert fast.authorizer.seen == []


@pytest.mark.parametrize("name", ["Authorization", "X-Auth-Token"])
def test_other_credentials_are_left_to_the_authorizer(fast: World, signer: Signer, name: str) -> None:
    assert fast.get("/protected", cookie(signer.token()), (name, "Bearer x")).status == 302
    assert len(fast.authorizer.seen) == 1


def test_an_open_route_is_told_nobody_and_asks_nobody(fast: World, signer: Signer) -> None:
    for header in (cookie(signer.token()), cookie("x"), SESSION):
        fast.forget()
        assert fast.get("/dex/x", header, ("kubeflow-userid", "mallory")).status == 200
        assert named(fast) == [[], []]
        assert fast.authorizer.seen == []


def test_who_has_a_session_is_let_in_while_the_gatekeeper_is_down(fast: World, signer: Signer) -> None:
    fast.authorizer.answer = lambda _: Reply(status=500)
    assert fast.get("/protected", cookie(signer.token())).status == 200
    assert fast.get("/protected").status == 503


def test_rehearsal_takes_fast_mode_and_refuses_keys_that_envoy_cannot_read(fast: World, signer: Signer) -> None:
    for mode, good in ((signer.fast, True), (model.Fast(jwks="{", issuer=ISSUER), False)):
        rehearsal = envoy.rehearsal(envoy.configure(fast.gateway(fast=mode)))
        fast.envoy.write([(file.path, file.text) for file in rehearsal.files])
        assert (fast.envoy.run(rehearsal.command).returncode == 0) == good
