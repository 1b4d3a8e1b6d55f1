# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""A small HTTP server of a test, with TLS and without."""

import datetime
import http.server
import pathlib
import ssl
import threading
import typing

import certificate

NOW = datetime.datetime.now(datetime.UTC)
LATE = NOW + datetime.timedelta(days=300)


class Served(http.server.BaseHTTPRequestHandler):
    """Answers with a document of the test."""

    document = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.document)

    def log_message(self, *_: object) -> None:
        pass


class Place:
    """A server with TLS and a certificate of its own authority, and one without."""

    def __init__(self, home: pathlib.Path, handler: type[http.server.BaseHTTPRequestHandler]) -> None:
        self.handler: typing.Any = type("Handler", (handler,), {})
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler)
        self._other = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler)
        self._server.daemon_threads = self._other.daemon_threads = True
        self._home = home
        self.url = f"https://127.0.0.1:{self._server.server_port}"
        self.plain = f"http://127.0.0.1:{self._other.server_port}"
        self.authority = ""

    def start(self, *, leaf: datetime.datetime = LATE, authority: datetime.datetime = LATE) -> None:
        pem, self.authority = certificate.chain(leaf=leaf, authority=authority)
        (self._home / "chain.pem").write_text(pem + self.authority + certificate.KEY_PEM)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._home / "chain.pem")
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        for server in (self._server, self._other):
            threading.Thread(target=server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        for server in (self._server, self._other):
            server.shutdown()
            server.server_close()
