# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Logging in and out against a running service: what succeeds, what is refused, and what happens when things fail."""

import html
import re
import time
import urllib.parse

import attacks
import httpx
import pytest
from gatekeeper_support import Provider, Running, free_port, log_in, wait
from joserfc import jwk, jws

SESSION = "authservice_session"
REFRESH = "authservice_refresh"
CALLBACK = "/authservice/oidc/callback"


@pytest.fixture(autouse=True)
def healthy(provider: Provider, running: Running):
    """Leave the provider as it was found."""
    claims, key = provider.claims, provider.key
    yield
    provider.claims, provider.token_error, provider.status, provider.announced = claims, None, 200, provider.issuer
    provider.key = key


def test_a_login_ends_on_the_page_first_asked_for(running: Running, provider: Provider):
    with running.client() as client:
        location = client.get("/page/a%20b?x=1&y=%2Fz").headers["location"]
        answer = client.get(provider.agree(location))
        assert (answer.status_code, answer.headers["location"]) == (302, "/page/a%20b?x=1&y=%2Fz")
        assert answer.headers["cache-control"] == "no-store"
        assert {name for name in client.cookies if name.startswith("authservice_")} == {SESSION, REFRESH}
        lines = answer.headers.get_list("set-cookie")
        (line,) = [line for line in lines if line.startswith(f"{SESSION}=")]
        assert {"HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=900"} <= set(line.split("; "))
        assert client.get("/x").headers["kubeflow-userid"] == "user@example.com"


def test_of_all_tokens_that_are_given_out_only_the_session_is_for_gateways(tmp_path, provider: Provider):
    made = Running(tmp_path, issuer=provider.issuer, identity_header="x-signed")
    with made.client() as client:
        asked = [client.get("/page")]
        asked.append(client.get(provider.agree(asked[0].headers["location"])))
        asked += [
            client.get(path) for path in ("/x", "/authservice/tokens", "/authservice/keys", "/authservice/logout")
        ]
    made.stop()
    audiences: dict[str, str] = {}
    for answer in asked:
        for name, value in (*answer.headers.multi_items(), ("body", answer.text)):
            place = value.partition("=")[0] if name == "set-cookie" else name
            for token in re.findall(r"eyJ[\w.-]+", value):
                audiences[place] = attacks.parts(token)[1]["aud"]
    assert audiences == {SESSION: "kubeflow", "x-signed": "kubeflow-identity"}


def test_two_tabs_each_end_on_their_own_page(running: Running, provider: Provider):
    with running.client() as client:
        first, second = (client.get(path).headers["location"] for path in ("/first", "/second"))
        assert client.get(provider.agree(first)).headers["location"] == "/first"
        assert client.get(provider.agree(second)).headers["location"] == "/second"


def test_a_restart_in_between_does_not_matter(tmp_path, provider: Provider):
    made = Running(tmp_path, issuer=provider.issuer)
    with made.client() as client:
        wait(lambda: client.get("/x").status_code == 302)
        back = provider.agree(client.get("/page").headers["location"])
        made.stop()
        made.start()
        assert client.get(back).headers["location"] == "/page"
        assert client.get("/x").status_code == 200
    made.stop()


def test_a_callback_in_another_browser_gives_no_session(running: Running, provider: Provider):
    with running.client() as attacker, running.client() as victim:
        back = provider.agree(attacker.get("/page").headers["location"])
        asked = len(provider.requests)
        answer = victim.get(back)
        assert answer.status_code == 302
        assert answer.headers["location"].startswith(f"{provider.issuer}/auth?")
        assert SESSION not in victim.cookies
        # The code was not even looked at.
        assert provider.requests[asked:] == []
        # Not even with an attempt of the victim's own beside it.
        victim.get("/other")
        victim.get(back)
        assert SESSION not in victim.cookies
        assert provider.requests[asked:] == []


def test_a_late_callback_with_a_session_goes_to_the_page(running: Running, provider: Provider):
    with log_in(running, provider) as client, running.client() as other:
        back = provider.agree(other.get("/late?x=1").headers["location"])
        assert client.get(back).headers["location"] == "/late?x=1"
        assert client.get(f"{CALLBACK}?code=x&state=nonsense").headers["location"] == "/"


def test_a_callback_twice_is_harmless(running: Running, provider: Provider):
    with running.client() as client:
        back = provider.agree(client.get("/page").headers["location"])
        assert client.get(back).headers["location"] == "/page"
        assert client.get(back).headers["location"] == "/page"


