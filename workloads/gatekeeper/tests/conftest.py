# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Fixtures: the running service, a provider of the tests' own, and the real Dex."""

import collections.abc
import json
import os
import pathlib
import subprocess
import sys

import bcrypt
import pytest

# The repository's tests run in import mode importlib, where a directory of tests is not on the path.
sys.path.insert(0, str(pathlib.Path(__file__).parent))

import gatekeeper_support as support


@pytest.fixture(scope="module")
def provider() -> collections.abc.Iterator[support.Provider]:
    made = support.Provider()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory, provider: support.Provider
) -> collections.abc.Iterator[support.Running]:
    made = support.Running(tmp_path_factory.mktemp("gatekeeper"), issuer=provider.issuer)
    with made.client() as client:
        support.wait(lambda: client.get("/x").status_code == 302)
    yield made
    assert made.stop() == 0


@pytest.fixture(scope="module")
def dex(tmp_path_factory: pytest.TempPathFactory) -> collections.abc.Iterator[tuple[str, int]]:
    """Run the real Dex, named by DEX; yields its issuer and the port that the gatekeeper must have."""
    program = os.environ.get("DEX", "")
    if not program:
        pytest.skip("DEX does not name a Dex: the login through the real provider is NOT tested here")
    port, gatekeeper = support.free_port(), support.free_port()
    issuer = f"http://127.0.0.1:{port}/dex"
    config = {
        "issuer": issuer,
        "storage": {"type": "memory"},
        "web": {"http": f"127.0.0.1:{port}"},
        "oauth2": {"skipApprovalScreen": True},
        "enablePasswordDB": True,
        "staticClients": [{
            "id": "authservice-oidc", "name": "tests", "secret": support.SECRET,
            "redirectURIs": [f"http://127.0.0.1:{gatekeeper}/authservice/oidc/callback"],
        }],
        "staticPasswords": [{
            "email": "user@example.com", "username": "user", "userID": "1",
            "hash": bcrypt.hashpw(b"password", bcrypt.gensalt(10)).decode(),
        }],
    }  # fmt: skip
    path = tmp_path_factory.mktemp("dex") / "config.json"
    path.write_text(json.dumps(config))
    process = subprocess.Popen([program, "serve", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    support.wait(lambda: support.answers(f"{issuer}/.well-known/openid-configuration"))
    yield issuer, gatekeeper
    process.terminate()
    process.wait(timeout=5)
