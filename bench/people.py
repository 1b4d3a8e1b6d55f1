# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Real logins at a real Dex, and sessions of many people."""

import json
import pathlib
import secrets

import bcrypt
import httpx
import live
from gatekeeper import identity, revocation, session, settings

_EMAIL = "user@example.com"
SECRET = secrets.token_urlsafe(24)


def dex_config(issuer: str, port: int, clients: dict[str, str]) -> str:
    """Return Dex's configuration: one user, and clients by their id, each with its redirect URI."""
    words = bcrypt.hashpw(b"password", bcrypt.gensalt(10)).decode()
    content = {
        "issuer": issuer,
        "storage": {"type": "memory"},
        "web": {"http": f"127.0.0.1:{port}"},
        "logger": {"level": "error"},
        "oauth2": {"skipApprovalScreen": True},
        "enablePasswordDB": True,
        "staticClients": [
            {"id": name, "name": name, "secret": SECRET, "redirectURIs": [uri]} for name, uri in clients.items()
        ],
        "staticPasswords": [{"email": _EMAIL, "username": "user", "userID": "1", "hash": words}],
    }
    return json.dumps(content)


def cookie(url: str, name: str) -> str:
    """Log in at a service, and return its session cookie as a header of requests."""
    with httpx.Client(base_url=url, follow_redirects=True, timeout=20, trust_env=False) as client:
        page = client.get("/x", headers={"accept": "text/html", "sec-fetch-mode": "navigate"})
        try:
            live.submit(client, page, login=_EMAIL, password="password")
        except httpx.HTTPError as error:
            raise AssertionError(f"no login at {url}: {error}") from error
        found = [f"{each.name}={each.value}" for each in client.cookies.jar if each.name.startswith(name)]
        assert found, f"no session of {url}: {[each.name for each in client.cookies.jar]}"
        return "Cookie: " + "; ".join(found)


def sessions(options: settings.Settings, now: float, path: pathlib.Path, *, count: int) -> None:
    """Write the session cookies of so many people to a file, one a line."""
    mint = session.Sessions(options, revocation.Ledger()).mint
    people = (
        identity.Identity(userid=f"user-{number}@example.com", email=f"user-{number}@example.com", subject=f"{number}")
        for number in range(count)
    )
    path.write_text("".join(f"{options.session_cookie}={mint(person, now)}\n" for person in people))
