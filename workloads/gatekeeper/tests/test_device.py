# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Programs that log a person in by the device flow, and how long what they got is good."""

import collections.abc
import html
import http.server
import json
import pathlib
import shlex
import subprocess
import sys
import threading
import time
import urllib.parse

import httpx
import pytest
from gatekeeper import device, idtoken, policy, revocation, tokens
from gatekeeper_support import Provider, Running, log_in, options, wait

DEVICE = "authservice-oidc-device"


@pytest.fixture(scope="module")
def provider() -> collections.abc.Iterator[Provider]:
    made = Provider()
    made.endpoints["device_authorization_endpoint"] = f"{made.issuer}/device/code"
    yield made
    made.stop()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> collections.abc.Iterator[Running]:
    directory = tmp_path_factory.mktemp("device")
    watched, journal = str(directory / "watched.json"), str(directory / "journal")
    made = Running(
        directory, issuer=provider.issuer, device_client_id=DEVICE, watched_file=watched, journal=journal,
        access_token_audiences=["kfp"], authenticators=["access_token", "session", "id_token", "api_token"],
    )  # fmt: skip
    yield made
    made.stop()


def bearer(running: Running, token: str) -> httpx.Response:
    return httpx.get(f"{running.url}/x", headers={"authorization": f"Bearer {token}"}, trust_env=False)


class Source:
    """A provider whose keys are known."""

    def __init__(self, provider: Provider) -> None:
        self.keys = {provider.key.kid: provider.key}

    def may_learn(self, now: float) -> bool:
        return False


def verifier(provider: Provider, **changes: object) -> idtoken.IdTokens:
    given = options(issuer=provider.issuer, **changes)
    return idtoken.IdTokens(
        options=given, source=Source(provider), policy=policy.Policy(given), ledger=revocation.Ledger()
    )


def test_a_token_of_the_device_flow_lets_its_person_in(running: Running, provider: Provider):
    answer = bearer(running, provider.id_token(aud=DEVICE))
    assert (answer.status_code, answer.headers["kubeflow-userid"]) == (200, "user@example.com")


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"aud": DEVICE}, None),
        ({"aud": DEVICE, "azp": DEVICE}, None),
        ({"aud": ["other", DEVICE], "azp": DEVICE}, None),
        ({"aud": ["other", DEVICE]}, "token_party"),
        ({"aud": DEVICE, "azp": "other"}, "token_party"),
        ({"aud": "other", "azp": DEVICE}, "token_audience"),
        ({"aud": ""}, "token_audience"),
    ],
)
def test_whom_a_token_of_the_device_flow_must_be_for(provider: Provider, claims: dict, reason: str | None):
    raw = provider.id_token(**claims).encode()
    on, off = verifier(provider, device_client_id=DEVICE), verifier(provider)
    if reason is None:
        assert on.verify(raw, time.time()) is not None
    else:
        with pytest.raises(tokens.RefusedError, match=reason):
            on.verify(raw, time.time())
    with pytest.raises(tokens.RefusedError):
        off.verify(raw, time.time())


def test_a_login_of_a_browser_never_ends_with_a_token_of_a_device(provider: Provider):
    raw = provider.id_token(aud=DEVICE, nonce="n")
    with pytest.raises(tokens.RefusedError, match="token_audience"):
        verifier(provider, device_client_id=DEVICE).redeem(raw, "n", time.time())
    assert verifier(provider).redeem(provider.id_token(nonce="n"), "n", time.time())


@pytest.mark.parametrize("audience", [DEVICE, "authservice-oidc", "kfp"])
def test_what_an_operator_ends_includes_tokens_of_the_provider(running: Running, provider: Provider, audience: str):
    now, user = int(time.time()), f"{audience}@example.com"
    before = provider.id_token(aud=audience, email=user, iat=now - 5)
    undated = provider.id_token(aud=audience, email=user, iat=None)
    other = provider.id_token(aud=audience, email="other@example.com", iat=now - 5)
    assert [bearer(running, token).status_code for token in (before, undated, other)] == [200, 200, 200]
    ended = {"kind": "user", "id": user, "before": now - 1, "expires": now + 3600}
    pathlib.Path(running.options.watched_file).write_text(json.dumps({"peers": [], "records": [ended]}))
    wait(lambda: bearer(running, before).status_code == 401, seconds=2)
    assert [bearer(running, token).status_code for token in (undated, other)] == [401, 200]
    again = provider.id_token(aud=audience, email=user, iat=now)
    assert bearer(running, again).status_code == 200


def test_the_page_shows_what_to_type_where_the_provider_offers_it(running: Running, provider: Provider):
    lines = device.login(
        running.options, device.Endpoints(f"{provider.issuer}/device/code", f"{provider.issuer}/token")
    )
    with log_in(running, provider) as client:
        page = html.unescape(client.get("/authservice/tokens").text)
    assert lines
    assert lines in page


def test_the_command_says_what_the_page_does(running: Running, provider: Provider):
    command = [sys.executable, "-m", "gatekeeper", "--config", running.file, "device-login"]
    said = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=30).stdout)
    assert f"curl -s {provider.issuer}/device/code -d client_id={DEVICE}" in said["device"]
    provider.status = 500
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    finally:
        provider.status = 200
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == "gatekeeper: the provider cannot be asked what it offers: provider_error"


def test_nothing_is_offered_that_there_is_not():
    endpoints = device.Endpoints("http://p/device/code", "http://p/token")
    assert device.login(options(device_client_id=DEVICE), None) == ""
    assert device.login(options(), endpoints) == ""


class Slow(http.server.BaseHTTPRequestHandler):
    """A provider whose person takes a while, and a site that repeats who asks."""

    asked = 0

    def log_message(self, *words: object) -> None:
        pass

    def do_GET(self) -> None:
        self.reply(200, self.headers["authorization"])

    def do_POST(self) -> None:
        form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["content-length"])).decode()))
        if self.path == "/code":
            assert form == {"client_id": DEVICE, "scope": "openid profile email groups"}
            link = f"http://{self.headers['host']}/device?user_code=ABCD"
            self.reply(200, json.dumps({"device_code": "d", "verification_uri_complete": link}))
            return
        assert form == {"client_id": DEVICE, "grant_type": device._GRANT, "device_code": "d"}
        type(self).asked += 1
        if self.asked < 3:
            self.reply(400, json.dumps({"error": "authorization_pending"}))
        else:
            self.reply(200, json.dumps({"id_token": "the-token", "access_token": "other"}))

    def reply(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())


def test_the_lines_wait_for_a_person_who_takes_a_while():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        given = options(public_url=url, device_client_id=DEVICE)
        lines = device.login(given, device.Endpoints(f"{url}/code", f"{url}/token")).replace("sleep 5", "sleep 0.05")
        said = subprocess.run(["bash", "-c", lines], stdout=subprocess.PIPE, text=True, check=True, timeout=30).stdout
        server.shutdown()
    assert said == f"Open this in any browser: {url}/device?user_code=ABCD\nBearer the-token"
    assert Slow.asked == 3


def test_nothing_that_a_provider_says_is_run_by_the_shell():
    evil = "http://p/$(touch${IFS}x)`id`';\"&|"
    given = options(device_client_id="a$(id)", scopes=["openid", "`id`", "it's"])
    lines = device.login(given, device.Endpoints(evil, evil)).splitlines()
    assert shlex.split(lines[0].removeprefix("DEVICE=$(").removesuffix(")")) == [
        "curl", "-s", evil, "-d", "client_id=a$(id)", "-d", "scope=openid `id` it's",
    ]  # fmt: skip
    assert shlex.quote(evil) in lines[2]
