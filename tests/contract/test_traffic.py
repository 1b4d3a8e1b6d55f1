# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What must pass: large bodies, streams, WebSockets, HTTP/2, gRPC, slow answers."""

import concurrent.futures
import hashlib
import itertools
import time

import frames
import gateway as under_test
import live
import peers

MEGABYTE = b"".join(hashlib.sha256(bytes([number % 256])).digest() for number in range(31_250))


def test_an_upload_of_100_megabytes_is_streamed(gateway: under_test.Gateway) -> None:
    """The application has most of it while the client still sends: nothing on the way waits for the end."""
    digest = hashlib.sha256()
    with peers.connect(gateway.address, 60) as sock:
        head = f"POST /recorded/upload HTTP/1.1\r\nHost: g\r\nCookie: {peers.SESSION[1]}\r\n"
        sock.sendall(f"{head}Content-Length: {100 * len(MEGABYTE)}\r\n\r\n".encode())
        gateway.application.arrived = 0
        for number in range(100):
            digest.update(MEGABYTE)
            sock.sendall(MEGABYTE)
            if number == 90:
                live.wait(lambda: gateway.application.arrived > 80 * len(MEGABYTE), hint="the first part arrives")
        answer = under_test.receive(sock, "POST")
    assert (answer.seen.length, answer.seen.digest) == (100 * len(MEGABYTE), digest.hexdigest())


def test_a_chunked_upload_arrives_whole(gateway: under_test.Gateway) -> None:
    chunk = f"{len(MEGABYTE):x}\r\n".encode() + MEGABYTE + b"\r\n"
    head = (
        f"POST /recorded/upload HTTP/1.1\r\nHost: g\r\nCookie: {peers.SESSION[1]}\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    answer = gateway.raw(head.encode() + chunk * 3 + b"0\r\n\r\n", "POST")
    assert (answer.seen.length, answer.seen.digest) == (3_000_000, hashlib.sha256(MEGABYTE * 3).hexdigest())


def test_a_download_of_100_megabytes_arrives_whole(gateway: under_test.Gateway) -> None:
    answer = gateway.get("/recorded/download?megabytes=100", peers.SESSION, seconds=60)
    assert (answer.status, len(answer.body)) == (200, 100_000_000)


def test_a_refused_upload_goes_nowhere(gateway: under_test.Gateway) -> None:
    with peers.connect(gateway.address) as sock:
        sock.sendall(b"POST /recorded/upload HTTP/1.1\r\nHost: g\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1000)
        assert under_test.receive(sock, "POST").status == 302
    assert gateway.application.take() == []
    assert [check.length for check in gateway.authorizer.take()] == [0]


def test_events_come_one_by_one(gateway: under_test.Gateway) -> None:
    with peers.connect(gateway.address) as sock:
        head = f"GET /recorded/events?count=4&pause=0.5 HTTP/1.1\r\nHost: g\r\nCookie: {peers.SESSION[1]}\r\n\r\n"
        sock.sendall(head.encode())
        data, came = b"", []
        while data.count(b"data: ") < 4:
            data += sock.recv(65536)
            came += [time.monotonic()] * (data.count(b"data: ") - len(came))
    assert len(came) == 4
    assert all(later - earlier > 0.2 for earlier, later in itertools.pairwise(came)), came


def test_http_2_is_spoken(gateway: under_test.Gateway) -> None:
    client = gateway.h2()
    refused = client.until(client.send("GET", "/recorded/x", []))
    assert (refused.status, dict(refused.headers)["location"]) == (302, "/dex/auth?state=1")
    assert gateway.application.take() == []
    cookie = [("cookie", peers.SESSION[1])]
    streams = [client.send("GET", f"/recorded/{number}", cookie) for number in range(20)]
    assert {client.until(stream).status for stream in streams} == {200}
    client.close()
    assert {seen.path for seen in gateway.application.take()} == {f"/recorded/{number}" for number in range(20)}


CALL = [("content-type", "application/grpc"), ("te", "trailers")]


def test_a_grpc_call_passes_with_a_session_only(gateway: under_test.Gateway) -> None:
    client = gateway.h2()
    refused = client.until(client.send("POST", "/rpc/Echo", CALL, frames.message(b"hello")))
    assert refused.status == 302 or refused.reset or dict(refused.headers).get("grpc-status") not in (None, "0")
    assert gateway.rpc.take() == []
    call = [*CALL, ("cookie", peers.SESSION[1]), ("kubeflow-userid", "mallory")]
    answer = client.until(client.send("POST", "/rpc/Echo", call, frames.message(b"hello")))
    assert (answer.status, answer.body) == (200, frames.message(b"hello"))
    assert dict(answer.trailers)["grpc-status"] == "0"
    client.close()
    (headers,) = gateway.rpc.take()
    assert [value for name, value in headers if name == "kubeflow-userid"] == [peers.USER]
    assert "authservice_session" not in str(headers)


def test_a_grpc_stream_goes_both_ways(gateway: under_test.Gateway) -> None:
    client = gateway.h2()
    stream = client.send("POST", "/rpc/Chat", [*CALL, ("cookie", peers.SESSION[1])], frames.message(b"1"), end=False)
    for number in (1, 2, 3):
        answer = client.until(stream, length=number * 6)
        assert answer.body.endswith(frames.message(str(number).encode()))
        client.more(stream, frames.message(str(number + 1).encode()), end=number == 3)
    assert dict(client.until(stream).trailers)["grpc-status"] == "0"
    client.close()


def test_a_preflight_reaches_no_application_without_a_session(gateway: under_test.Gateway) -> None:
    preflight = (("Origin", "https://elsewhere.example"), ("Access-Control-Request-Method", "PUT"))
    answer = gateway.get("/recorded/x", *preflight, method="OPTIONS")
    assert answer.status in (302, 401, 403)
    assert answer.all("access-control-allow-origin") == []
    assert gateway.application.take() == []
    assert gateway.get("/recorded/x", peers.SESSION, *preflight, method="OPTIONS").seen.method == "OPTIONS"


def test_an_answer_may_take_its_time(long: dict[str, concurrent.futures.Future[under_test.Answer]]) -> None:
    assert long["slow"].result().seen.path == "/recorded/slow?sleep=25"


def test_a_websocket_lives_longer_than_a_minute(long: dict[str, concurrent.futures.Future[object]]) -> None:
    assert long["socket"].result() == ["after 0", "after 61"]
