# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""An application behind the gateway that remembers every request it received."""

import dataclasses
import http.server
import threading


@dataclasses.dataclass(frozen=True)
class Received:
    """One request, as the application saw it."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> list[str]:
        """Return every value of a header."""
        return [value for key, value in self.headers if key.lower() == name]


class Upstream:
    """A small HTTP server on loopback that keeps what it received."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                outer.received.append(Received(self.command, self.path, tuple(self.headers.items()), body))
                text = b"from the application"
                self.send_response(200)
                self.send_header("content-type", "text/plain")
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(text)

            do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = answer

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def take(self) -> list[Received]:
        """Return what was received since the last call."""
        received, self.received[:] = list(self.received), []
        return received

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
