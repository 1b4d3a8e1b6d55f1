# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 before a server of the tests that speaks HTTP/1.1: each stream becomes a connection of its own to it."""

import contextlib
import http.client
import io
import socket
import threading

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

Headers = list[tuple[str, str]]
# What HTTP/2 has no header for, or says in frames.
_OF_CONNECTIONS = ("connection", "transfer-encoding", "keep-alive")


class _Whole:
    """All that comes on a connection until its end; half a head is nothing, not a short one."""

    def __init__(self, connection: socket.socket) -> None:
        self._data = b""
        while piece := connection.recv(65536):
            self._data += piece
        if b"\r\n\r\n" not in self._data:
            raise http.client.BadStatusLine("half a head")

    def makefile(self, _: str) -> io.BytesIO:
        """Return it, as a socket does."""
        return io.BytesIO(self._data)


class Relay:
    """One connection of a client that speaks HTTP/2 without negotiation."""

    def __init__(self, connection: socket.socket, to: tuple[str, int]) -> None:
        self._connection = connection
        self._to = to
        self._lock = threading.Lock()
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8", validate_inbound_headers=False)
        self._http = h2.connection.H2Connection(config)

    def run(self) -> None:
        """Serve until the client, or whoever closes the socket, ends it."""
        heads: dict[int, Headers] = {}
        bodies: dict[int, bytes] = {}
        with self._lock:
            self._http.initiate_connection()
            self._flush()
        with contextlib.suppress(OSError, h2.exceptions.ProtocolError):
            while data := self._connection.recv(65536):
                with self._lock:
                    events = self._http.receive_data(data)
                    for event in events:
                        if isinstance(event, h2.events.RequestReceived):
                            heads[event.stream_id] = list(event.headers)
                        elif isinstance(event, h2.events.DataReceived):
                            bodies[event.stream_id] = bodies.get(event.stream_id, b"") + event.data
                            self._http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                    self._flush()
                for event in events:
                    if isinstance(event, h2.events.StreamEnded):
                        stream = event.stream_id
                        words = (stream, heads.pop(stream), bodies.pop(stream, b""))
                        threading.Thread(target=self._pass_on, args=words, daemon=True).start()

    def _pass_on(self, stream: int, lines: Headers, body: bytes) -> None:
        pseudo = {name: value for name, value in lines if name.startswith(":")}
        others = [(name, value) for name, value in lines if not name.startswith(":")]
        head = [("Host", pseudo[":authority"])] if ":authority" in pseudo else []
        text = "".join(f"{name}: {value}\r\n" for name, value in (*head, *others, ("Connection", "close")))
        try:
            with socket.create_connection(self._to, timeout=60) as inner:
                inner.sendall(f"{pseudo[':method']} {pseudo[':path']} HTTP/1.1\r\n{text}\r\n".encode() + body)
                answer = http.client.HTTPResponse(_Whole(inner), method=pseudo[":method"])  # type: ignore[arg-type]
                answer.begin()
                content = answer.read()
        except (OSError, http.client.HTTPException, ValueError):
            with self._lock, contextlib.suppress(OSError, h2.exceptions.ProtocolError):
                self._http.reset_stream(stream, h2.errors.ErrorCodes.INTERNAL_ERROR)
                self._flush()
            return
        kept = [(name.lower(), value) for name, value in answer.getheaders() if name.lower() not in _OF_CONNECTIONS]
        with self._lock, contextlib.suppress(OSError, h2.exceptions.ProtocolError):
            self._http.send_headers(stream, [(":status", str(answer.status)), *kept], end_stream=not content)
            if content:
                self._http.send_data(stream, content, end_stream=True)
            self._flush()

    def _flush(self) -> None:
        if data := self._http.data_to_send():
            self._connection.sendall(data)
