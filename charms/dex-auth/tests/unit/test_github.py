# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""A login by GitHub's protocol: the real Dex, and a server that answers it as GitHub Enterprise would."""

import base64
import collections.abc
import http.server
import json
import os
import pathlib
import ssl
import urllib.parse

import connectors
import httpx
import places
import probes
import pytest
import served

pytestmark = pytest.mark.skipif(not os.environ.get("DEX"), reason="DEX does not name a Dex: GitHub needs the real one")
CLIENT = ("github-client", "github-s3cret")
QUERY = {
    "client_id": "c",
    "redirect_uri": served.CALLBACK,
    "response_type": "code",
    "scope": "openid email profile groups",
}


class Hub(http.server.BaseHTTPRequestHandler):
    """OAuth and the part of GitHub's REST API that Dex asks, with one person."""

    person = "octocat"

    def do_GET(self) -> None:
        parts = urllib.parse.urlsplit(self.path)
        if parts.path == "/login/oauth/authorize":
            query = dict(urllib.parse.parse_qsl(parts.query))
            assert query["client_id"] == CLIENT[0]
            back = urllib.parse.urlencode({"code": "hub-code", "state": query["state"]})
            self._reply(302, location=f"{query['redirect_uri']}?{back}")
            return
        if self.headers["Authorization"] != "Bearer hub-token":
            self._reply(401)
            return
        answers = {
            "/api/v3/user": {"id": 583231, "login": self.person, "name": "Octo Cat", "email": None},
            "/api/v3/user/emails": [
                {"email": "old@example.com", "verified": True, "primary": False},
                {"email": "octo@example.com", "verified": True, "primary": True},
            ],
            "/api/v3/user/teams": [{"name": "Devs", "slug": "devs", "organization": {"login": "acme"}}],
        }
        if parts.path == "/api/v3/orgs/acme/members/octocat":
            self._reply(204)
        elif parts.path in answers:
            self._reply(200, answers[parts.path])
        else:
            self._reply(404, {"message": "Not Found"})

    def do_POST(self) -> None:
        form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        basic = base64.b64encode(":".join(CLIENT).encode()).decode()
        known = self.headers["Authorization"] == f"Basic {basic}" or form.get("client_secret") == CLIENT[1]
        good = self.path == "/login/oauth/access_token" and known and form["code"] == "hub-code"
        if good:
            self._reply(200, {"access_token": "hub-token", "token_type": "bearer", "scope": "user:email,read:org"})
        else:
            self._reply(401)

    def _reply(self, status: int, document: object = None, *, location: str = "") -> None:
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        body = b"" if document is None else json.dumps(document).encode()
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub(tmp_path: pathlib.Path) -> collections.abc.Iterator[places.Place]:
    found = places.Place(tmp_path, Hub)
    found.start()
    yield found
    found.stop()


def configured(hub: places.Place, callback: str = "", **changes: object) -> tuple[connectors.Connector, ...]:
    """Return the connector as the charm makes it from an option."""
    config = {
        "clientID": CLIENT[0],
        "clientSecret": CLIENT[1],
        "hostName": hub.url.removeprefix("https://"),
        "rootCA": hub.authority,
        "orgs": [{"name": "acme"}],
        "teamNameField": "slug",
        **changes,
    }
    option = json.dumps([{"id": "github", "name": "GitHub", "type": "github", "config": config}])
    return connectors.parse(option, callback, connectors.Facts(now=places.NOW)).entries


def login(hub: places.Place, unit: served.Unit) -> httpx.Response:
    """Go through the redirects as a browser does, and return the answer that leaves Dex, or that Dex ends with."""
    context = ssl.create_default_context(cadata=hub.authority)
    with httpx.Client(verify=context, timeout=20) as browser:
        answer = browser.get(f"{unit.url}/auth/github", params=QUERY)
        while answer.is_redirect and not answer.headers["location"].startswith(served.CALLBACK):
            answer = browser.get(urllib.parse.urljoin(str(answer.url), answer.headers["location"]))
    return answer


def claims(token: str) -> dict:
    body = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


def test_a_person_of_the_organisation_logs_in_with_teams(hub: places.Place, tmp_path: pathlib.Path):
    with served.units(tmp_path, make=lambda callback: configured(hub, callback)) as (unit,):
        answer = login(hub, unit)
        code = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(answer.headers["location"]).query))["code"]
        found = claims(served.token(unit, grant_type="authorization_code", code=code)["id_token"])
    assert (found["email"], found["email_verified"], found["name"]) == ("octo@example.com", True, "Octo Cat")
    assert found["groups"] == ["acme:devs"]


def test_an_authority_that_another_application_tells_is_trusted(hub: places.Place, tmp_path: pathlib.Path):
    given = {"make": lambda callback: configured(hub, callback, rootCA=None), "authorities": hub.authority}
    with served.units(tmp_path, **given) as (unit,):
        assert "code=" in login(hub, unit).headers["location"]


@pytest.mark.parametrize(
    ("person", "changes", "words"),
    [
        ("mallory", {}, "mallory"),
        ("octocat", {"clientSecret": "wrong"}, "401"),
        ("octocat", {"rootCA": None}, "certificate"),
    ],
)
def test_others_do_not(hub: places.Place, tmp_path: pathlib.Path, person: str, changes: dict[str, object], words: str):
    hub.handler.person = person
    with served.units(tmp_path, make=lambda callback: configured(hub, callback, **changes)) as (unit,):
        answer = login(hub, unit)
    assert answer.status_code >= 400, answer.headers
    assert words in answer.text


def test_the_check_speaks_tls_with_it(hub: places.Place):
    reports = probes.check(configured(hub), probes.Questions(), places.NOW)
    assert reports["github"].problems == 0
    assert any("with a certificate for CN=Leaf" in line for line in reports["github"].lines)