@pytest.mark.parametrize("cookies", [True, False], ids=["cookies", "no cookies"])
def test_a_login_that_never_succeeds_ends_with_a_page(running: Running, provider: Provider, cookies: bool):
    with running.client() as client:
        answer, rounds = client.get("/page"), 0
        while answer.status_code == 302:
            rounds += 1
            for name in list(client.cookies):
                if not cookies or name.startswith("authservice_login_"):
                    client.cookies.delete(name)
            answer = client.get(provider.agree(answer.headers["location"]), headers={"accept": "text/html"})
            assert rounds < 10
        assert rounds == 3
        assert answer.status_code == 400
        assert "cookies blocked" in answer.text
        assert 'href="/page"' in answer.text


def test_attempts_that_nobody_can_read_end_with_a_page_too(running: Running):
    with running.client() as client:
        page = {"accept": "text/html"}
        answers = [client.get(f"{CALLBACK}?code=x&state=nonsense", headers=page) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [302, 302, 400]
        assert "cookies blocked" in answers[-1].text


def test_of_a_repeated_field_the_first_counts(running: Running, provider: Provider):
    with running.client() as client:
        back = provider.agree(client.get("/page").headers["location"])
        assert client.get(f"{back}&code=other&state=other").headers["location"] == "/page"


def test_five_attempts_at_most_are_kept(running: Running):
    with running.client() as client:
        for number in range(12):
            assert client.get(f"/{number}").status_code == 302
        assert len([name for name in client.cookies if name.startswith("authservice_login_")]) == 5


@pytest.mark.parametrize(("error", "status", "reason"), [
    ("access_denied", 403, "provider_access_denied"),
    ("temporarily_unavailable", 503, "provider_temporarily_unavailable"),
    ("login_required", 403, "provider_login_required"), ("invalid_scope", 502, "provider_invalid_scope"),
    ("Call 0900 to log in", 502, "provider_other"), ("<script>", 502, "provider_other"),
])  # fmt: skip
def test_an_error_of_the_provider_is_told_in_our_words(running: Running, error: str, status: int, reason: str):
    """Anybody can send somebody to this address with words of their own."""
    name = f"request-of-{reason}-{len(error)}"
    words = {"error": error, "error_description": "Ring this number\n" + "x" * 5000}
    with running.client() as client:
        headers = {"accept": "text/html", "x-request-id": name}
        answer = client.get(f"{CALLBACK}?{urllib.parse.urlencode(words)}", headers=headers)
    assert answer.status_code == status
    assert f"<dd>{reason}</dd>" in answer.text
    assert name in answer.text
    for foreign in ("Ring", "0900", "<script", "xxx"):
        assert foreign not in answer.text
    style = re.search(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    assert style
    assert "http" not in style[1]
    (line,) = [line for line in running.log() if line.get("request_id") == name and "error" in line]
    assert line["error_description"].startswith("Ring this number")
    assert len(line["error_description"]) == 300


@pytest.mark.parametrize(
    "query", ["", "code=", "state=x", "code=x&iss=https://evil.example", "code=x&state=y" + "&a=b" * 49]
)
def test_a_callback_without_an_answer_is_a_page(running: Running, query: str):
    with running.client() as client:
        answer = client.get(f"{CALLBACK}?{query}", headers={"accept": "text/html"})
        assert answer.status_code == 400
        assert client.head(f"{CALLBACK}?{query}").status_code == 405
        assert client.post(f"{CALLBACK}?{query}").status_code == 405


@pytest.mark.parametrize(
    ("claims", "status", "reason"),
    [
        ({"name": "n"}, 403, "userid_missing"),
        ({"email": "a\r\nx: y"}, 403, "userid_unfit"),
        ({"email": "用户@example.com"}, 403, "userid_unfit"),
        ({"email": "u@example.com", "groups": ["a\nb"]}, 403, "group_unfit"),
        ({"email": "u@example.com", "email_verified": False}, 403, "email_not_verified"),
        ({"email": "u@example.com", "groups": [f"group-{n}" for n in range(300)]}, 403, "session_too_large"),
        ({"email": "u@example.com", "nonce": "other"}, 502, "id_token_refused"),
        ({"email": "u@example.com", "aud": "other"}, 502, "id_token_refused"),
        ({"email": "u@example.com", "azp": "other"}, 502, "id_token_refused"),
        ({"email": "u@example.com", "aud": ["authservice-oidc", "other"]}, 502, "id_token_refused"),
        ({"email": "u@example.com", "iss": "https://evil.example"}, 502, "id_token_refused"),
        ({"email": "u@example.com", "exp": 1}, 502, "id_token_refused"),
    ],
)
def test_tokens_that_let_nobody_in(
    running: Running, provider: Provider, claims: dict[str, object], status: int, reason: str
):
    provider.claims = claims
    if "nonce" in claims:
        provider.claims = {key: value for key, value in claims.items() if key != "nonce"}
    with running.client() as client:
        back = provider.agree(client.get("/page").headers["location"])
        if "nonce" in claims:
            provider.nonces = dict.fromkeys(provider.nonces, "other")
        answer = client.get(back, headers={"accept": "text/html"})
        assert (answer.status_code, SESSION in client.cookies) == (status, False)
        assert reason in answer.text
        assert 'href="/page"' in answer.text
    counted = httpx.get(f"{running.management}/metrics", trust_env=False).text
    assert f'gatekeeper_logins_total{{outcome="{reason}",connector=""}}' in counted
    failed = [line for line in running.log() if line["message"] == "login failed"][-1]
    assert (failed["level"], failed["reason"]) == ("warning", reason)


def test_an_id_token_is_a_bearer_and_forged_ones_are_not(running: Running, provider: Provider):
    good = provider.id_token()
    forged = {
        **attacks.forged_of_a_provider(good, provider.key),
        "audience": provider.id_token(aud="other"),
        "party": provider.id_token(azp="other"),
        "expired": provider.id_token(exp=1),
        "issuer": provider.id_token(iss=running.url),
    }
    with running.client() as client:
        answer = client.get("/x", headers={"authorization": f"Bearer {good}"})
        assert (answer.status_code, answer.headers["kubeflow-userid"]) == (200, "user@example.com")
        assert client.get("/x", headers={"cookie": f"{SESSION}={good}"}).status_code == 302
    with running.client() as client:
        for name, token in forged.items():
            answer = client.get("/x", headers={"authorization": f"Bearer {token}", "accept": "text/html"})
            assert (answer.status_code, "location" in answer.headers) == (401, False), name


def test_an_id_token_ends_also_where_it_is_remembered(running: Running, provider: Provider):
    token = provider.id_token(exp=int(time.time()) + 2)
    with running.client() as client:
        headers = {"authorization": f"Bearer {token}"}
        assert client.get("/x", headers=headers).status_code == 200
        wait(lambda: client.get("/x", headers=headers).status_code == 401, seconds=4)


def test_new_keys_of_the_provider_are_learnt_and_old_ones_forgotten(tmp_path, provider: Provider):
    made = Running(tmp_path, issuer=provider.issuer)
    with made.client() as client:
        wait(lambda: client.get("/x").status_code == 302)
        old = {"authorization": f"Bearer {provider.id_token()}"}
        assert client.get("/x", headers=old).status_code == 200
        provider.rotate("p2")
        # A login always asks for an unknown key.
        client.get(provider.agree(client.get("/page").headers["location"]))
        assert client.get("/x").status_code == 200
        client.cookies.clear()
        assert client.get("/x", headers={"authorization": f"Bearer {provider.id_token()}"}).status_code == 200
        assert client.get("/x", headers=old).status_code == 401
        # Tokens with unknown keys do not make it ask without end.
        provider.rotate("p3")
        asked = len(provider.requests)
        for number in range(30):
            bearer = {"authorization": f"Bearer {provider.id_token(n=number)}"}
            assert client.get("/x", headers=bearer).status_code == 401
        assert len(provider.requests) - asked <= 2
    made.stop()


def test_sessions_go_on_without_the_provider_and_logins_come_back_by_themselves(tmp_path):
    source = Provider()
    made = Running(tmp_path, issuer=source.issuer)
    with made.client() as client:
        wait(lambda: client.get("/x").status_code == 302)
        back = source.agree(client.get("/page").headers["location"])
        client.get(back)
        source.stop()
        assert client.get("/x").status_code == 200
        made.stop()
        made.start()
        # After a restart too: only logins need the provider.
        assert client.get("/x").status_code == 200
        with made.client() as stranger:
            assert stranger.get("/page", headers={"accept": "text/html"}).status_code == 503
            source.start()
            wait(lambda: stranger.get("/page").status_code == 302)
    made.stop()
    source.stop()


def test_a_provider_that_calls_itself_otherwise_is_waited_for(tmp_path):
    source = Provider()
    source.announced = "http://temporary.example/dex"
    made = Running(tmp_path, issuer=source.issuer)
    with made.client() as client:
        page = client.get("/page", headers={"accept": "text/html"})
        assert page.status_code == 503
        assert "provider_issuer" in page.text
        assert "temporary.example" not in page.text
        source.announced = source.issuer
        wait(lambda: client.get("/page").status_code == 302)
    made.stop()
    source.stop()


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        ((503, "server_error"), 503, "provider_error"),
        ((401, "invalid_client"), 502, "client_refused"),
        ((400, "invalid_request"), 503, "provider_error"),
    ],
)
def test_a_failed_exchange_is_a_page(
    running: Running, provider: Provider, error: tuple[int, str], status: int, reason: str
):
    provider.token_error = error
    with running.client() as client:
        back = provider.agree(client.get("/page").headers["location"])
        answer = client.get(back, headers={"accept": "text/html"})
        assert (answer.status_code, reason in answer.text) == (status, True)
        assert provider.issuer not in answer.text


