# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What the gateway's charm tells an operator about the running bundle."""

import os
import pathlib
import signal

import httpx
import live


def _envoy(sandbox: live.Live) -> int:
    """Return the process of the gateway."""
    words = {pid: pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() for pid in live.marked(str(sandbox.home))}
    (found,) = [pid for pid, line in words.items() if b"/envoy\0-c" in line]
    return found


def test_an_envoy_that_hangs_is_started_again(sandbox: live.Live):
    hung = _envoy(sandbox)
    os.kill(hung, signal.SIGSTOP)
    try:

        def serves() -> bool:
            try:
                return httpx.get(f"{sandbox.url}/dex/healthz", timeout=1, trust_env=False).status_code < 500
            except httpx.TransportError:
                return False

        assert not serves()
        live.wait(serves, seconds=120, hint="another Envoy serves")
        assert _envoy(sandbox) != hung
    finally:
        if pathlib.Path(f"/proc/{hung}").exists():
            os.kill(hung, signal.SIGCONT)
    live.wait(sandbox.active, hint="everything active again")


def test_routes_are_shown_with_what_is_true_of_them(sandbox: live.Live):
    rows = [line.split() for line in sandbox.run("ambassador-route/0", "show-routes")["routes"].splitlines()]
    assert rows[0][:3] == ["PREFIX", "APPLICATION", "LOGIN"]
    found = {row[0]: row[1:] for row in rows[1:]}
    assert found["/dex"][:2] == ["dex-auth", "none"]
    assert found["/recorded"][1:4] == ["needed", "302", "login"]
    assert list(found)[-1] == "/"


def test_a_login_that_works_is_traced_to_its_end(sandbox: live.Live):
    trace = sandbox.run("ambassador-route/0", "trace-login")["trace"]
    assert [line.split()[0] for line in trace.splitlines() if not line.startswith("dex")] == [
        "gateway",
        "gatekeeper",
        "callback",
        "page",
    ]
    assert all(line.endswith(" ok") for line in trace.splitlines()), trace
    assert "state=" not in trace


def test_the_first_broken_hop_of_a_login_is_named(sandbox: live.Live):
    for unit, service, hop in (("dex-auth/0", "dex", "dex"), ("gatekeeper/0", "gatekeeper", "gatekeeper")):
        sandbox.cli("stop", unit, service)
        said = sandbox.cli("run", "ambassador-route/0", "trace-login", code=1)
        assert f"{hop}: " in said
        assert f"juju status {unit.split('/')[0]}" in said
        sandbox.cli("start", unit, service)
