# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The decision on a check: who is let in, and what the others get."""

import itertools
import json
import typing
import urllib.parse

import pytest
from gatekeeper import (
    accessjwt,
    accesstoken,
    answer,
    apitokens,
    check,
    head,
    identity,
    idtoken,
    kubernetes,
    provider,
    remote,
    revocation,
    service,
    session,
)
from gatekeeper_support import NOW, document, options
from joserfc import jwk, jws

PERSON = identity.Identity(userid="user@example.com", groups=("a", "b"))
HOST = (b"host", b"127.0.0.1:8080")


def request(method: str = "GET", target: str = "/page?x=1", **headers: str) -> head.Head:
    lines = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return head.Head(method.encode(), target.encode(), [HOST, *lines])


@pytest.fixture
def parts() -> service.Service:
    made = service.build(options(), clock=lambda: NOW)
    discovery = provider._Discovery(
        issuer="http://127.0.0.1:8080/dex",
        authorization_endpoint="http://127.0.0.1:8080/dex/auth",
        token_endpoint="http://127.0.0.1:8080/dex/token",
        jwks_uri="http://127.0.0.1:8080/dex/keys",
    )
    made.provider._accept(discovery, {})
    return made


def decide(parts: service.Service, asked: head.Head) -> answer.Answer:
    given = parts.gate.decide(asked, NOW)
    assert given is not None
    return given


def session_of(parts: service.Service) -> str:
    return parts.sessions.mint(PERSON, NOW)


@pytest.mark.parametrize("target", ["/", "//x", "/a/../b", "/a/./b", "/%2e%2e/x", "/authservicex", "/authservice", "*"])
def test_a_session_lets_through_whatever_the_path(parts: service.Service, target: str):
    given = decide(parts, request(target=target, cookie=f"authservice_session={session_of(parts)}"))
    assert (given.status, given.body) == (200, b"")
    assert given.headers == (("kubeflow-userid", "user@example.com"), ("kubeflow-groups", "a,b"))


def test_the_groups_header_is_there_even_without_groups(parts: service.Service):
    token = parts.sessions.mint(identity.Identity(userid="u"), NOW)
    assert decide(parts, request(cookie=f"authservice_session={token}")).header("kubeflow-groups") == [""]


@pytest.mark.parametrize("name", ["authorization", "x_auth_token"])
def test_a_program_gives_the_session_as_a_token(parts: service.Service, name: str):
    value = ("bearer " if name == "authorization" else "") + session_of(parts)
    assert decide(parts, request(**{name: value})).status == 200


def test_of_several_session_cookies_the_first_that_verifies_counts(parts: service.Service):
    token = session_of(parts)
    lines = [(b"cookie", b"authservice_session=forged; a=b"), (b"cookie", f"authservice_session={token}".encode())]
    assert decide(parts, head.Head(b"GET", b"/", [HOST, *lines])).status == 200
    assert decide(parts, head.Head(b"GET", b"/", [HOST, lines[0]])).status == 302


@pytest.mark.parametrize("last", ["a=b", "authservice_session=forged"])
def test_a_session_may_be_in_any_cookie_header(parts: service.Service, last: str):
    lines = [(b"cookie", f"authservice_session={session_of(parts)}".encode()), (b"cookie", last.encode())]
    assert decide(parts, head.Head(b"GET", b"/x", lines)).status == 200


def test_a_valid_cookie_helps_out_a_bad_bearer(parts: service.Service):
    given = decide(parts, request(authorization="Bearer bad", cookie=f"authservice_session={session_of(parts)}"))
    assert given.status == 200


@pytest.mark.parametrize("headers", [
    {"authorization": "Bearer bad"}, {"authorization": "Bearer"}, {"authorization": "BEARER a.b.c"},
    {"x_auth_token": "bad"},
])  # fmt: skip
def test_a_bad_bearer_is_401_and_never_a_redirect(parts: service.Service, headers: dict[str, str]):
    given = decide(parts, request(accept="text/html", **headers))
    assert given.status == 401
    assert given.header("www-authenticate") == ['Bearer error="invalid_token"']
    assert json.loads(given.body)["error"] == "invalid_token"
    assert given.header("location") == given.header("set-cookie") == []


def test_another_scheme_of_authorization_is_the_applications_own(parts: service.Service):
    assert decide(parts, request(authorization="Basic dTpw")).status == 302