def test_a_refused_code_begins_the_login_again(running: Running, provider: Provider):
    with running.client() as client:
        back = provider.agree(client.get("/page").headers["location"])
        provider.token_error = (400, "invalid_grant")
        answer = client.get(back)
        assert answer.headers["location"].startswith(f"{provider.issuer}/auth?")
        provider.token_error = None
        assert client.get(provider.agree(answer.headers["location"])).headers["location"] == "/page"


def test_the_back_channel_is_used_for_everything_but_the_browser(tmp_path):
    source = Provider()
    public = "http://public.example:9/dex"
    back = source.issuer
    source.issuer = source.announced = public
    made = Running(tmp_path, issuer=public, back_channel=back)
    with made.client() as client:
        wait(lambda: client.get("/x").status_code == 302)
        location = client.get("/page").headers["location"]
        assert location.startswith(f"{public}/auth?")
        assert client.get(source.agree(location)).headers["location"] == "/page"
    made.stop()
    source.stop()


def test_logout_by_a_link_ends_the_session(running: Running, provider: Provider):
    with log_in(running, provider) as client:
        token = client.cookies[SESSION]
        answer = client.get(
            "/authservice/logout", headers={"sec-fetch-site": "same-origin", "sec-fetch-mode": "navigate"}
        )
        assert (answer.status_code, answer.headers["location"]) == (302, "/")
        assert SESSION not in client.cookies
    with running.client() as thief:
        assert thief.get("/x", headers={"cookie": f"{SESSION}={token}"}).status_code == 302


