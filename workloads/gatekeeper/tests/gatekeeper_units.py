# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Several units of one application on loopback, and sessions that are good at each."""

import json
import pathlib
import time

import httpx
from gatekeeper import fields, identity, policy, refresh, revocation, sealed, session
from gatekeeper_support import Running, options

SESSION, REFRESH = "authservice_session", "authservice_refresh"
PUBLIC = "http://127.0.0.1:8080"


class Unit(Running):
    """A unit of an application: same keys and public URL as the others."""

    def __init__(self, directory: pathlib.Path, **changes: object) -> None:
        directory.mkdir(parents=True)
        self.watched = directory / "watched.json"
        changes = {"journal": str(directory / "journal"), "watched_file": str(self.watched), **changes}
        super().__init__(directory, issuer="http://127.0.0.1:1/dex", **changes)

    def tell(self, *others: "Unit", records: list[dict[str, object]] | None = None) -> None:
        content = {"peers": [f"127.0.0.1:{other.port}" for other in others], "records": records or []}
        scratch = self.watched.with_suffix(".new")
        scratch.write_text(json.dumps(content))
        scratch.replace(self.watched)

    def lets_in(self, token: str, name: str = SESSION) -> bool:
        headers = {"accept": "application/json", "cookie": f"{name}={token}"}
        return httpx.get(f"{self.url}/x", headers=headers, trust_env=False).status_code == 200

    def log_out(self, token: str) -> None:
        headers = {"authorization": f"Bearer {token}"}
        assert httpx.post(f"{self.url}/authservice/logout", headers=headers, trust_env=False).status_code == 201


def tokens(userid: str = "user@example.com", *, ago: int = 0) -> tuple[str, str]:
    """Return a session and its refresh token, as a login at any unit would have given them."""
    ledger, read = revocation.Ledger(), options(public_url=PUBLIC)
    now = time.time() - ago
    began = session.begin(now)
    person = identity.Identity(userid=userid)
    sealer = sealed.Sealer([fields.state_key(key) for key in read.state_keys])
    return (
        session.Sessions(read, ledger).mint(person, now, began=began),
        refresh.Refreshes(read, sealer, ledger, policy.Policy(read)).issue(person, began, now),
    )