@pytest.mark.parametrize(
    ("method", "headers", "page"),
    [
        ("GET", {}, True),
        ("GET", {"accept": "*/*"}, True),
        ("HEAD", {"accept": "text/html"}, True),
        ("GET", {"accept": "text/html,application/xhtml+xml,*/*;q=0.8", "sec_fetch_mode": "navigate"}, True),
        ("GET", {"sec_fetch_mode": "navigate", "sec_fetch_dest": "iframe"}, True),
        ("GET", {"accept": "application/json, text/html"}, True),
        ("POST", {"sec_fetch_mode": "navigate"}, True),
        ("POST", {"accept": "text/html"}, True),
        ("POST", {}, False),
        ("POST", {"accept": "*/*"}, False),
        ("PUT", {"accept": "text/html"}, False),
        ("DELETE", {}, False),
        ("OPTIONS", {"origin": "http://e", "access_control_request_method": "PUT"}, False),
        ("GET", {"x_requested_with": "XMLHttpRequest"}, False),
        ("GET", {"sec_fetch_mode": "cors"}, False),
        ("GET", {"sec_fetch_mode": "no-cors", "sec_fetch_dest": "image"}, False),
        ("GET", {"sec_fetch_mode": "websocket", "sec_fetch_dest": "empty"}, False),
        ("GET", {"sec_fetch_dest": "script"}, False),
        ("GET", {"upgrade": "WebSocket"}, False),
        ("GET", {"accept": "application/json"}, False),
        ("GET", {"accept": "application/json, text/plain, */*"}, False),
        ("GET", {"accept": "text/event-stream"}, False),
        ("GET", {"accept": "image/png"}, False),
    ],
)
def test_page_loads_are_redirected_and_everything_else_is_401(
    parts: service.Service, method: str, headers: dict[str, str], page: bool
):
    given = decide(parts, request(method, **headers))
    assert given.status == (302 if page else 401)
    assert given.header("cache-control") == ["no-store"]
    assert bool(given.header("set-cookie")) == page
    if not page:
        assert given.header("www-authenticate") == ["Bearer"]
        assert set(json.loads(given.body)) == {"error", "error_description", "request_id"}


@pytest.mark.parametrize("code", [301, 302, 303, 307])
def test_the_redirect_code_is_an_option(code: int):
    parts = service.build(options(login_redirect_code=code), clock=lambda: NOW)
    parts.gate._endpoint = lambda: "http://127.0.0.1:8080/dex/auth"
    assert decide(parts, request()).status == code
    # A form must not be sent on to the provider.
    assert decide(parts, request("POST", accept="text/html")).status == (303 if code == 307 else code)


def test_another_host_is_sent_to_the_public_one_once(parts: service.Service):
    other = [(b"host", b"localhost:8080")]
    given = decide(parts, head.Head(b"GET", b"/page?x=1", other))
    assert (given.status, given.header("location")) == (302, ["http://127.0.0.1:8080/page?x=1"])
    (mark,) = given.header("set-cookie")
    marked = [*other, (b"cookie", mark.partition(";")[0].encode())]
    assert "/dex/auth?" in decide(parts, head.Head(b"GET", b"/page", marked)).header("location")[0]
    api = [*other, (b"accept", b"application/json")]
    assert decide(parts, head.Head(b"GET", b"/page", api)).status == 401
    evil = decide(parts, head.Head(b"GET", b"//evil.example/x", other))
    assert evil.header("location") == ["http://127.0.0.1:8080/"]


@pytest.mark.parametrize(("url", "host"), [
    ("http://a.example", b"A.example:80"), ("https://a.example", b"a.example:443"),
    ("https://a.example:444", b"a.example:444"),
])  # fmt: skip
def test_the_same_host_in_other_words_is_no_other_host(url: str, host: bytes):
    parts = service.build(options(public_url=url), clock=lambda: NOW)
    parts.gate._endpoint = lambda: f"{url}/dex/auth"
    location = decide(parts, head.Head(b"GET", b"/", [(b"host", host)])).header("location")[0]
    assert urllib.parse.urlsplit(location).path == "/dex/auth"


def test_what_is_not_known_at_once_is_left_to_the_application(parts: service.Service):
    assert parts.gate.decide(request(target="/authservice/healthz"), NOW) is None
    parts.gate._endpoint = lambda: None
    assert parts.gate.decide(request(), NOW) is None
    assert decide(parts, request(accept="application/json")).status == 401


@pytest.mark.parametrize(("given", "kept"), [
    ("0aa1b2c3-1111-2222-3333-444455556666", True), ("short", False), ("x" * 65, False), ("a b c d e f g", False),
    ("<script>alert(1)", False),
])  # fmt: skip
def test_only_a_harmless_request_id_is_kept(parts: service.Service, given: str, kept: bool):
    answered = json.loads(decide(parts, request(accept="application/json", x_request_id=given)).body)
    assert (answered["request_id"] == given) == kept


def test_an_answer_cannot_hold_two_lines_in_one_header():
    for header in (("location", "/a\r\nx: y"), ("a b", "c"), ("x", "\x00"), ("x", "日")):
        with pytest.raises(ValueError, match="header"):
            answer.Answer(status=200, headers=(header,))


def denied(parts: service.Service, **claims: typing.Any) -> str:
    outcome = parts.gate.identify(request(**claims), NOW)
    assert isinstance(outcome, check.Denied)
    return outcome.reason


def test_reasons_name_the_token_that_counts(parts: service.Service):
    old = parts.sessions.mint(PERSON, NOW - 90_000)
    assert denied(parts, authorization=f"Bearer {old}") == "token_expired"
    assert denied(parts, cookie=f"authservice_session={old}") == "token_expired"
    assert denied(parts) == "no_session"