def test_a_logout_after_the_session_has_ended_takes_its_refresh_token_back(running: Running, provider: Provider):
    with log_in(running, provider) as client:
        long = {"cookie": f"{REFRESH}={client.cookies[REFRESH]}"}
        del client.cookies[SESSION]
        with running.client() as thief:
            assert thief.get("/x", headers=long).status_code == 200
            assert client.post("/authservice/logout", headers={"origin": running.url}).status_code == 201
            assert thief.get("/x", headers={**long, "accept": "application/json"}).status_code == 401


def test_a_link_on_a_page_of_this_site_is_enough_over_plain_http(running: Running, provider: Provider):
    with log_in(running, provider) as client:
        answer = client.get("/authservice/logout", headers={"referer": f"{running.url}/dashboard"})
        assert (answer.status_code, answer.headers["location"]) == (302, "/")
        assert client.get("/x").status_code == 302


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer {token}"}, {"origin": "{url}"}])
def test_a_provider_that_can_end_its_session_is_asked_to(tmp_path, headers: dict[str, str]):
    source = Provider()
    source.endpoints = {"end_session_endpoint": f"{source.issuer}/logout?x=1"}
    made = Running(tmp_path, issuer=source.issuer, after_logout_url="/bye?x=1")
    with made.client() as client:
        wait(lambda: client.get("/x").status_code == 302)
    with log_in(made, source) as client:
        token = client.cookies[SESSION]
        if headers:
            filled = {name: text.format(token=token, url=made.url) for name, text in headers.items()}
            location = client.post("/authservice/logout", headers=filled).json()["afterLogoutURL"]
        else:
            location = client.get("/authservice/logout", headers={"sec-fetch-site": "none"}).headers["location"]
    assert location.startswith(f"{source.issuer}/logout?x=1&")
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(location).query))
    assert query["client_id"] == "authservice-oidc"
    assert query["post_logout_redirect_uri"] == f"{made.url}/bye?x=1"
    assert made.stop() == 0
    source.stop()


