# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The operator's rules: who somebody becomes, who is let in, and which paths need no login."""

import json
import typing

import attacks
import hypothesis
import pytest
from gatekeeper import guard, head, identity, policy, revocation, service, session, settings, skip, tokens
from gatekeeper_support import NOW, options
from hypothesis import strategies
from joserfc import jwk, jws

CLAIMS = {"sub": "1", "email": "User@Example.com", "name": "A User", "groups": ["a", "b"]}


def identify(claims: dict[str, object] = CLAIMS, **rules: object) -> identity.Identity:
    return policy.Policy(options(**rules)).identify(claims)


def transformers(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"matches": matches, "replaces": replaces} for matches, replaces in pairs]


@pytest.mark.parametrize(("rules", "userid"), [
    ({}, "User@Example.com"),
    ({"userid_lowercase": True}, "user@example.com"),
    ({"userid_claim": "sub"}, "1"),
    ({"userid_prefix": "oidc:"}, "oidc:User@Example.com"),
    ({"userid_transformers": transformers(("@Example.com$", ""))}, "User"),
    # The first that matches, and no other.
    ({"userid_transformers": transformers(("^x", "y"), ("@.*", ""), ("User", "other"))}, "User"),
    ({"userid_transformers": transformers((r"(\w+)@(\w+).*", "$2-${1}"))}, "Example-User"),
    ({"userid_transformers": transformers(("User", r"\1\n"))}, "\\1\\n@Example.com"),
    ({"userid_transformers": transformers(("@.*", "")), "userid_lowercase": True, "userid_prefix": "p-"}, "p-user"),
])  # fmt: skip
def test_the_user_id_is_made_by_rules(rules: dict[str, object], userid: str):
    assert identify(**rules).userid == userid


@pytest.mark.parametrize(("claims", "rules", "reason"), [
    ({"email": "u@example.com", "email_verified": False}, {}, "email_not_verified"),
    ({"sub": "1", "email": "u@example.com", "email_verified": False},
     {"userid_claim": "sub", "allowed_emails": ["u@example.com"]}, "email_not_verified"),
    ({"name": "u"}, {}, "userid_missing"),
    ({"email": ["u@example.com"]}, {}, "userid_missing"),
    ({"email": 7}, {}, "userid_missing"),
    (CLAIMS, {"userid_transformers": transformers((".*", "")), "userid_prefix": "admin"}, "userid_missing"),
    (CLAIMS, {"allowed_groups": ["c", "A"]}, "group_not_allowed"),
    ({"email": "u@example.com"}, {"allowed_groups": ["a"]}, "group_not_allowed"),
    (CLAIMS, {"allowed_emails": ["other@example.com", "@example.org"]}, "email_not_allowed"),
    ({"sub": "1"}, {"userid_claim": "sub", "allowed_emails": ["@example.com"]}, "email_not_allowed"),
    ({"email": "u@evil.com@example.com.evil"}, {"allowed_emails": ["@example.com"]}, "email_not_allowed"),
    (CLAIMS, {"allowed_emails": ["@example.com"], "allowed_groups": ["c"]}, "group_not_allowed"),
])  # fmt: skip
def test_who_is_not_let_in(claims: dict[str, object], rules: dict[str, object], reason: str):
    with pytest.raises(identity.IdentityError, match=reason):
        identify(claims, **rules)


@pytest.mark.parametrize("rules", [
    {"allowed_groups": ["b"]}, {"allowed_emails": ["@EXAMPLE.com"]}, {"allowed_emails": ["user@example.com"]},
    {"allowed_emails": ["@example.com"], "allowed_groups": ["a", "z"]},
])  # fmt: skip
def test_who_is_let_in(rules: dict[str, object]):
    assert identify(**rules).groups == ("a", "b")


def test_the_groups_can_be_another_claim():
    assert identify({"email": "u", "roles": ["x"]}, groups_claim="roles").groups == ("x",)


def test_rules_that_change_hold_at_the_next_renewal():
    old = service.build(options())
    person = policy.Policy(old.options).identify(CLAIMS)
    raw = old.refreshes.issue(person, session.begin(NOW), NOW).encode()
    for rules, userid in (({"userid_lowercase": True}, "user@example.com"), ({}, "User@Example.com")):
        assert service.build(options(**rules)).refreshes.verify(raw, NOW).identity.userid == userid
    with pytest.raises(tokens.RefusedError, match="group_not_allowed"):
        service.build(options(allowed_groups=["c"])).refreshes.verify(raw, NOW)