KINDS = ("session", "id_token", "api_token", "access_token")


def tokens_of(parts: service.Service, key: jwk.RSAKey) -> dict[str, str]:
    """Return a good token of each kind that can be verified here."""
    given = parts.options
    begins = int(NOW)
    plain = {"iss": given.issuer, "iat": begins, "exp": begins + 60, "email": "user@example.com", "sub": "1"}

    def signed(**claims: object) -> str:
        return jws.serialize_compact({"alg": "RS256", "kid": "p"}, json.dumps({**plain, **claims}), key, ["RS256"])

    token, record = apitokens.create(PERSON, apitokens.Wish(name="n", days=1), NOW)
    parts.ledger.add([record], NOW)
    return {
        "session": session_of(parts),
        "id_token": signed(aud=given.client_id),
        "api_token": token,
        "access_token": signed(aud="kfp"),
    }


@pytest.mark.parametrize("accepted", [list(pair) for pair in itertools.combinations(KINDS, 2)] + [[]])
def test_each_kind_of_token_is_good_only_where_it_is_wanted(accepted: list[str]):
    key = jwk.RSAKey.generate_key(2048, {"kid": "p"})
    audiences = ["kfp"] if "access_token" in accepted else []
    made = service.build(options(authenticators=accepted, access_token_audiences=audiences), clock=lambda: NOW)
    made.provider._keys = {"p": key}
    made.provider._asked = NOW
    for kind, token in tokens_of(made, key).items():
        given = decide(made, request(authorization=f"Bearer {token}", accept="application/json"))
        assert given.status == (200 if kind in accepted else 401), kind


def test_they_are_tried_in_one_order_however_they_are_named():
    names = ["api_token", "id_token", "session", "access_token", "kubernetes"]
    place = {"audiences": ["kubeflow"]}
    made = service.build(options(authenticators=names, access_token_audiences=["kfp"], kubernetes=place))
    kinds = [type(ward._authenticator) for ward in made.gate._bearers]
    assert kinds == [
        remote.Remote, remote.Remote, accessjwt.AccessJwts, session.Sessions, idtoken.IdTokens, apitokens.ApiTokens,
    ]  # fmt: skip
    sources = [type(ward._authenticator._source) for ward in made.gate._bearers[:2]]
    assert sources == [kubernetes.Reviews, accesstoken.AccessTokens]


def test_metrics_say_how_old_the_key_is_and_what_is_remembered(parts: service.Service):
    assert "gatekeeper_signing_key_age_seconds" not in parts.metrics.render()
    since = [{**document()["signing_keys"][0], "since": int(NOW) - 90}]
    made = service.build(options(signing_keys=since), clock=lambda: NOW)
    decide(made, request(authorization=f"Bearer {session_of(made)}"))
    decide(made, request(authorization="Bearer x"))
    lines = made.metrics.render().splitlines()
    assert "gatekeeper_signing_key_age_seconds 90" in lines
    assert 'gatekeeper_tokens_remembered{authenticator="session",outcome="proven"} 1' in lines
    assert 'gatekeeper_tokens_remembered{authenticator="session",outcome="refused"} 1' in lines


@pytest.mark.parametrize(
    ("path", "cookie", "age", "let_in"),
    [
        ("/x", "authservice_session={}", 0, True),
        ("/x", "a=b; authservice_session={}; authservice_session=later", 0, True),
        ("/x", "authservice_session=bad; authservice_session={}", 0, False),
        ("/x", "authservice_session={}", 800, False),
        ("/x", "authservice_session={}", 1000, False),
        ("/x", "authservice_session=", 0, False),
        ("/x", "a=b", 0, False),
        ("", "authservice_session={}", 0, False),
        ("*", "authservice_session={}", 0, False),
        ("http://x/authservice/keys", "authservice_session={}", 0, False),
        ("/authservice/keys", "authservice_session={}", 0, False),
    ],
)
def test_what_is_known_at_once_is_what_a_closer_look_says(
    parts: service.Service, path: str, cookie: str, age: int, let_in: bool
):
    """All else is for the closer look, which also renews a session that is 800 seconds old."""
    line, now = cookie.format(session_of(parts)).encode(), NOW + age
    known = parts.gate.known(path.encode(), line, now)
    assert (known is not None) == let_in
    if known is not None:
        assert known is parts.gate.decide(head.Head(b"GET", path.encode(), [HOST, (b"cookie", line)]), now)


def test_who_is_known_at_once_is_counted_and_can_be_taken_back(parts: service.Service):
    line = f"authservice_session={session_of(parts)}".encode()
    before = parts.metrics.render()
    assert parts.gate.known(b"/x", line, NOW) is not None
    assert parts.metrics.render() != before
    parts.ledger.add(
        [revocation.Record(kind="user", id=PERSON.userid, before=int(NOW) + 1, expires=int(NOW) + 1000)], NOW
    )
    assert parts.gate.known(b"/x", line, NOW) is None
