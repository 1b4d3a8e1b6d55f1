# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Processes on one core, what they use, and the load that comes from the other."""

import collections.abc
import dataclasses
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

import live

SERVER, CLIENT = 0, 1
_TICK = os.sysconf("SC_CLK_TCK")
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Load:
    """What came of one run of wrk.

    Attributes:
        rate: answers per second.
        p50: the median latency, in seconds.
        p99: the same of the 99th percentile.
        answers: how many there were.
        bad: answers with an error status, and connections that failed.
        cpu: what the server used for each answer, in microseconds.
    """

    rate: float
    p50: float
    p99: float
    answers: int
    bad: int
    cpu: float = 0.0


class Server:
    """A process that has the server's core for itself, as far as the machine allows."""

    def __init__(self, log: pathlib.Path, *command: str, environment: collections.abc.Mapping[str, str] | None = None):
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                preexec_fn=lambda: os.sched_setaffinity(0, {SERVER}),
            )
        self._log = log

    def wait_for(self, port: int) -> None:
        """Wait until something listens on a port."""
        live.wait(lambda: self._alive() and open_(port), hint=f"{self._log} tells why nobody answers")

    def cpu(self) -> float:
        """Return the seconds of CPU that were used so far."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICK

    def pss(self) -> float:
        """Return the memory that is this process's own share, in MiB."""
        text = pathlib.Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        (kib,) = re.findall(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
        return int(kib) / 1024

    def stop(self) -> None:
        """End the process."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _alive(self) -> bool:
        assert self.process.poll() is None, self._log.read_text()[-2000:]
        return True


def wrk(
    url: str,
    *,
    seconds: float,
    connections: int = 16,
    headers: collections.abc.Sequence[str] = (),
    script: pathlib.Path | None = None,
    words: collections.abc.Sequence[str] = (),
    servers: collections.abc.Sequence[Server] = (),
) -> Load:
    """Put load on a URL from the client's core, and return what came of it.

    Args:
        url: what is asked for.
        seconds: for how long, at least one.
        connections: how many requests are under way at once.
        headers: header lines of every request.
        script: a Lua script that makes the requests.
        words: what the script is told.
        servers: whose CPU is counted.
    """
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--latency", "--timeout", "20s"]
    for header in headers:
        command += ["-H", header]
    if script is not None:
        command += ["-s", str(script)]
    command += [url, *(["--", *words] if words else [])]
    before = sum(server.cpu() for server in servers)
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {CLIENT}),
    )
    used = sum(server.cpu() for server in servers) - before
    return dataclasses.replace(_read(done.stdout), cpu=used * 1e6 / max(1, _number(done.stdout, r"(\d+) requests in")))


def first_answer(command: collections.abc.Sequence[str], port: int, log: pathlib.Path) -> float:
    """Start a program, and return the seconds until it has answered a request on a port."""
    began = time.monotonic()
    server = Server(log, *command)
    try:
        while not answered(port):
            assert server.process.poll() is None, log.read_text()[-2000:]
            assert time.monotonic() < began + 60, "no answer in a minute"
            time.sleep(0.002)
        return time.monotonic() - began
    finally:
        server.stop()


def open_(port: int) -> bool:
    """Return whether something listens on a port."""
    return _connected(port, b"") is not None


def answered(port: int) -> bool:
    """Return whether a request on a port gets an answer."""
    return bool(_connected(port, b"GET / HTTP/1.1\r\nhost: x\r\naccept: application/json\r\n\r\n"))


def _connected(port: int, request: bytes) -> bytes | None:
    with socket.socket() as connection:
        connection.settimeout(5)
        if connection.connect_ex(("127.0.0.1", port)):
            return None
        if not request:
            return b""
        try:
            connection.sendall(request)
            return connection.recv(12)
        except OSError:
            return None


def _read(text: str) -> Load:
    bad = sum(int(count) for count in re.findall(r"(?:connect|read|write|timeout) (\d+)", text))
    bad += int(_number(text, r"Non-2xx or 3xx responses: (\d+)"))
    return Load(
        rate=_number(text, r"Requests/sec:\s+([\d.]+)"),
        p50=_seconds(text, "50%"),
        p99=_seconds(text, "99%"),
        answers=int(_number(text, r"(\d+) requests in")),
        bad=bad,
    )


def _number(text: str, pattern: str) -> float:
    found = re.search(pattern, text)
    return float(found[1]) if found else 0.0


def _seconds(text: str, percentile: str) -> float:
    found = re.search(rf"^\s+{percentile}\s+([\d.]+)(us|ms|s|m)$", text, re.MULTILINE)
    return float(found[1]) * _UNITS[found[2]] if found else 0.0
