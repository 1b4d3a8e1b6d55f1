# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What stands around the gateway under test: an authorizer that can be told to fail, and an application."""

import base64
import collections.abc
import contextlib
import dataclasses
import hashlib
import http.server
import json
import socket
import threading
import time
import urllib.parse

import headed
import relay

USER = "anna@example.com"
GROUPS = "scientists,staff"
SESSION = ("Cookie", "authservice_session=good")
_MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@dataclasses.dataclass(frozen=True)
class Seen(headed.Headed):
    """One request as a server received it; the body by its length and digest."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    length: int = 0
    digest: str = ""


class Server:
    """A server of the tests, in HTTP/1.1 or, where who asks begins so, HTTP/2; a subclass says what it answers."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.seen: list[Seen] = []
        self.address = address
        self._server: http.server.ThreadingHTTPServer | None = None
        self._idle: set[socket.socket] = set()
        self.open()

    def open(self) -> None:
        """Listen."""
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                outer._idle.add(self.connection)
                try:
                    super().handle_one_request()
                except OSError:
                    self.close_connection = True
                finally:
                    outer._idle.discard(self.connection)

            def _answer(self) -> None:
                outer._idle.discard(self.connection)
                outer.answer(self)

            def __getattr__(self, name: str) -> object:
                if name.startswith("do_"):
                    return self._answer
                raise AttributeError(name)

            def log_message(self, *_: object) -> None:
                pass

        class Listening(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128
            block_on_close = False

            def finish_request(self, request: socket.socket, client_address: object) -> None:
                outer._idle.add(request)
                if request.recv(3, socket.MSG_PEEK) == b"PRI":
                    relay.Relay(request, outer.address).run()
                else:
                    super().finish_request(request, client_address)
                outer._idle.discard(request)

        self._server = Listening(self.address, Handler)
        self.address = self._server.server_address
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        """Stop listening, and end the connections that nobody is using: a gateway keeps some of them open."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        for connection in list(self._idle):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def take(self) -> list[Seen]:
        """Return what was received since the last call."""
        seen, self.seen[:] = list(self.seen), []
        return seen

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        raise NotImplementedError

    def remember(self, handler: http.server.BaseHTTPRequestHandler, length: int = 0, digest: str = "") -> Seen:
        """Keep a request; its path as it came, which the handler's own attribute does not show."""
        target = handler.requestline.split(" ")[1]
        seen = Seen(handler.command, target, tuple(handler.headers.items()), length, digest)
        self.seen.append(seen)
        return seen


def reply(
    handler: http.server.BaseHTTPRequestHandler,
    status: int,
    headers: collections.abc.Iterable[tuple[str, str]] = (),
    body: bytes = b"",
) -> None:
    """Send a whole answer."""
    handler.send_response(status)
    for name, value in headers:
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body)


class Authorizer(Server):
    """Lets in who has a session, as a gatekeeper does, unless a test gives it another mood."""

    mood: collections.abc.Callable[[http.server.BaseHTTPRequestHandler, Seen], None] | None = None

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        """Decide."""
        handler.rfile.read(int(handler.headers.get("content-length") or 0))
        if handler.path.startswith("/authservice/"):
            # Somebody asks whether the gatekeeper, whose place this is, is well.
            reply(handler, 200)
            return
        seen = self.remember(handler)
        if self.mood:
            self.mood(handler, seen)
        elif any("authservice_session=good" in value for value in seen.all("cookie")):
            cookies = [("Set-Cookie", "fresh=1; Path=/"), ("Set-Cookie", "fresher=2; Path=/")]
            reply(handler, 200, [("kubeflow-userid", USER), ("kubeflow-groups", GROUPS), *cookies])
        elif any("authservice_session=bare" in value for value in seen.all("cookie")):
            reply(handler, 200)
        else:
            headers = [("Location", "/dex/auth?state=1"), ("Cache-Control", "no-store"), ("Content-Type", "text/html")]
            reply(handler, 302, [*headers, ("Set-Cookie", "one=1"), ("Set-Cookie", "two=2")], b"<p>Log in</p>")


class Application(Server):
    """Answers by the last part of the path: download, events, socket, lost; all else echoes the request."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.arrived = 0
        super().__init__(address)

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        """Do what the path says."""
        parts = urllib.parse.urlsplit(handler.requestline.split(" ")[1])
        query = dict(urllib.parse.parse_qsl(parts.query))
        special = {"download": self._download, "events": self._events, "socket": self._socket, "lost": self._lost}
        handle = special.get(parts.path.rsplit("/", 1)[-1])
        if handle:
            self.remember(handler)
            handle(handler, query)
            return
        length, digest = self._body(handler)
        seen = self.remember(handler, length, digest)
        time.sleep(float(query.get("sleep", "0")))
        text = json.dumps(dataclasses.asdict(seen)).encode()
        reply(handler, int(query.get("status", "200")), [("Content-Type", "application/json")], text)

    def _body(self, handler: http.server.BaseHTTPRequestHandler) -> tuple[int, str]:
        digest, length = hashlib.sha256(), 0
        for piece in _pieces(handler):
            digest.update(piece)
            length += len(piece)
            self.arrived = length
        return length, digest.hexdigest()

    def _download(self, handler: http.server.BaseHTTPRequestHandler, query: dict[str, str]) -> None:
        piece, times = b"x" * 1_000_000, int(query["megabytes"])
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(piece) * times))
        handler.end_headers()
        for _ in range(times):
            handler.wfile.write(piece)

    def _events(self, handler: http.server.BaseHTTPRequestHandler, query: dict[str, str]) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for number in range(int(query["count"])):
            data = f"data: {number}\n\n".encode()
            handler.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            handler.wfile.flush()
            time.sleep(float(query["pause"]))
        handler.wfile.write(b"0\r\n\r\n")

    def _lost(self, handler: http.server.BaseHTTPRequestHandler, query: dict[str, str]) -> None:
        if sum(seen.path == handler.path for seen in self.seen) < 2:
            # As when it is started again with a request on its way.
            handler.connection.shutdown(socket.SHUT_RDWR)
            handler.close_connection = True
            return
        reply(handler, 200)

    def _socket(self, handler: http.server.BaseHTTPRequestHandler, _: dict[str, str]) -> None:
        key = handler.headers["Sec-WebSocket-Key"] + _MAGIC
        handler.send_response(101)
        handler.send_header("Upgrade", "websocket")
        handler.send_header("Connection", "Upgrade")
        handler.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        handler.end_headers()
        handler.close_connection = True
        # A frame of a client is a good echo of itself: who reads it takes the mask away.
        while data := handler.connection.recv(65536):
            handler.connection.sendall(data)


def _pieces(handler: http.server.BaseHTTPRequestHandler) -> collections.abc.Iterator[bytes]:
    if handler.headers.get("transfer-encoding", "").lower() == "chunked":
        while size := int(handler.rfile.readline(), 16):
            yield handler.rfile.read(size)
            handler.rfile.readline()
        while handler.rfile.readline().strip():
            pass
        return
    left = int(handler.headers.get("content-length") or 0)
    while left:
        piece = handler.rfile.read1(min(left, 1_000_000))
        assert piece, "the body ended early"
        left -= len(piece)
        yield piece


def address(text: str) -> tuple[str, int]:
    """Read HOST:PORT."""
    host, _, port = text.rpartition(":")
    return host, int(port)


def connect(to: tuple[str, int], seconds: float = 15) -> socket.socket:
    """Open a connection."""
    return socket.create_connection(to, timeout=seconds)
