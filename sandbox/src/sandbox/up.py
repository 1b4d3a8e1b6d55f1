# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""`sandbox up`: in the foreground until Ctrl-C, or in the background until `sandbox down`."""

import collections.abc
import contextlib
import dataclasses
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
import typing

import rich.console
import rich.live

from sandbox import control, outside, requests, status, supervisor, view

# Seconds until a sandbox that does not become active is reported.
_PATIENCE = 60.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """What `sandbox up` was asked for."""

    home: pathlib.Path
    bundle: pathlib.Path
    overlay: pathlib.Path
    port: int | None
    programs: tuple[outside.Program, ...]


class _Stop(BaseException):
    """Somebody asked for the end; raised in the main thread wherever it is."""


def run(request: Request, *, detach: bool, report: int | None, words: list[str]) -> int:
    """Run the sandbox, and return the exit code."""
    if detach:
        return _detach(words)
    say = _reporter(report)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    plan = supervisor.Plan(
        home=request.home,
        bundle=request.bundle,
        overlays=(request.overlay,),
        port=request.port,
        programs=request.programs,
    )
    running = supervisor.Supervisor(plan, say)
    code, complaint = 0, ""
    try:
        _serve(running, say, background=report is not None)
    except supervisor.SandboxError as error:
        code, complaint = 1, f"sandbox: {error}"
    except _Stop:
        pass
    finally:
        # A second Ctrl-C must not interrupt the end, or something would be left.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        running.down()
    say(complaint, end=code)
    return code


def _stop(number: int, frame: object) -> None:
    del number, frame
    raise _Stop


def _serve(running: supervisor.Supervisor, say: "_Say", *, background: bool) -> None:
    began = time.monotonic()
    running.up()
    ended = threading.Event()
    answers = requests.Requests(running, ended.set)
    server = control.Server(running.runtime / "control", answers.handle)
    try:
        settled = running.settled(_PATIENCE)
        if settled:
            say(f"ready in {time.monotonic() - began:.1f} s")
        else:
            say(f"not everything is active after {_PATIENCE:.0f} s:")
            for line in view.plain(status.show(running.world)):
                say(f"  {line}")
        _tell(running, say, background=background)
        say("", end=0 if settled else 1)
        _show(running, ended, background=background)
    finally:
        server.close()


def _tell(running: supervisor.Supervisor, say: "_Say", *, background: bool) -> None:
    say(f"  URL       {running.url}")
    found = running.credentials()
    if found:
        say(f"  user      {found[0]}")
        say(f"  password  {found[1]}")
    say("Stop it with: sandbox down" if background else "Stop it with Ctrl-C.")


def _show(running: supervisor.Supervisor, ended: threading.Event, *, background: bool) -> None:
    """Show the status until the end."""
    console = rich.console.Console(highlight=False)
    if background or not console.is_terminal:
        _show_lines(running, ended, background=background)
        return
    with rich.live.Live(console=console, auto_refresh=False, transient=True) as shown:
        while not ended.is_set():
            shown.update(view.status(status.show(running.world)), refresh=True)
            ended.wait(0.5)


def _show_lines(running: supervisor.Supervisor, ended: threading.Event, *, background: bool) -> None:
    before: list[str] = []
    while not ended.wait(0.5):
        lines = view.plain(status.show(running.world))
        if not background:
            for line in lines:
                if line not in before:
                    print(line, flush=True)
        before = lines


class _Say(typing.Protocol):
    def __call__(self, text: str, *, end: int | None = None) -> None: ...


def _reporter(report: int | None) -> _Say:
    """Return what tells the operator a line: here, or through a pipe to the command that detached this one."""

    def here(text: str, *, end: int | None = None) -> None:
        if text:
            print(text, file=sys.stderr if end else sys.stdout, flush=True)

    if report is None:
        return here
    stream = os.fdopen(report, "w", buffering=1)

    def there(text: str, *, end: int | None = None) -> None:
        # Whoever detached us may be gone by now.
        try:
            if text:
                print(text, file=stream)
            if end is not None:
                print(f"\0{end}", file=stream)
                stream.close()
        except (OSError, ValueError):
            return

    return there


def _detach(words: collections.abc.Sequence[str]) -> int:
    """Start the sandbox in the background, relay what it says until it serves, and return its exit code."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    inward, outward = os.pipe()
    command = [
        sys.executable,
        "-m",
        "sandbox",
        *(word for word in words if word != "--detach"),
        "--report",
        str(outward),
    ]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        pass_fds=(outward,), start_new_session=True,
    )  # fmt: skip
    os.close(outward)
    code = 1
    try:
        with os.fdopen(inward) as lines:
            for line in lines:
                if line.startswith("\0"):
                    code = int(line[1:])
                    break
                print(line, end="", flush=True, file=sys.stderr if line.startswith("sandbox: ") else sys.stdout)
    except KeyboardInterrupt:
        process.terminate()
        process.wait(timeout=10)
        return 130
    if code:
        # It says why it failed as its last act; one that only is not active goes on.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.5)
    return code
