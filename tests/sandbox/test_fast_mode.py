# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Fast mode with the real gatekeeper's keys, as they come by relation: who is asked, and what an application sees."""

import collections.abc
import contextlib
import json
import re
import time

import httpx
import joserfc.jwk
import joserfc.jwt
import live
import pytest
import upstream

IDENTITY = ("kubeflow-userid", "kubeflow-groups")
LIFETIME = 60
# clock_skew_seconds of the gateway's jwt_authn filter.
SKEW = 5


@pytest.fixture(scope="module")
def fast(running: live.Live) -> collections.abc.Iterator[live.Live]:
    """The running sandbox, whose gateway verifies sessions itself."""
    running.config("ambassador-route", "fast-mode=true")
    live.wait(running.active, hint="active in fast mode")
    yield running
    running.config("ambassador-route", "--reset", "fast-mode")
    live.wait(running.active, hint="active without fast mode")


def checks(sandbox: live.Live) -> int:
    """Return how many checks the gatekeeper has answered."""
    unit = sandbox.status()["applications"]["gatekeeper"]["units"]["gatekeeper/0"]
    text = httpx.get(f"http://{unit['address']}:8081/metrics", trust_env=False).text
    return int(sum(float(count) for count in re.findall(r"^gatekeeper_checks_total\S* (\S+)$", text, re.MULTILINE)))


def session(sandbox: live.Live) -> str:
    """Log in, and return the session."""
    client, _ = sandbox.login()
    with contextlib.closing(client):
        return client.cookies[live.SESSION]


def get(sandbox: live.Live, token: str, **headers: str) -> httpx.Response:
    """Ask for a protected page with a session and nothing that could renew it."""
    cookie = f"theirs=1; {live.SESSION}={token}"
    return httpx.get(f"{sandbox.url}/recorded/x", headers={"cookie": cookie, **headers}, trust_env=False)


def signing_key(sandbox: live.Live) -> dict[str, str]:
    path = sandbox.file("gatekeeper/0", "gatekeeper", "/etc/gatekeeper/config.json")
    return json.loads(path.read_text())["signing_keys"][0]


def signed(sandbox: live.Live, key: dict[str, str], token: str, **changes: object) -> str:
    """Return a session with other claims, signed by a key of the gatekeeper."""
    claims = joserfc.jwt.decode(token, joserfc.jwk.ECKey.import_key(signing_key(sandbox)["pem"])).claims
    header = {"alg": "ES256", "kid": key["kid"], "typ": "JWT"}
    return joserfc.jwt.encode(header, {**claims, **changes}, joserfc.jwk.ECKey.import_key(key["pem"]))


def test_a_session_of_the_gatekeeper_is_accepted_without_asking_it(fast: live.Live, protected: upstream.Upstream):
    token = session(fast)
    before = checks(fast)
    for _ in range(20):
        assert get(fast, token).status_code == 200
    assert checks(fast) == before
    # The counter counts: what is no session is asked about.
    assert get(fast, "none").status_code == 302
    assert checks(fast) == before + 1


def test_an_application_sees_what_it_would_see_if_the_gatekeeper_had_been_asked(
    fast: live.Live, protected: upstream.Upstream
):
    token = session(fast)
    spoofed = {"kubeflow-userid": "root@example.com", "Kubeflow-Groups": "admins", "kubeflow_userid": "root"}
    seen: list[list[list[str]]] = []
    for asked in (False, True):
        fast.config("ambassador-route", f"fast-mode={str(not asked).lower()}")
        live.wait(fast.active)
        before = checks(fast)
        protected.take()
        assert get(fast, token, **spoofed).status_code == 200
        assert checks(fast) == before + asked
        (received,) = protected.take()
        seen.append([received.header(name) for name in (*IDENTITY, "kubeflow_userid", "cookie", "authorization")])
    fast.config("ambassador-route", "fast-mode=true")
    live.wait(fast.active)
    # Who is in no group gets an empty header of the gatekeeper, and none of Envoy, which copies no empty claim.
    none, empty = (received.pop(1) for received in seen)
    assert (none, empty) == ([], [""])
    assert seen[0] == seen[1]
    assert seen[0] == [["user@example.com"], [], ["theirs=1"], []]


def test_what_envoy_must_not_let_in_is_asked_about(fast: live.Live, protected: upstream.Upstream):
    token, key, now = session(fast), signing_key(fast), int(time.time())
    assert get(fast, signed(fast, key, token, email="other")).status_code == 200
    stranger = joserfc.jwk.ECKey.generate_key("P-256").as_pem(private=True).decode()
    wrong = {
        "ended": signed(fast, key, token, iat=now - 100, exp=now - SKEW - 1),
        "another key by the same name": signed(fast, {**key, "pem": stranger}, token),
        "a name that nobody knows": signed(fast, {**key, "kid": "other"}, token),
        "issuer": signed(fast, key, token, iss="https://evil.example"),
        "no session": signed(fast, key, token, aud="kubeflow-identity"),
        "cut": token[:-4],
    }
    asked = signed(fast, key, token, aud="kubeflow-asked")
    before = checks(fast)
    assert get(fast, asked).status_code == 200
    assert checks(fast) == before + 1
    protected.take()
    for name, value in wrong.items():
        before = checks(fast)
        assert get(fast, value).status_code == 302, name
        assert checks(fast) == before + 1, name
    assert protected.take() == []


def test_keys_that_are_rotated_reach_the_gateway(fast: live.Live):
    token, first = session(fast), signing_key(fast)["kid"]
    for _ in range(2):
        fast.run("gatekeeper/leader", "rotate-keys")
        live.wait(lambda: fast.settled() and fast.active(), hint="settle after the rotation")
    assert signing_key(fast)["kid"] != first
    fresh = session(fast)
    before = checks(fast)
    assert get(fast, fresh).status_code == 200
    assert get(fast, token).status_code == 200
    assert checks(fast) == before


def test_a_revoked_session_ends_within_the_life_of_its_token(fast: live.Live):
    fast.config("gatekeeper", f"session-lifetime={LIFETIME}")
    live.wait(fast.active)
    token = session(fast)
    end = time.monotonic() + LIFETIME + SKEW + 1
    fast.run("gatekeeper/leader", "revoke-sessions", "user=user@example.com")
    live.wait(lambda: get(fast, token).status_code == 302, seconds=end - time.monotonic(), hint="the token ends")
    # By option at once.
    fast.config("gatekeeper", "--reset", "session-lifetime")
    live.wait(fast.active)
    token = session(fast)
    fast.run("gatekeeper/leader", "revoke-sessions", "user=user@example.com")
    assert get(fast, token).status_code == 200
    fast.config("ambassador-route", "fast-mode=false")
    live.wait(lambda: get(fast, token).status_code == 302, seconds=5, hint="the gatekeeper is asked")
    fast.config("ambassador-route", "fast-mode=true")
    live.wait(fast.active)
