#!/usr/bin/env python3
# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What the gateway costs: rendering and swapping 10, 100 and 1000 routes, changes under load, and fast mode.

Run it with the environment of the tests: .venv/bin/python bench/gateway.py. Everything is on loopback.
"""

import asyncio
import dataclasses
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

import emissary  # noqa: E402
import envoy  # noqa: E402
import model  # noqa: E402
import servers  # noqa: E402
from joserfc import jwk, jwt  # noqa: E402
from worlds import SESSION, World  # noqa: E402

COUNTS = (10, 100, 1000)
# What 1000 routes may take, from the model to Envoy's answer with the new ones.
LIMIT = 2.0
SECONDS = 4.0
ISSUER = "http://gateway.test"


def main() -> int:
    """Measure, print a table, and return 1 when a promise is broken."""
    world = World(pathlib.Path(tempfile.mkdtemp(prefix="bench-")))
    try:
        world.write()
        world.envoy.start(world.port, envoy.HEALTH_PATH)
        slowest = swaps(world)
        failures = changes_under_load(world)
        fast_mode(world)
    finally:
        world.close()
    if slowest > LIMIT or failures:
        print(f"BROKEN: 1000 routes took {slowest:.2f} s (limit {LIMIT}), {failures} requests failed")
        return 1
    return 0


def many(world: World, count: int, generation: int = 0) -> dict[str, object]:
    """Return a table of so many routes beside those of the world."""
    fresh = tuple(world.route(f"/g{generation}-{number}", application=f"app-{number}") for number in range(count))
    return {"table": (*fresh, *world.table)}


def swaps(world: World) -> float:
    """Measure rendering and swapping; return the seconds of the largest table."""
    print(f"{'routes':>8} {'envoy: render':>14} {'swap':>10} {'total':>10} {'emissary: render':>17}")
    total = 0.0
    for count in COUNTS:
        changes = many(world, count)
        began = time.monotonic()
        state = envoy.configure(world.gateway(**changes))
        rendered = time.monotonic()
        world.envoy.write([(file.path, file.text) for file in state.files])
        version = envoy.version(state)
        servers.until(lambda version=version: world.get(envoy.VERSION_PATH).body == version, "not served", seconds=60)
        total = time.monotonic() - began
        other = time.monotonic()
        emissary.configure(dataclasses.replace(world.gateway(**changes), namespace="m"))
        emissary_seconds = time.monotonic() - other
        swap = began + total - rendered
        print(f"{count:>8} {rendered - began:>13.3f}s {swap:>9.3f}s {total:>9.3f}s {emissary_seconds:>16.3f}s")
    return total


def changes_under_load(world: World) -> int:
    """Change 100 routes twenty times under load; return how many requests failed."""
    stop = threading.Event()
    results: list[int] = []

    def load() -> None:
        while not stop.is_set():
            try:
                results.append(world.get("/protected", SESSION).status)
            except OSError:
                results.append(0)

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for generation in range(20):
        changes = many(world, 100, generation)
        world.write(**changes)
        version = envoy.version(envoy.configure(world.gateway(**changes)))
        servers.until(lambda version=version: world.get(envoy.VERSION_PATH).body == version, "not served", seconds=60)
    stop.set()
    for thread in threads:
        thread.join()
    failed = sum(status != 200 for status in results)
    print(f"20 changes of 100 routes under load: {len(results)} requests, {failed} failed")
    return failed


def fast_mode(world: World) -> None:
    """Compare a session that the authorizer is asked about with one that Envoy verifies itself."""
    key = jwk.ECKey.generate_key("P-256", {"kid": "one", "use": "sig", "alg": "ES256"})
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": "kubeflow", "userid": "a", "groups": [], "iat": now, "exp": now + 900, "jti": "1"}
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
