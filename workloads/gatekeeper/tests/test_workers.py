# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Several processes behind one address, and a Unix socket: one service to whoever asks, also when one of them dies."""

import collections.abc
import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import httpx
import pytest
from gatekeeper import board, metrics, settings
from gatekeeper_support import Provider, Running, document, log_in, wait

CHECK = {"accept": "application/json"}


@pytest.fixture
def team(tmp_path: pathlib.Path, provider: Provider) -> collections.abc.Iterator[Running]:
    path = tmp_path / "socket"
    changes = {"journal": str(tmp_path / "journal"), "unix_socket": str(path)}
    made = Running(tmp_path / "team", issuer=provider.issuer, arguments=("--workers", "2"), **changes)
    wait(lambda: len(children(made)) == 2, seconds=60)
    yield made
    if made.process.poll() is None:
        assert made.stop() == 0


def children(running: Running) -> list[int]:
    task = pathlib.Path(f"/proc/{running.process.pid}/task/{running.process.pid}/children")
    return [int(pid) for pid in task.read_text().split()]


def answerer(connection: socket.socket, running: Running) -> int:
    """Return which process has accepted a connection: the one that holds its other end."""
    host, port = connection.getsockname()
    table = pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]
    ends = {line.split()[2]: line.split()[9] for line in table}
    address = ".".join(host.split(".")[::-1])
    inode = ends["".join(f"{int(part):02X}" for part in address.split(".")) + f":{port:04X}"]
    for pid in children(running):
        for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
            # A file that was open a moment ago may be closed by now.
            with contextlib.suppress(FileNotFoundError):
                if os.readlink(entry) == f"socket:[{inode}]":
                    return pid
    return 0


def at_each(running: Running, request: str) -> dict[int, int]:
    """Send a request to every process, and return the status each gives."""
    found: dict[int, int] = {}
    end = time.monotonic() + 60
    while len(found) < 2 and time.monotonic() < end:
        with socket.create_connection(("127.0.0.1", running.port)) as connection:
            connection.settimeout(5)
            connection.sendall(request.encode())
            status = int(connection.recv(65536).split()[1])
            found[answerer(connection, running)] = status
    assert set(found) == set(children(running))
    return found


def check(token: str) -> str:
    return f"GET /x HTTP/1.1\r\nhost: x\r\naccept: application/json\r\ncookie: authservice_session={token}\r\n\r\n"


def test_workers_share_sessions_and_what_is_taken_back(team: Running, provider: Provider):
    with log_in(team, provider) as client:
        token = client.cookies["authservice_session"]
        assert set(at_each(team, check(token)).values()) == {200}
        client.post("/authservice/logout", headers={"authorization": f"Bearer {token}"})
    time.sleep(2)
    assert set(at_each(team, check(token)).values()) == {401}


def test_a_worker_that_dies_is_replaced_and_remembers(team: Running, provider: Provider):
    with log_in(team, provider) as client:
        lost, kept = client.cookies["authservice_session"], ""
        client.post("/authservice/logout", headers={"authorization": f"Bearer {lost}"})
    with log_in(team, provider) as client:
        kept = client.cookies["authservice_session"]
    time.sleep(2.5)
    victim, other = children(team)
    os.kill(victim, signal.SIGKILL)
    # The sockets outlive it: nobody who comes now is turned away.
    for _ in range(40):
        headers = {**CHECK, "cookie": f"authservice_session={kept}"}
        assert httpx.get(f"{team.url}/x", headers=headers, timeout=60).status_code == 200
    wait(lambda: len(children(team)) == 2, seconds=60)
    assert other in children(team)
    assert victim not in children(team)
    assert set(at_each(team, check(kept)).values()) == {200}
    assert set(at_each(team, check(lost)).values()) == {401}


def test_workers_end_together_and_finish_what_they_answer(team: Running):
    pids = children(team)
    with socket.create_connection(("127.0.0.1", team.port)) as connection:
        connection.sendall(b"GET /x HTTP/1.1\r\nhost: x\r\naccept: application/json\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 401")
        assert team.stop() == 0
        assert connection.recv(10) == b""
    assert not any(pathlib.Path(f"/proc/{pid}").exists() for pid in pids)


def test_workers_do_not_take_a_core_away_from_the_gateway(team: Running):
    assert {os.sched_getscheduler(pid) for pid in children(team)} == {os.SCHED_BATCH}


def test_workers_end_when_who_watches_them_is_killed(team: Running):
    pids = children(team)
    team.process.kill()
    team.process.wait()
    wait(lambda: not any(pathlib.Path(f"/proc/{pid}").exists() for pid in pids), seconds=30)


def test_workers_that_cannot_run_are_not_started_for_ever():
    # Whoever supervises the service has to know.
    program = "import sys; from gatekeeper import workers; sys.exit(workers.Team(2, [], lambda number: 3).run())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.count("a worker ended") in (1, 2)


def test_metrics_are_those_of_all_workers(team: Running):
    at_each(team, check("x"))
    at_each(team, check("x"))
    time.sleep(1)
    line = 'gatekeeper_checks_total{result="denied",authenticator="session",reason="token_malformed"} '
    # Whichever of them is asked, it knows at least what both had counted a second ago.
    for _ in range(10):
        text = httpx.get(team.management + "/metrics", trust_env=False).text
        (count,) = [float(found.rpartition(" ")[2]) for found in text.splitlines() if found.startswith(line)]
        assert count >= 4


