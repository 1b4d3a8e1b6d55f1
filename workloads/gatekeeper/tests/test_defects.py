# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Defects of other gatekeepers that no other test here looks for; docs/comparison.md names the test for each."""

import pathlib
import re
import urllib.parse

import httpx
import pytest
from gatekeeper_support import Provider, Running, log_in

PAGE = {"accept": "text/html", "sec-fetch-mode": "navigate"}


def numbers(running: Running) -> dict[str, float]:
    lines = httpx.get(running.management + "/metrics", trust_env=False).text.splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[0] != "#")}


def test_an_anonymous_flood_leaves_nothing(tmp_path: pathlib.Path, provider: Provider):
    journal = tmp_path / "journal"
    running = Running(tmp_path / "one", issuer=provider.issuer, journal=str(journal))
    with running.client() as client:
        for number in range(1000):
            assert client.get(f"/{number}", headers=PAGE).status_code in (302, 503)
            # Nobody keeps it, and so neither shall the next request be known by it.
            client.cookies.clear()
    found = numbers(running)
    kept = {name: value for name, value in found.items() if "remembered" in name or "revocations" in name}
    assert len(kept) > 4
    assert set(kept.values()) == {0}
    assert not journal.exists()
    assert running.stop() == 0


@pytest.mark.parametrize("headers", [
    {"x-forwarded-host": "evil.example"},
    {"x-forwarded-proto": "https", "x-forwarded-port": "444"},
    {"forwarded": "host=evil.example;proto=https"},
    {"x-forwarded-uri": "//evil.example/", "x-original-url": "/evil", "x-rewrite-url": "/evil"},
    {"x-forwarded-prefix": "/evil"},
])  # fmt: skip
def test_no_header_of_a_client_moves_where_a_login_returns(running: Running, headers: dict[str, str]):
    with running.client() as client:
        location = client.get("/page?x=1", headers={**PAGE, **headers}).headers["location"]
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(location).query))
    assert query["redirect_uri"] == f"{running.url}/authservice/oidc/callback"
    assert "evil" not in location


def test_checks_that_are_allowed_write_no_log(running: Running, provider: Provider):
    with log_in(running, provider) as client:
        before = len(running.log())
        for _ in range(50):
            assert client.get("/page").status_code == 200
        assert len(running.log()) == before


def test_cookies_of_a_login_end_within_the_hour(running: Running):
    with running.client() as client:
        lines = client.get("/page", headers=PAGE).headers.get_list("set-cookie")
    assert lines
    for line in lines:
        assert 0 < int(re.findall(r"Max-Age=(\d+)", line)[0]) <= 3600
        assert {"HttpOnly", "SameSite=Lax"} <= set(line.split("; "))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize("path", ["//x", "/a/../b", "/a//b", "/a/%2e%2e/b"])
def test_no_path_is_cleaned_by_a_redirect_that_loses_the_body(
    running: Running, provider: Provider, method: str, path: str
):
    with log_in(running, provider) as client:
        cookie = f"authservice_session={client.cookies['authservice_session']}".encode()
    request = f"{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n".encode() + b"cookie: " + cookie
    assert running.raw(request + b"\r\n\r\nabc").startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("path", ["/ping", "/ready", "/robots.txt", "/healthz", "/oauth2/auth", "/authservice/site/x"])
def test_no_path_is_open_to_everybody(running: Running, path: str):
    with running.client() as client:
        for method in ("GET", "POST", "OPTIONS"):
            assert client.request(method, path, headers={"accept": "application/json"}).status_code in (401, 404, 405)
