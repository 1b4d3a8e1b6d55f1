# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The flow that the guide promises, statement by statement, through the real gateway, gatekeeper and Dex."""

import base64
import contextlib
import http.client
import json
import pathlib
import time
import urllib.parse

import httpx
import joserfc.jwk
import joserfc.jwt
import live
import pytest
import upstream

IDENTITY = ("kubeflow-userid", "kubeflow-groups")
# Every spelling of an identity header that some server, somewhere, would read as one.
SPELLINGS = (
    "kubeflow-userid",
    "Kubeflow-Userid",
    "KUBEFLOW-USERID",
    "kubeflow_userid",
    "kubeflow-groups",
    "kubeflow_groups",
)


def unfollowed(sandbox: live.Live) -> httpx.Client:
    return httpx.Client(base_url=sandbox.url, timeout=20)


def parts(token: str) -> list[dict]:
    return [json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in token.split(".")[:2]]


def encode(part: dict) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def test_unauthenticated_request_never_reaches_the_application(sandbox: live.Live, protected: upstream.Upstream):
    """F1: the gateway asks the gatekeeper first; the upstream gets nothing."""
    protected.take()
    with unfollowed(sandbox) as client:
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
            assert client.request(method, "/recorded/page").status_code in (302, 401), method
    assert protected.take() == []


def test_page_load_is_redirected_to_dex_and_never_cached(sandbox: live.Live):
    """F2, F3: a redirect to Dex's authorization endpoint, with everything that the flow needs."""
    with unfollowed(sandbox) as client:
        answer = client.get("/recorded/page", headers={"accept": "text/html"})
    assert answer.status_code == 302
    assert answer.headers["cache-control"] == "no-store"
    target = urllib.parse.urlsplit(answer.headers["location"])
    query = dict(urllib.parse.parse_qsl(target.query))
    assert f"{target.scheme}://{target.netloc}{target.path}" == f"{sandbox.url}/dex/auth"
    assert query["client_id"] == "authservice-oidc"
    assert query["redirect_uri"] == f"{sandbox.url}/authservice/oidc/callback"
    assert query["code_challenge_method"] == "S256"
    assert query["response_type"] == "code"
    assert query["nonce"]
    assert query["state"]
    assert "openid" in query["scope"].split()


@pytest.mark.parametrize("code", [301, 303, 307])
def test_redirect_code_is_an_option(sandbox: live.Live, code: int):
    """F3: the guide says 301; whatever the code, the redirect is never cached."""
    sandbox.config("gatekeeper", f"login-redirect-code={code}")
    live.wait(sandbox.active)
    with unfollowed(sandbox) as client:
        answer = client.get("/recorded/page")
    assert (answer.status_code, answer.headers["cache-control"]) == (code, "no-store")


def test_dex_is_served_without_the_gatekeeper(sandbox: live.Live):
    """F4, F14: with the gatekeeper down, Dex's pages work, and everything protected is 503."""
    sandbox.cli("stop", "gatekeeper/0", "gatekeeper")
    with unfollowed(sandbox) as client:
        for path in (
            "/dex/.well-known/openid-configuration",
            "/dex/keys",
            "/dex/static/main.css",
            "/dex/theme/styles.css",
        ):
            assert client.get(path).status_code == 200, path
        assert client.get("/dex/callback").status_code == 400
        down = client.get("/recorded/page", headers={"accept": "text/html"})
        assert down.status_code == 503
        assert "gatekeeper" in down.text
        assert down.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path", ["/dexter", "/dex-x", "/dexauth/keys", "/DEX/keys", "/authservicex", "/openly", "/open.html"]
)
def test_paths_that_only_begin_like_a_public_one_are_protected(sandbox: live.Live, path: str):
    """F4: prefixes are compared on segment borders."""
    with unfollowed(sandbox) as client:
        answer = client.get(path)
    assert answer.status_code == 302
    assert answer.headers["location"].startswith(f"{sandbox.url}/dex/auth")