@pytest.mark.parametrize(("field", "value"), [
    ("userid_transformers", transformers(("(", ""))), ("userid_transformers", transformers(("a", "$1"))),
    ("userid_transformers", transformers(("(a)", "${2}"))), ("userid_transformers", [{"matches": "a"}]),
    ("userid_prefix", "a\nb"), ("skip_auth", ["/"]), ("skip_auth", ["public"]), ("skip_auth", ["/a/../b"]),
    ("skip_auth", ["/a%2fb"]), ("skip_auth", ["//a"]), ("skip_auth", [""]), ("identity_header", "cookie"),
    ("identity_header", "kubeflow-userid"), ("allowed_groups", [""]),
])  # fmt: skip
def test_rules_that_cannot_be_are_named(field: str, value: object):
    with pytest.raises(settings.ConfigurationError, match=field if field != "identity_header" else "header"):
        options(**{field: value})


def test_a_signed_statement_says_who_somebody_is_and_is_no_session():
    parts = service.build(options(identity_header="kubeflow-identity"))
    token = parts.sessions.mint(identity.Identity(userid="u", groups=("a",)), NOW)
    asked = head.Head(b"GET", b"/x", [(b"host", b"127.0.0.1:8080"), (b"authorization", f"Bearer {token}".encode())])
    given = parts.gate.decide(asked, NOW)
    assert given is not None
    (statement,) = given.header("kubeflow-identity")
    keys = typing.cast("list[dict[str, str]]", parts.sessions.published["keys"])
    proven = jws.deserialize_compact(statement, jwk.ECKey.import_key(keys[0]), ["ES256"])
    claims = json.loads(proven.payload or b"")
    assert (claims["userid"], claims["groups"], claims["aud"]) == ("u", "a", "kubeflow-identity")
    assert (claims["iat"], claims["exp"]) == (NOW, NOW + 900)
    with pytest.raises(tokens.RefusedError):
        parts.sessions.verify(statement.encode(), NOW)


@pytest.mark.parametrize(("left", "stated"), [(10_000, 900), (300, 300), (0.5, 1)])
def test_a_signed_statement_lasts_no_longer_than_what_proves_it(left: float, stated: int):
    sessions = session.Sessions(options(), revocation.Ledger())
    proof = guard.Proof(identity=identity.Identity(userid="u"), expires=NOW + left)
    claims = json.loads(jws.extract_compact(sessions.attest(proof, NOW).encode()).payload)
    assert claims["exp"] - claims["iat"] == stated


def decide(target: str, **rules: object) -> tuple[int, dict[str, str]]:
    parts = service.build(options(skip_auth=["/public", "/a/b/"], **rules))
    asked = head.Head(b"GET", target.encode(), [(b"host", b"127.0.0.1:8080"), (b"accept", b"application/json")])
    given = parts.gate.decide(asked, NOW)
    assert given is not None
    return given.status, dict(given.headers)


@pytest.mark.parametrize(
    "path", ["/public", "/public/", "/public/x/y", "/public?x=/../", "/a/b", "/a/b/c", "/public/%70"]
)
def test_a_path_that_needs_no_login(path: str):
    status, headers = decide(path, identity_header="kubeflow-identity")
    # Empty, so that they take the place of what a client sent.
    assert (status, headers) == (200, {"kubeflow-userid": "", "kubeflow-groups": "", "kubeflow-identity": ""})


@pytest.mark.parametrize("path", [
    "/publicx", "/Public", "/a", "/a/bc", "/", "/x/public", "/public/../x", "/public/%2e%2e/x", "/public/..%2fx",
    "/public%2f..%2fx", "//public", "/public//x", "/public;/../x", "/public/.;/x", "/public\\..\\x", "/public/%5c../x",
    "/public/%252e%252e/x", "/public/%00", "/public/x#y", "/public/%3f", "/./public", "/public/.", "/public/...",
    "http://h/../public", "*", "/%70ublic",
])  # fmt: skip
def test_a_path_that_only_looks_like_one(path: str):
    assert decide(path)[0] == 401


def test_who_is_known_stays_known_on_such_a_path():
    parts = service.build(options(skip_auth=["/public"]))
    token = parts.sessions.mint(identity.Identity(userid="u"), NOW)
    asked = head.Head(b"GET", b"/public", [(b"cookie", f"authservice_session={token}".encode())])
    given = parts.gate.decide(asked, NOW)
    assert given is not None
    assert given.header("kubeflow-userid") == ["u"]


@hypothesis.settings(max_examples=10_000, deadline=None)
@hypothesis.given(strategies.lists(strategies.sampled_from(attacks.PIECES), max_size=8), strategies.booleans())
def test_no_path_slips_past_in_any_reading(pieces: list[bytes], inside: bool):
    path = (b"/public" if inside else b"/") + b"".join(pieces)
    if skip.Skips(["/public"]).covers(path):
        for reading in attacks.readings(path):
            assert reading == "/public" or reading.startswith("/public/"), (path, reading)
