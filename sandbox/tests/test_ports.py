# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import contextlib
import os
import pathlib
import socket
import subprocess
import sys

import pytest

from sandbox import ports

OWN = f"{pathlib.Path('/proc/self/comm').read_text().strip()} (pid {os.getpid()})"


@contextlib.contextmanager
def listener(address: str, port: int = 0):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((address, port))
        server.listen()
        yield server.getsockname()[1]


def test_a_free_port_is_free():
    with listener("127.0.0.1") as port:
        pass
    assert ports.taken(port) is None


@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1"])
def test_the_holder_is_named(address: str):
    with listener(address) as port:
        assert ports.taken(port) == OWN


@pytest.mark.parametrize("everywhere", ["0.0.0.0", "::"])
def test_a_holder_of_all_addresses_keeps_a_unit_from_its_own(everywhere: str):
    with listener(everywhere) as port:
        assert ports.taken(port) == OWN
        assert ports.taken(port, "127.9.8.7") == OWN


def test_a_holder_of_another_address_keeps_nobody_out():
    with listener("127.9.8.6") as port:
        assert ports.taken(port, "127.9.8.7") is None


def test_the_holder_is_the_one_on_this_address_and_not_another_on_the_same_port():
    """Every gatekeeper of every sandbox listens on the same port of its own address."""
    with listener("127.9.8.6") as port:
        program = f"import socket; s = socket.create_server(('127.9.8.7', {port})); print(flush=True); input()"
        with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
            assert other.stdout
            other.stdout.readline()
            assert f"(pid {other.pid})" in (ports.taken(port, "127.9.8.7") or "")
            other.kill()


def test_a_port_below_1024_is_the_system_s(monkeypatch: pytest.MonkeyPatch):
    if os.geteuid() == 0 or int(pathlib.Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) <= 80:
        monkeypatch.setattr(socket.socket, "bind", _refuse)
    assert "1024" in (ports.taken(80) or "")


def _refuse(_socket: socket.socket, _address: object):
    raise PermissionError


def test_a_holder_that_cannot_be_seen_is_somebody_else_s(monkeypatch: pytest.MonkeyPatch):
    def closed(self: pathlib.Path):
        raise PermissionError

    monkeypatch.setattr(pathlib.Path, "readlink", closed)
    with listener("127.0.0.1") as port:
        assert "another user" in (ports.taken(port) or "")


def test_every_sandbox_has_a_block_of_its_own_until_it_ends():
    first, lock = ports.claim_block()
    second, other = ports.claim_block()
    assert first != second
    lock.close()
    again, third = ports.claim_block()
    assert again == first
    for each in (other, third):
        each.close()