@pytest.mark.parametrize(
    "path",
    [
        "/open/../recorded/x",
        "/open/%2e%2e/recorded/x",
        "//recorded/x",
        "/./recorded/x",
        "/open/..%2frecorded/x",
        "/open/..%2Frecorded/x",
    ],
)
def test_path_tricks_do_not_pass(sandbox: live.Live, protected: upstream.Upstream, path: str):
    protected.take()
    connection = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=10)
    connection.request("GET", path)
    assert connection.getresponse().status in (302, 400)
    connection.close()
    assert protected.take() == []


def test_login_page_has_the_fields_that_scripts_fill_in(sandbox: live.Live):
    """F5: 200, HTML, fields login and password with those ids."""
    with sandbox.client() as client:
        page = client.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    for text in ('id="login"', 'name="login"', 'id="password"', 'name="password"', 'id="submit-login"'):
        assert text in page.text


def test_wrong_password_stays_on_the_page_without_a_session(sandbox: live.Live):
    """F6: the same answer for a wrong password and an unknown user; no cookie."""
    answers = []
    user, _ = sandbox.credentials()
    for name in (user, "nobody@example.com"):
        client, page = sandbox.login(name, "wrong-password")
        with contextlib.closing(client):
            assert page.status_code in (200, 401)
            assert 'name="password"' in page.text
            assert live.SESSION not in client.cookies
            answers.append((page.status_code, "Invalid" in page.text))
    assert answers[0] == answers[1]


def test_login_returns_to_the_page_with_path_and_query(sandbox: live.Live, protected: upstream.Upstream):
    """F7, F9, F11: a fresh deployment lets the static user in, back at path and query of the first request."""
    protected.take()
    path = "/recorded/a%20b/c?x=1&y=%2Fz&empty="
    client, page = sandbox.login(path=path)
    with contextlib.closing(client):
        assert page.status_code == 200
        assert page.text == "from the application"
        hops = [f"{hop.url.path}" for hop in page.history]
        assert "/authservice/oidc/callback" in hops
        received = protected.take()
    assert [request.path for request in received] == [path]


def test_session_cookie_is_a_signed_token_with_every_attribute(sandbox: live.Live):
    """F10: a JWT, HttpOnly, SameSite=Lax, for the whole site; its key is published."""
    client, page = sandbox.login()
    with contextlib.closing(client):
        (callback,) = [hop for hop in page.history if hop.url.path == "/authservice/oidc/callback"]
        (cookie,) = [line for line in callback.headers.get_list("set-cookie") if line.startswith(f"{live.SESSION}=")]
        attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert {"httponly", "samesite=lax", "path=/"} <= attributes
        header, claims = parts(client.cookies[live.SESSION])
        assert header["alg"] == "ES256"
        assert claims["exp"] > time.time()
        assert header["kid"] in {key["kid"] for key in client.get("/authservice/keys").json()["keys"]}
        assert len(cookie) < 1500
        assert callback.headers["cache-control"] == "no-store"


def test_application_learns_who_asks(sandbox: live.Live, protected: upstream.Upstream):
    """F12: the user id reaches the application, whatever the client claims to be."""
    user, _ = sandbox.credentials()
    client, _ = sandbox.login()
    with contextlib.closing(client):
        for spelling in SPELLINGS:
            protected.take()
            assert client.get("/recorded/x", headers=[(spelling, "admin"), (spelling, "root")]).status_code == 200
            (request,) = protected.take()
            assert request.header("kubeflow-userid") == [user], spelling
            assert "admin" not in str(request.headers), spelling
            assert "root" not in str(request.headers), spelling


def test_identity_headers_of_a_client_reach_no_application(sandbox: live.Live, public: upstream.Upstream):
    """F12: on a public route no identity header arrives at all."""
    public.take()
    with unfollowed(sandbox) as client:
        for spelling in SPELLINGS:
            assert client.get("/open/x", headers=[(spelling, "admin")]).status_code == 200
    for request in public.take():
        assert "admin" not in str(request.headers)
        for name in IDENTITY:
            assert request.header(name) == []


