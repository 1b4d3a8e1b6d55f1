# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 without TLS, on both sides of the gateway: a client, and a gRPC application that echoes."""

import contextlib
import dataclasses
import socket
import threading

import h2.config
import h2.connection
import h2.events
import h2.exceptions

Headers = list[tuple[str, str]]


@dataclasses.dataclass
class Answer:
    """What a stream brought."""

    headers: Headers = dataclasses.field(default_factory=list)
    body: bytes = b""
    trailers: Headers = dataclasses.field(default_factory=list)
    ended: bool = False
    reset: bool = False

    @property
    def status(self) -> int:
        """Return the HTTP status."""
        return int(dict(self.headers)[":status"])


class Client:
    """One HTTP/2 connection; the preface is sent at once."""

    def __init__(self, to: tuple[str, int], seconds: float = 15) -> None:
        self._socket = socket.create_connection(to, timeout=seconds)
        # Tests also send what a well-behaved client would not.
        config = h2.config.H2Configuration(
            header_encoding="utf-8", validate_outbound_headers=False, normalize_outbound_headers=False
        )
        self._http = h2.connection.H2Connection(config)
        self._http.initiate_connection()
        self.streams: dict[int, Answer] = {}
        self._flush()

    def send(
        self, method: str, path: str | bytes, headers: Headers, body: bytes | None = None, *, end: bool = True,
        trailers: Headers | None = None,
    ) -> int:  # fmt: skip
        """Begin a stream and return its number."""
        stream = self._http.get_next_available_stream_id()
        self.streams[stream] = Answer()
        pseudo = [(":method", method), (":path", path), (":scheme", "http"), (":authority", "gateway.test")]
        self._http.send_headers(stream, [*pseudo, *headers], end_stream=end and body is None and not trailers)
        if body is not None:
            self._http.send_data(stream, body, end_stream=end and not trailers)
        if trailers:
            self._http.send_headers(stream, trailers, end_stream=True)
        self._flush()
        return stream

    def more(self, stream: int, body: bytes, *, end: bool = False) -> None:
        """Send more of a body."""
        self._http.send_data(stream, body, end_stream=end)
        self._flush()

    def until(self, stream: int, *, length: int | None = None) -> Answer:
        """Read until a stream has ended, or has brought so many bytes."""
        answer = self.streams[stream]
        while not answer.ended and (length is None or len(answer.body) < length):
            data = self._socket.recv(65536)
            if not data:
                answer.reset = answer.ended = True
                break
            for event in self._http.receive_data(data):
                self._take(event)
            self._flush()
        return answer

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def _take(self, event: h2.events.Event) -> None:
        answer = self.streams.get(getattr(event, "stream_id", 0))
        if answer is None:
            return
        if isinstance(event, h2.events.ResponseReceived):
            answer.headers = list(event.headers)
        elif isinstance(event, h2.events.DataReceived):
            answer.body += event.data
            self._http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.TrailersReceived):
            answer.trailers = list(event.headers)
        elif isinstance(event, h2.events.StreamReset):
            answer.reset = answer.ended = True
        elif isinstance(event, h2.events.StreamEnded):
            answer.ended = True

    def _flush(self) -> None:
        if data := self._http.data_to_send():
            self._socket.sendall(data)


class Rpc:
    """A gRPC application: speaks HTTP/2 only, and sends every message back as it comes."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.seen: list[Headers] = []
        self._listener = socket.create_server(address)
        self.address = self._listener.getsockname()
        threading.Thread(target=self._accept, daemon=True).start()

    def take(self) -> list[Headers]:
        """Return headers and trailers that were received since the last call."""
        seen, self.seen[:] = list(self.seen), []
        return seen

    def close(self) -> None:
        """Stop listening."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        http.initiate_connection()
        connection.sendall(http.data_to_send())
        # Whoever speaks HTTP/1 here is not answered.
        with contextlib.suppress(OSError, h2.exceptions.ProtocolError), connection:
            while data := connection.recv(65536):
                for event in http.receive_data(data):
                    self._take(http, event)
                connection.sendall(http.data_to_send())

    def _take(self, http: h2.connection.H2Connection, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.RequestReceived):
            self.seen.append(list(event.headers))
            http.send_headers(event.stream_id, [(":status", "200"), ("content-type", "application/grpc")])
        elif isinstance(event, h2.events.DataReceived):
            http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            if event.data:
                http.send_data(event.stream_id, event.data)
        elif isinstance(event, h2.events.TrailersReceived):
            self.seen.append(list(event.headers))
        elif isinstance(event, h2.events.StreamEnded):
            http.send_headers(event.stream_id, [("grpc-status", "0")], end_stream=True)


def message(data: bytes) -> bytes:
    """Return a gRPC message, uncompressed."""
    return b"\0" + len(data).to_bytes(4, "big") + data
