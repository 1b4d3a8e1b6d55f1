# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The gateway under test, as a client that can send anything sees it."""

import dataclasses
import http.client
import json
import socket
import urllib.parse

import frames
import headed
import peers

HOST = "hosted.example.com"
HTML = ("Accept", "text/html,application/xhtml+xml")


@dataclasses.dataclass
class Answer(headed.Headed):
    """What a client received."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def seen(self) -> peers.Seen:
        """Return the request as the application received it."""
        assert self.status == 200, (self.status, self.body[:500])
        data = json.loads(self.body)
        return peers.Seen(**{**data, "headers": tuple(tuple(pair) for pair in data["headers"])})


@dataclasses.dataclass(frozen=True)
class Gateway:
    """A running gateway: /open without a login; with one /recorded, /tool (as /), /moved (as /new/home), /rpc, and
    /hosted at HOST.

    Attributes:
        url: where clients reach it.
        authorizer: what it asks.
        application: where all of them lead but /rpc.
        rpc: where /rpc leads.
        renews: whether cookies of an authorizer that lets a request pass reach the client.
        repeats: whether a read that an application lost without an answer is sent to it again, where nobody is asked.
    """

    url: str
    authorizer: peers.Authorizer
    application: peers.Application
    rpc: frames.Rpc
    renews: bool = True
    repeats: bool = True

    @property
    def address(self) -> tuple[str, int]:
        """Return host and port."""
        parts = urllib.parse.urlsplit(self.url)
        assert parts.hostname
        return parts.hostname, parts.port or 80

    def forget(self) -> None:
        """Forget what was received."""
        for peer in (self.authorizer, self.application, self.rpc):
            peer.take()

    def get(
        self,
        path: str,
        *headers: tuple[str, str],
        method: str = "GET",
        body: bytes | None = None,
        seconds: float = 15,
        host: str = "gateway.test",
    ) -> Answer:
        """Send one request exactly as written."""
        length = [("Content-Length", str(len(body)))] if body is not None else []
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
        lines += [f"{name}: {value}" for name, value in (*headers, *length)]
        return self.raw("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b""), method, seconds)

    def raw(self, data: bytes, method: str = "GET", seconds: float = 15) -> Answer:
        """Send bytes, and read one answer; status 0 when the gateway closes without any."""
        with peers.connect(self.address, seconds) as sock:
            sock.sendall(data)
            return receive(sock, method)

    def h2(self) -> frames.Client:
        """Open an HTTP/2 connection."""
        return frames.Client(self.address)


def receive(sock: socket.socket, method: str = "GET") -> Answer:
    """Read one answer."""
    response = http.client.HTTPResponse(sock, method=method)
    try:
        response.begin()
        body = b"" if response.status == 101 else response.read()
        return Answer(response.status, response.getheaders(), body)
    except (http.client.RemoteDisconnected, ConnectionResetError):
        return Answer(0, [], b"")
    finally:
        response.close()
