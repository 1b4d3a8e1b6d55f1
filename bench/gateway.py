#!/usr/bin/env python3
# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What fast mode saves: a session that the authorizer is asked about, and one that Envoy verifies itself.

Run it with the environment of the tests: .venv/bin/python bench/gateway.py. Everything is on loopback.
"""

import asyncio
import json
import pathlib
import socket
import statistics
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
CHARM = ROOT / "charms" / "ambassador-route"
sys.path[:0] = [str(CHARM / "src"), str(CHARM / "tests" / "unit" / "helpers")]

import envoy  # noqa: E402
import model  # noqa: E402
import servers  # noqa: E402
from joserfc import jwk, jwt  # noqa: E402
from worlds import SESSION, World  # noqa: E402

SECONDS = 4.0
ISSUER = "http://gateway.test"


def main() -> int:
    """Measure, and print what was measured."""
    with World.running(pathlib.Path(tempfile.mkdtemp(prefix="bench-"))) as world:
        fast_mode(world)
    return 0


def fast_mode(world: World) -> None:
    """Compare a session that the authorizer is asked about with one that Envoy verifies itself."""
    key = jwk.ECKey.generate_key("P-256", {"kid": "one", "use": "sig", "alg": "ES256"})
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": "kubeflow", "userid": "a", "groups": "", "iat": now, "exp": now + 900}
    claims |= {"auth_time": now, "sid": "1"}
    cookie = ("Cookie", f"authservice_session={jwt.encode({'alg': 'ES256', 'kid': 'one', 'typ': 'JWT'}, claims, key)}")
    fast = model.Fast(jwks=json.dumps({"keys": [key.as_dict(private=False)]}), issuer=ISSUER)
    world.write(fast=fast)
    version = envoy.version(envoy.configure(world.gateway(fast=fast)))
    servers.until(lambda: world.get(envoy.VERSION_PATH).body == version, "not served")
    time.sleep(1)
    world.authorizer.close()
    world.app.close()
    Quick(world.authorizer.port, b"kubeflow-userid: a\r\n")
    Quick(world.app.port, b"")
    time.sleep(2)
    latency(world.port, "/dex/x", cookie)
    medians = {}
    for name, path, header in (
        ("open", "/dex/x", cookie),
        ("asked", "/protected", SESSION),
        ("fast", "/protected", cookie),
    ):
        medians[name] = latency(world.port, path, header)
    shown = ", ".join(f"{name} {seconds * 1e6:.0f} us" for name, seconds in medians.items())
    print(f"one client, median: {shown}; fast mode is {medians['asked'] / medians['fast']:.2f} times as fast as asking")


def latency(port: int, path: str, header: tuple[str, str]) -> float:
    """Return the median time of a request over one connection."""
    request = f"GET {path} HTTP/1.1\r\nHost: gateway.test\r\n{header[0]}: {header[1]}\r\n\r\n".encode()
    times: list[float] = []
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            began = time.perf_counter()
            sock.sendall(request)
            data = b""
            while not data.endswith(b"\r\n\r\nok"):
                data += sock.recv(65536)
            assert data.startswith(b"HTTP/1.1 200"), data[:200]
            times.append(time.perf_counter() - began)
    return statistics.median(times)


class Quick:
    """Answers every request at once: the servers of the tests wait for the kernel between head and body."""

    def __init__(self, port: int, headers: bytes) -> None:
        """Listen in a thread of its own."""
        answer = b"HTTP/1.1 200 OK\r\n" + headers + b"content-length: 2\r\n\r\nok"

        class Answering(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                self.transport = transport

            def data_received(self, data: bytes) -> None:
                if data.endswith(b"\r\n\r\n"):
                    self.transport.write(answer)

        async def serve() -> None:
            server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", port)
            await server.serve_forever()

        threading.Thread(target=lambda: asyncio.run(serve()), daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
