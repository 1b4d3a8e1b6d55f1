# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Hooks whose process is killed at any moment, as when a node dies: they are run again, and the end is the same."""

import contextlib
import os
import random
import signal
import time

import live

FILES = (
    ("dex-auth/0", "dex", "/tmp/dex/config.yaml"),
    ("gatekeeper/0", "gatekeeper", "/etc/gatekeeper/config.json"),
    ("ambassador-route/0", "gateway", "/tmp/envoy/listeners.json"),
    ("ambassador-route/0", "gateway", "/tmp/envoy/routes.json"),
)
OPTIONS = (
    ("dex-auth", "title=Other", "id-token-lifetime=30m"),
    ("gatekeeper", "session-lifetime=600"),
    ("ambassador-route", "login-rate-limit=5000"),
)
ENDED = "ended while it ran"


def texts(sandbox: live.Live) -> list[str]:
    return [sandbox.file(*place).read_text() for place in FILES]


def change(sandbox: live.Live, *, back: bool) -> None:
    for app, *options in OPTIONS:
        names = ",".join(option.partition("=")[0] for option in options)
        sandbox.cli("config", app, *(("--reset", names) if back else options))


def kill_some(sandbox: live.Live, chance: random.Random) -> None:
    """Kill processes that run hooks, a moment after each other; some of them have nothing to do just then."""
    for _ in range(4):
        time.sleep(chance.uniform(0, 0.25))
        hooks = set(live.marked("worker.main()")) & set(live.marked(str(sandbox.home)))
        for pid in hooks:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def killed(sandbox: live.Live) -> int:
    return (sandbox.home / "debug.log").read_text().count(ENDED)


def test_hooks_killed_at_any_moment_end_in_the_same_state(sandbox: live.Live):
    before = texts(sandbox)
    change(sandbox, back=False)
    live.wait(sandbox.active, hint="changed, and nobody was killed")
    wanted = texts(sandbox)
    assert all(one != other for one, other in zip(before, wanted, strict=True))
    change(sandbox, back=True)
    live.wait(sandbox.active, hint="back")
    assert texts(sandbox) == before
    chance, deaths = random.Random(1), killed(sandbox)
    for _ in range(3):
        for back, expected in ((False, wanted), (True, before)):
            change(sandbox, back=back)
            kill_some(sandbox, chance)
            live.wait(sandbox.active, seconds=120, hint="killed hooks were run again")
            assert texts(sandbox) == expected
            assert sandbox.can_log_in()
    assert killed(sandbox) - deaths >= 5