def test_a_service_answers_on_a_unix_socket(team: Running, provider: Provider):
    path = pathlib.Path(team.options.unix_socket)
    assert path.stat().st_mode & 0o777 == 0o660
    with log_in(team, provider) as known:
        cookie = f"authservice_session={known.cookies['authservice_session']}"
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), base_url="http://gatekeeper") as client:
        assert client.get("/x", headers={**CHECK, "cookie": cookie}).status_code == 200
        assert client.get("/x", headers=CHECK).status_code == 401
        assert client.get("/authservice/keys").json()["keys"]
        # Nor is it a way to the management port.
        assert client.get("/metrics", headers=CHECK).status_code == 401


def test_a_socket_left_behind_is_taken_over_and_one_in_use_is_not(tmp_path: pathlib.Path):
    path = tmp_path / "socket"
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    running = Running(tmp_path / "one", unix_socket=str(path), issuer="http://127.0.0.1:1/dex")
    second = tmp_path / "second.json"
    second.write_text(json.dumps(document(listen="127.0.0.1:0", unix_socket=str(path))))
    done = serve(second)
    assert done.returncode == 1
    assert done.stderr == f"gatekeeper: cannot listen on {path}: another process does\n"
    assert running.stop() == 0


def test_a_file_in_the_way_of_a_socket_stays(tmp_path: pathlib.Path):
    path = tmp_path / "socket"
    path.write_text("precious")
    config = tmp_path / "config.json"
    config.write_text(json.dumps(document(listen="127.0.0.1:0", unix_socket=str(path))))
    assert f"cannot listen on {path}: Address already in use" in serve(config).stderr
    assert path.read_text() == "precious"


def test_a_port_in_use_is_refused_also_by_workers(team: Running, tmp_path: pathlib.Path):
    config = tmp_path / "config.json"
    config.write_text(json.dumps(document(listen=f"127.0.0.1:{team.port}", journal=str(tmp_path / "other"))))
    done = serve(config, "--workers", "2")
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{team.port}: Address already in use" in done.stderr


@pytest.mark.parametrize("count", ["0", "-1", "65", "two", ""])
def test_a_senseless_number_of_workers_is_refused(tmp_path: pathlib.Path, count: str):
    assert "must be a number from 1 to 64" in serve(tmp_path / "none", f"--workers={count}").stderr


def test_workers_need_a_journal(tmp_path: pathlib.Path):
    config = tmp_path / "config.json"
    config.write_text(json.dumps(document()))
    assert "journal: is needed by several workers" in serve(config, "--workers", "2").stderr


@pytest.mark.parametrize("path", ["socket", "/a b", "/run/../x y", "/" + "x" * 107, "/run/"])
def test_a_path_that_can_be_no_socket_is_refused(path: str):
    with pytest.raises(settings.ConfigurationError, match=r"unix_socket: must be a path such as"):
        settings.parse(json.dumps(document(unix_socket=path)))


def test_a_board_shows_whole_texts_only():
    shared = board.Board(3)
    shared.write(0, {"a": 1.0})
    shared.write(1, {"a": 2.0})
    assert shared.read(besides=0) == [{"a": 2.0}]
    shared._places[1][10] ^= 1
    assert shared.read(besides=0) == []
    shared.write(1, {"x" * 300_000: 1.0})
    assert shared.read(besides=1) == [{"a": 1.0}]


def test_numbers_of_several_processes_become_one():
    counts = metrics.Metrics()
    counts.gauges += [
        metrics.Gauge(name="up", text="Up.", read=lambda: 1, merge="min"),
        metrics.Gauge(name="age", text="Age.", read=lambda: 5, merge="max"),
        metrics.Gauge(name="held", text="Held.", read=lambda: 5, labels={"kind": 'a"b\\'}),
    ]
    counts.waited.observe("token", seconds=0.3)
    counts.waited.observe("token", seconds=60)
    counts.others = lambda: [{"up": 0.0, "age": 3.0, 'held{kind="a\\"b\\\\"}': 2.0, "gatekeeper_logouts_total": 4.0}]
    lines = counts.render().splitlines()
    for line in (
        "up 0",
        "age 5",
        'held{kind="a\\"b\\\\"} 7',
        "gatekeeper_logouts_total 4",
        'gatekeeper_provider_seconds_bucket{endpoint="token",le="0.25"} 0',
        'gatekeeper_provider_seconds_bucket{endpoint="token",le="0.5"} 1',
        'gatekeeper_provider_seconds_bucket{endpoint="token",le="+Inf"} 2',
        'gatekeeper_provider_seconds_count{endpoint="token"} 2',
    ):
        assert line in lines, line


def test_a_provider_with_endless_connectors_gets_no_endless_metrics():
    counts = metrics.Metrics()
    for number in range(500):
        counts.login("success", f"connector-{number}")
    assert len(counts.logins.values) == 51
    assert counts.logins.values["success", metrics.OTHER] == 450


def serve(config: pathlib.Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gatekeeper", "--config", str(config), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
