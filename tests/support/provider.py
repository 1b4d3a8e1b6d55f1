# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""A second Dex, as the OpenID Connect provider that a connector asks; it can be away, or hang."""

import json
import pathlib
import socket
import subprocess

import live

from sandbox import programs

# A unit of the sandbox takes 127.0.0.1 for its own address.
_ADDRESS = "127.0.0.2"
USER, PASSWORD = "ada@example.net", "ada-secret"
_HASH = "$2b$10$8ZR30PhQu6GICaWQ9JuwO.wcNHExIn4TyHIuBhKdUB8O83.dBPhSO"


class Provider:
    """Dex with one user, for one client whose redirect URI is known."""

    def __init__(self, home: pathlib.Path, callback: str) -> None:
        self._home = home
        self._port = live.free_port()
        self.issuer = f"http://{_ADDRESS}:{self._port}/dex"
        self._process: subprocess.Popen[bytes] | None = None
        self._deaf: socket.socket | None = None
        client = {"id": "kubeflow", "name": "Kubeflow", "secret": "provider-secret", "redirectURIs": [callback]}
        config = {
            "issuer": self.issuer,
            "storage": {"type": "memory"},
            "web": {"http": f"{_ADDRESS}:{self._port}"},
            "oauth2": {"skipApprovalScreen": True},
            "staticClients": [client],
            "enablePasswordDB": True,
            "staticPasswords": [{"email": USER, "username": "ada", "userID": "1", "hash": _HASH}],
        }
        (home / "provider.json").write_text(json.dumps(config))

    def start(self) -> None:
        """Answer from now on."""
        self.stop()
        dex = programs.ensure(lambda _: None)["dex"]
        command = [str(dex), "serve", str(self._home / "provider.json")]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        live.wait(self._listens, hint="the provider answers")

    def stop(self) -> None:
        """Be away from now on."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=10)
            self._process = None
        if self._deaf is not None:
            self._deaf.close()
            self._deaf = None

    def hang(self) -> None:
        """Accept connections from now on, and never say a word."""
        self.stop()
        self._deaf = socket.create_server((_ADDRESS, self._port), backlog=64)

    def connector(self) -> list[dict]:
        """Return the connector for this provider."""
        config = {"issuer": self.issuer, "clientID": "kubeflow", "clientSecret": "provider-secret"}
        return [{"id": "other", "name": "Other", "type": "oidc", "config": config}]

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((_ADDRESS, self._port)) == 0