def test_a_request_body_arrives_whole(sandbox: live.Live, protected: upstream.Upstream):
    client, _ = sandbox.login()
    with contextlib.closing(client):
        protected.take()
        body = b"x" * 300_000
        assert client.post("/recorded/upload", content=body).status_code == 200
        (request,) = protected.take()
    assert request.body == body


@pytest.mark.parametrize(
    "headers",
    [
        {"accept": "application/json"},
        {"x-requested-with": "XMLHttpRequest"},
        {"sec-fetch-mode": "cors", "sec-fetch-dest": "empty", "accept": "*/*"},
        {"sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"},
    ],
    ids=["json", "xhr", "fetch", "image"],
)
def test_what_is_no_page_load_gets_401_json(sandbox: live.Live, headers: dict[str, str]):
    with unfollowed(sandbox) as client:
        answer = client.get("/recorded/api", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["error"]
    assert "set-cookie" not in answer.headers


def test_forged_tokens_are_no_session(sandbox: live.Live):
    """F13: alg none, tampered claims, a foreign issuer, a cut signature, a token of Dex's shape."""
    client, _ = sandbox.login()
    with contextlib.closing(client):
        token = client.cookies[live.SESSION]
    header, claims = parts(token)
    signature = token.split(".")[2]
    forged = {
        "none": f"{encode({**header, 'alg': 'none'})}.{encode(claims)}.",
        "None": f"{encode({**header, 'alg': 'None'})}.{encode(claims)}.{signature}",
        "hs256": f"{encode({**header, 'alg': 'HS256'})}.{encode(claims)}.{signature}",
        "other user": f"{encode(header)}.{encode({**claims, 'userid': 'root@example.com'})}.{signature}",
        "later": f"{encode(header)}.{encode({**claims, 'exp': claims['exp'] + 9999})}.{signature}",
        "issuer": f"{encode(header)}.{encode({**claims, 'iss': 'https://evil.example'})}.{signature}",
        "cut": token[:-4],
        "no kid": f"{encode({'alg': 'ES256'})}.{encode(claims)}.{signature}",
        "empty": "..",
        "text": "not-a-token",
    }
    with unfollowed(sandbox) as client:
        assert client.get("/recorded/x", headers={"cookie": f"{live.SESSION}={token}"}).status_code == 200
        for name, value in forged.items():
            answer = client.get("/recorded/x", headers={"cookie": f"{live.SESSION}={value}"})
            assert answer.status_code == 302, name


def test_tokens_of_the_right_key_are_refused_for_what_they_say(sandbox: live.Live):
    """F13: expired, another issuer, another audience: signed with the gatekeeper's own key, and still no session."""
    path = sandbox.file("gatekeeper/0", "gatekeeper", "/etc/gatekeeper/config.json")
    key = json.loads(path.read_text())["signing_keys"][0]
    assert path.stat().st_mode & 0o077 == 0
    client, _ = sandbox.login()
    with contextlib.closing(client):
        header, claims = parts(client.cookies[live.SESSION])

    def status(**changes: object) -> int:
        signer = joserfc.jwk.ECKey.import_key(key["pem"])
        token = joserfc.jwt.encode(header, {**claims, **changes}, signer)
        with unfollowed(sandbox) as stranger:
            return stranger.get("/recorded/x", headers={"cookie": f"{live.SESSION}={token}"}).status_code

    now = int(time.time())
    assert status(jti="a new one") == 200
    assert status(exp=now - 1, iat=now - 3600) == 302
    assert status(iss="https://evil.example") == 302
    assert status(aud="somebody-else") == 302
    assert status(exp=None) == 302
    assert status(exp="tomorrow") == 302


def test_the_end_of_a_session_is_honoured_also_by_what_was_remembered(sandbox: live.Live):
    sandbox.config("gatekeeper", "session-lifetime=60")
    live.wait(sandbox.active)
    client, _ = sandbox.login()
    with contextlib.closing(client):
        _, claims = parts(client.cookies[live.SESSION])
    assert claims["exp"] - claims["iat"] == 60
    path = sandbox.file("gatekeeper/0", "gatekeeper", "/etc/gatekeeper/config.json")
    signer = joserfc.jwk.ECKey.import_key(json.loads(path.read_text())["signing_keys"][0]["pem"])
    header = {"alg": "ES256", "kid": json.loads(path.read_text())["signing_keys"][0]["kid"], "typ": "JWT"}
    token = joserfc.jwt.encode(header, {**claims, "exp": int(time.time()) + 3, "jti": "short"}, signer)
    with unfollowed(sandbox) as stranger:
        cookie = {"cookie": f"{live.SESSION}={token}"}
        assert stranger.get("/recorded/x", headers=cookie).status_code == 200
        live.wait(lambda: stranger.get("/recorded/x", headers=cookie).status_code == 302, seconds=5)


def test_a_session_that_ended_is_renewed_in_silence(sandbox: live.Live):
    client, _ = sandbox.login()
    with contextlib.closing(client):
        client.cookies.delete(live.SESSION)
        answer = client.get("/recorded/x")
        assert (answer.status_code, answer.history) == (200, [])
        assert live.SESSION in client.cookies


def test_rotating_keys_logs_nobody_out(sandbox: live.Live):
    client, _ = sandbox.login()
    with contextlib.closing(client):
        for _ in range(2):
            before = parts(client.cookies[live.SESSION])[0]["kid"]
            assert "nobody was logged out" in sandbox.run("gatekeeper/leader", "rotate-keys")["result"]
            live.wait(sandbox.active)
            answer = client.get("/recorded/x")
            assert (answer.status_code, answer.history) == (200, [])
            client.cookies.delete(live.SESSION)
            assert client.get("/recorded/x").history == []
            assert parts(client.cookies[live.SESSION])[0]["kid"] != before


def test_old_sessions_go_on_while_dex_is_down(sandbox: live.Live):
    client, _ = sandbox.login()
    with contextlib.closing(client):
        assert _dex(sandbox)
        sandbox.cli("stop", "dex-auth/0", "dex")
        assert client.get("/recorded/x").status_code == 200
        assert not _dex(sandbox)
        # Its charm starts it again, and whoever asks meanwhile only waits.
        with unfollowed(sandbox) as stranger:
            live.wait(lambda: stranger.get("/dex/keys").status_code == 200, hint="Dex serves again")


def _dex(sandbox: live.Live) -> list[int]:
    """Return the processes of Dex that serve."""
    words = {pid: pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() for pid in live.marked(str(sandbox.home))}
    return [pid for pid, line in words.items() if b"\0serve\0" in line]


def test_a_restart_of_the_gatekeeper_between_redirect_and_callback(sandbox: live.Live):
    user, password = sandbox.credentials()
    with sandbox.client() as client:
        page = client.get("/recorded/after?restart=1")
        sandbox.cli("stop", "gatekeeper/0", "gatekeeper")
        sandbox.cli("start", "gatekeeper/0", "gatekeeper")
        live.wait(lambda: httpx.get(f"{sandbox.url}/authservice/keys").status_code == 200)
        page = live.submit(client, page, login=user, password=password)
        assert (page.status_code, page.url.path, page.url.query) == (200, "/recorded/after", b"restart=1")


def test_a_callback_in_another_browser_gives_no_session(sandbox: live.Live):
    """Login CSRF: whoever starts the flow must end it."""
    user, password = sandbox.credentials()
    with sandbox.client() as attacker, sandbox.client() as victim:
        page = attacker.get("/recorded/x")
        attacker.follow_redirects = False
        answer = live.submit(attacker, page, login=user, password=password)
        while "/authservice/oidc/callback" not in answer.headers.get("location", ""):
            answer = attacker.get(urllib.parse.urljoin(str(answer.url), answer.headers["location"]))
        victim.follow_redirects = False
        answer = victim.get(urllib.parse.urljoin(str(answer.url), answer.headers["location"]))
        assert live.SESSION not in victim.cookies
        assert answer.status_code in (302, 400)


def test_return_urls_never_leave_the_site(sandbox: live.Live):
    for path in ("//evil.example/x", "/%5Cevil.example/x", "/%2F%2Fevil.example", "/%09/evil.example"):
        with sandbox.client() as client:
            page = client.get(sandbox.url + path)
            if page.status_code == 400:
                # The gateway itself refuses escaped slashes.
                continue
            page = live.submit(client, page, **dict(zip(("login", "password"), sandbox.credentials(), strict=True)))
            assert page.url.host == "127.0.0.1", path
            for hop in page.history:
                assert hop.next_request is None or hop.next_request.url.host == "127.0.0.1", path


def test_logout_ends_the_session(sandbox: live.Live):
    client, _ = sandbox.login()
    with contextlib.closing(client):
        token = client.cookies[live.SESSION]
        # Nobody says that the link was on a page of this site: the person is asked, and nothing has happened.
        assert client.get("/authservice/logout").status_code == 403
        assert live.SESSION in client.cookies
        client.get("/authservice/logout", headers={"referer": f"{sandbox.url}/recorded/x"})
        assert live.SESSION not in client.cookies
    with unfollowed(sandbox) as thief:
        answer = thief.get("/recorded/x", headers={"cookie": f"{live.SESSION}={token}"})
        assert answer.status_code == 302


def test_logout_by_the_old_dashboard(sandbox: live.Live):
    """E3: POST with the cookie's value as bearer answers 201 and where to go."""
    client, _ = sandbox.login()
    with contextlib.closing(client):
        token = client.cookies[live.SESSION]
    with unfollowed(sandbox) as script:
        answer = script.post("/authservice/logout", headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == 201
        assert answer.json() == {"afterLogoutURL": "/"}
        assert script.get("/recorded/x", headers={"cookie": f"{live.SESSION}={token}"}).status_code == 302


def test_error_pages_are_readable_and_leak_nothing(sandbox: live.Live):
    with unfollowed(sandbox) as client:
        answer = client.get(
            "/authservice/oidc/callback?error=access_denied&error_description=<b>no</b>",
            headers={"accept": "text/html"},
        )
    assert answer.status_code >= 400
    assert "request" in answer.text.lower()
    assert "<b>no</b>" not in answer.text
    for word in ("Traceback", "dex-auth.kubeflow", "127.1.", "envoy"):
        assert word not in answer.text


def test_the_gatekeepers_own_pages_open_no_path_of_another(sandbox: live.Live):
    """Without its route, /authservice is an ordinary path of the application at /, and as protected as any."""
    sandbox.cli("remove-relation", "gatekeeper:ingress", "ambassador-route:ingress-unauthenticated")
    try:
        live.wait(sandbox.settled)
        with unfollowed(sandbox) as client:
            for path in ("/authservice/peers", "/authservice/keys", "/authservice/verify"):
                assert client.get(path).status_code in (302, 401, 404), path
    finally:
        sandbox.cli("integrate", "gatekeeper:ingress", "ambassador-route:ingress-unauthenticated")
    live.wait(sandbox.active)
    live.wait(sandbox.can_log_in)


def test_without_an_authorization_relation_nothing_is_open(sandbox: live.Live, protected: upstream.Upstream):
    """Fail closed: the page names the missing command; the relation's return heals it."""
    protected.take()
    sandbox.cli("remove-relation", "gatekeeper:ingress-auth", "ambassador-route:ingress-auth")
    live.wait(sandbox.settled)
    try:
        with unfollowed(sandbox) as client:
            answer = client.get("/recorded/x", headers={"accept": "text/html"})
            assert answer.status_code == 503
            assert "juju integrate ambassador-route:ingress-auth gatekeeper:ingress-auth" in answer.text
            assert client.get("/dex/keys").status_code == 200
        assert "juju integrate" in sandbox.message("ambassador-route/0")
        assert protected.take() == []
    finally:
        sandbox.cli("integrate", "gatekeeper:ingress-auth", "ambassador-route:ingress-auth")
    live.wait(sandbox.active)
    assert sandbox.can_log_in()
