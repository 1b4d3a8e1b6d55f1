# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Programs get in: the script that everybody copies, bearer tokens, many logins at once."""

import base64
import concurrent.futures
import contextlib
import hashlib
import re
import secrets
import urllib.parse

import httpx
import live
import requests
import upstream
import yaml


def test_the_widespread_script_works(sandbox: live.Live, protected: upstream.Upstream):
    """P1: as the Kubeflow documentation has it: GET, follow, POST login and password, take the cookie."""
    user, password = sandbox.credentials()
    with requests.Session() as session:
        response = session.get(sandbox.url, timeout=20)
        response = session.post(response.url, data={"login": user, "password": password}, timeout=20)
        cookie = session.cookies.get_dict()["authservice_session"]
    protected.take()
    answer = requests.get(f"{sandbox.url}/recorded/api", cookies={"authservice_session": cookie}, timeout=20)
    assert answer.text == "from the application"
    (request,) = protected.take()
    assert request.header("kubeflow-userid") == [user]


def id_token(sandbox: live.Live) -> str:
    """Get an ID token from Dex as the gatekeeper's client, by the authorization code flow with PKCE."""
    user, password = sandbox.credentials()
    path = sandbox.file("dex-auth/0", "dex", "/tmp/dex/config.yaml")
    client_entry, _ = yaml.safe_load(path.read_text())["staticClients"]
    verifier = secrets.token_urlsafe(32)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    redirect = f"{sandbox.url}/authservice/oidc/callback"
    query = {
        "client_id": client_entry["id"], "redirect_uri": redirect, "response_type": "code", "state": "s",
        "scope": "openid email groups profile", "code_challenge": challenge, "code_challenge_method": "S256",
    }  # fmt: skip
    with sandbox.client() as client:
        page = client.get(f"/dex/auth?{urllib.parse.urlencode(query)}")
        client.follow_redirects = False
        answer = live.submit(client, page, login=user, password=password)
        while not answer.headers["location"].startswith(redirect):
            answer = client.get(urllib.parse.urljoin(str(answer.url), answer.headers["location"]))
        code = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(answer.headers["location"]).query))["code"]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect, "code_verifier": verifier}
        tokens = client.post("/dex/token", data=form, auth=(client_entry["id"], client_entry["secret"])).json()
    return tokens["id_token"]


def test_an_id_token_of_dex_is_a_bearer(sandbox: live.Live, protected: upstream.Upstream):
    token = id_token(sandbox)
    protected.take()
    answer = httpx.get(f"{sandbox.url}/recorded/api", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    (request,) = protected.take()
    assert request.header("kubeflow-userid") == ["user@example.com"]
    assert "set-cookie" not in answer.headers


def test_the_session_is_a_bearer_too(sandbox: live.Live):
    client, _ = sandbox.login()
    with contextlib.closing(client):
        token = client.cookies[live.SESSION]
    for header in ({"authorization": f"Bearer {token}"}, {"X-Auth-Token": token}):
        assert httpx.get(f"{sandbox.url}/recorded/api", headers=header).status_code == 200, header


def test_an_invalid_bearer_is_401_and_never_a_redirect(sandbox: live.Live):
    token = id_token(sandbox)
    head, body, signature = token.split(".")
    for bearer in ("nonsense", f"{head}.{body}.{signature[:-6]}AAAAAA", f"{head}.{body}.", "a.b.c", "x" * 20_000):
        answer = httpx.get(
            f"{sandbox.url}/recorded/api", headers={"authorization": f"Bearer {bearer}", "accept": "text/html"}
        )
        assert answer.status_code == 401, bearer[:20]
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert re.search("invalid_token", answer.headers["www-authenticate"])


def test_parallel_logins_from_one_cookie_jar_all_succeed(sandbox: live.Live):
    """P4: no attempt disturbs another."""
    user, password = sandbox.credentials()
    with sandbox.client() as client:
        pages = [client.get(f"/recorded/{number}") for number in range(4)]
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            ends = list(pool.map(lambda page: live.submit(client, page, login=user, password=password), pages))
    assert [(end.status_code, end.url.path) for end in ends] == [(200, f"/recorded/{number}") for number in range(4)]
