# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Gives the tests a gateway: one that runs elsewhere, named by environment variables, or else that of a sandbox.

GATEWAY_URL         where clients reach it
GATEWAY_AUTHORIZER  HOST:PORT on which the tests listen as the authorizer that it asks
GATEWAY_UPSTREAM    HOST:PORT on which they listen as the application of /recorded, /tool (rewritten to /), /moved
                    (rewritten to /new/home), /open, and of /hosted at the host hosted.example.com
GATEWAY_RPC         HOST:PORT on which they listen as the application of /rpc; engine emissary must be told that it is
                    called with gRPC
GATEWAY_RENEWS      0 when the engine cannot pass on cookies of an authorizer that lets a request pass
GATEWAY_REPEATS     0 when it does not repeat a read that an application of /open lost
"""

import collections.abc
import concurrent.futures
import os
import time

import frames
import gateway as under_test
import live
import peers
import pytest
import websocket


@pytest.fixture(scope="session")
def sandbox(
    tmp_path_factory: pytest.TempPathFactory, application: peers.Application, rpc: frames.Rpc
) -> collections.abc.Iterator[live.Live | None]:
    """A sandbox whose gatekeeper makes room for the authorizer of the tests."""
    if "GATEWAY_URL" in os.environ:
        yield None
        return
    url = f"http://127.0.0.1:{application.address[1]}"
    box = live.Live(
        tmp_path_factory.mktemp("contract"),
        "--app", f"/recorded={url}", "--app", f"/tool={url}/", "--public-app", f"/open={url}",
        "--app", f"/moved={url}/new/home", "--app", f"/hosted={url}",
        "--app", f"/rpc=http://127.0.0.1:{rpc.address[1]}",
    )  # fmt: skip
    box.up()
    box.config("ambassador-route", f"hosts=app-hosted={under_test.HOST}")
    box.cli("stop", "gatekeeper/0", "gatekeeper")
    yield box
    box.down()


@pytest.fixture(scope="session")
def application() -> collections.abc.Iterator[peers.Application]:
    server = peers.Application(peers.address(os.environ.get("GATEWAY_UPSTREAM", "127.0.0.1:0")))
    yield server
    server.close()


@pytest.fixture(scope="session")
def rpc() -> collections.abc.Iterator[frames.Rpc]:
    server = frames.Rpc(peers.address(os.environ.get("GATEWAY_RPC", "127.0.0.1:0")))
    yield server
    server.close()


@pytest.fixture(scope="session")
def authorizer(sandbox: live.Live | None) -> collections.abc.Iterator[peers.Authorizer]:
    if sandbox:
        gatekeeper = sandbox.status()["applications"]["gatekeeper"]["units"]["gatekeeper/0"]
        where = (gatekeeper["address"], 8080)
    else:
        where = peers.address(os.environ["GATEWAY_AUTHORIZER"])
    server = peers.Authorizer(where)
    yield server
    server.close()


@pytest.fixture(scope="session")
def running(
    sandbox: live.Live | None, authorizer: peers.Authorizer, application: peers.Application, rpc: frames.Rpc
) -> under_test.Gateway:
    url = sandbox.url if sandbox else os.environ["GATEWAY_URL"]
    can = {name: os.environ.get(f"GATEWAY_{name.upper()}") != "0" for name in ("renews", "repeats")}
    found = under_test.Gateway(url, authorizer, application, rpc, **can)
    live.wait(lambda: found.get("/recorded/up", peers.SESSION).status == 200, hint="the gateway serves its routes")
    found.forget()
    return found


@pytest.fixture
def gateway(running: under_test.Gateway) -> collections.abc.Iterator[under_test.Gateway]:
    running.forget()
    yield running
    running.authorizer.mood = None


@pytest.fixture
def optional(sandbox: live.Live | None) -> live.Live:
    """The sandbox, for a test that sets an option."""
    if sandbox is None:
        pytest.skip("this gateway runs elsewhere: its options cannot be set from here")
    return sandbox


@pytest.fixture(scope="session", autouse=True)
def long(running: under_test.Gateway) -> collections.abc.Iterator[dict[str, concurrent.futures.Future[object]]]:
    """What takes long, begun before the first test and asked for by the last ones."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        begun = {
            "socket": pool.submit(_silent_socket, running),
            "slow": pool.submit(running.get, "/recorded/slow?sleep=25", peers.SESSION, seconds=60),
        }
        # No fault of a later test may meet them: both are past the authorizer.
        live.wait(lambda: len(running.application.seen) >= len(begun), hint="the long requests arrive")
        yield begun


def _silent_socket(gateway: under_test.Gateway) -> list[str | bytes]:
    """Send something over a WebSocket, say nothing for more than a minute, and send something again."""
    address = gateway.url.replace("http", "ws", 1) + "/recorded/socket"
    socket = websocket.create_connection(address, timeout=15, cookie=peers.SESSION[1])
    echoes: list[str | bytes] = []
    for pause in (0, 61):
        time.sleep(pause)
        socket.send(f"after {pause}")
        echoes.append(socket.recv())
    socket.close()
    return echoes