@pytest.mark.parametrize("headers", [
    # Browsers do not say where a link was, over plain http from elsewhere than localhost.
    {}, {"referer": "http://evil.example/"}, {"referer": "{url}.evil.example/"}, {"referer": "{url}"},
    {"referer": "{url}/x", "sec-fetch-site": "same-site"},
    {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"},
    {"sec-fetch-site": "same-origin", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"},
    {"sec-fetch-site": "same-origin", "sec-fetch-mode": "navigate", "sec-purpose": "prefetch;prerender"},
])  # fmt: skip
def test_a_link_of_another_site_only_asks(running: Running, provider: Provider, headers: dict[str, str]):
    with log_in(running, provider) as client:
        filled = {name: text.format(url=running.url) for name, text in headers.items()}
        answer = client.get("/authservice/logout", headers=filled)
        assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)
        assert 'method="post"' in answer.text
        assert "no-referrer" not in answer.headers["referrer-policy"]
        assert client.get("/x").status_code == 200


def test_the_form_that_confirms_a_logout(running: Running, provider: Provider):
    with log_in(running, provider) as client:
        headers = {"origin": running.url, "sec-fetch-mode": "navigate", "accept": "text/html"}
        answer = client.post("/authservice/logout", headers=headers)
        assert (answer.status_code, answer.headers["location"]) == (302, "/")
        assert client.get("/x").status_code == 302


@pytest.mark.parametrize("headers", [
    {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "https://evil.example"},
    {"origin": "null"},
])  # fmt: skip
def test_another_site_cannot_post_a_logout(running: Running, provider: Provider, headers: dict[str, str]):
    with log_in(running, provider) as client:
        assert client.post("/authservice/logout", headers=headers).status_code == 403
        assert client.get("/x").status_code == 200


def test_logout_by_programs(running: Running, provider: Provider):
    with log_in(running, provider) as client:
        token = client.cookies[SESSION]
    with running.client() as script:
        headers = {"authorization": f"Bearer {token}"}
        answer = script.post("/authservice/logout", headers=headers)
        assert (answer.status_code, answer.json()) == (201, {"afterLogoutURL": "/"})
        assert script.get("/x", headers=headers).status_code == 401
        assert script.post("/authservice/logout", headers=headers).status_code == 401
        assert script.post("/authservice/logout").status_code == 201


def test_the_real_dex_logs_somebody_in(tmp_path, dex: tuple[str, int], monkeypatch: pytest.MonkeyPatch):
    issuer, port = dex
    management = f"127.0.0.1:{free_port()}"
    monkeypatch.setattr("gatekeeper_support.free_port", lambda: port)
    made = Running(tmp_path, issuer=issuer, management=management)
    with httpx.Client(base_url=made.url, follow_redirects=True, timeout=10, trust_env=False) as client:
        wait(lambda: client.get("/page?x=1").status_code == 200)
        pages = [client.get(path) for path in ("/one?x=1", "/two")]
        for page, path in zip(pages, ("/one?x=1", "/two"), strict=True):
            action = re.search(r'<form[^>]*action="([^"]*)"', page.text)
            assert action, page.text
            target = urllib.parse.urljoin(str(page.url), html.unescape(action[1]))
            wrong = client.post(target, data={"login": "user@example.com", "password": "wrong"})
            assert SESSION not in client.cookies or path == "/two"
            assert "Invalid" in wrong.text
            done = client.post(target, data={"login": "user@example.com", "password": "password"})
            assert (done.status_code, str(done.url)) == (200, f"{made.url}{path}")
            assert done.headers["kubeflow-userid"] == "user@example.com"
        keys = client.get("/authservice/keys").json()["keys"]
        claims = jws.deserialize_compact(client.cookies[SESSION], jwk.ECKey.import_key(keys[0]), ["ES256"])
        assert b"user@example.com" in (claims.payload or b"")
    made.stop()
