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
import time
import typing

import rich.console
import rich.live

from sandbox import control, home, outside, requests, status, supervisor, view

# Seconds until a sandbox that does not become active is reported.
_PATIENCE = 60.0
# Seconds between two looks at the status.
_LOOK = 0.5
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LOG = "sandbox.log"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """What `sandbox up` was asked for."""

    home: pathlib.Path
    bundle: pathlib.Path
    overlays: tuple[pathlib.Path, ...]
    port: int | None
    programs: tuple[outside.Program, ...]
    kubernetes: bool = False


class _Stop(BaseException):
    """Somebody asked for the end; raised in the main thread wherever it is."""


def run(request: Request, *, report: int | None) -> int:
    """Run the sandbox, and return the exit code."""
    say = _reporter(report)
    plan = supervisor.Plan(
        home=request.home,
        bundle=request.bundle,
        overlays=request.overlays,
        port=request.port,
        programs=request.programs,
        kubernetes=request.kubernetes,
    )
    running = supervisor.Supervisor(plan, say)
    code, last = 0, "stopped"
    try:
        _on_signals(_stop)
        _serve(running, say, background=report is not None)
    except supervisor.SandboxError as error:
        code, last = 1, f"sandbox: {error}"
    except _Stop:
        pass
    finally:
        # A further Ctrl-C must not interrupt the end, or something would be left.
        _on_signals(signal.SIG_IGN)
        running.down()
    say(last, end=code)
    return code


def _on_signals(handler: typing.Any) -> None:
    for number in _SIGNALS:
        # Whoever started this with nohup wants it to outlive the terminal.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, handler)


def _stop(number: int, frame: object) -> None:
    del number, frame
    _on_signals(signal.SIG_IGN)
    raise _Stop


def _serve(running: supervisor.Supervisor, say: "_Say", *, background: bool) -> None:
    began = time.monotonic()
    running.claim()
    if background:
        _log_to(running.home)
    running.up()
    answers = requests.Requests(running)
    server = control.Server(
        running.home.runtime / "control", answers.handle,
        broken=lambda trace: running.journal.write("sandbox", "ERROR", trace),
    )  # fmt: skip
    with contextlib.closing(server):
        settled = running.settled(_PATIENCE, lambda text: say(f"still waiting: {text}"))
        if settled:
            say(f"ready in {time.monotonic() - began:.1f} s")
        else:
            _tell_why_not(running, say)
        _tell(running, say, background=background)
        say("", end=0 if settled else 1)
        _show(running, background=background)


def _log_to(place: home.Home) -> None:
    """Write what Python itself says to a file, now that nobody sees it."""
    # Closing it writes nothing, so it cannot fail on a full disk either.
    with place.open(_LOG) as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)


def _tell_why_not(running: supervisor.Supervisor, say: "_Say") -> None:
    say(f"not everything is active after {_PATIENCE:.0f} s:")
    for line in view.plain(status.show(running.world)):
        say(f"  {line}")
    say("It goes on trying; 'sandbox debug-log' tells what the charms said.")


def _tell(running: supervisor.Supervisor, say: "_Say", *, background: bool) -> None:
    if running.url:
        say(f"  URL       {running.url}")
    found = running.credentials()
    if found:
        say(f"  user      {found[0]}")
        say(f"  password  {found[1]}")
    say("Stop it with: sandbox down" if background else "Stop it with Ctrl-C.")


def _show(running: supervisor.Supervisor, *, background: bool) -> typing.NoReturn:
    """Show the status until a signal ends it."""
    console = rich.console.Console(highlight=False)
    if background:
        while True:
            signal.pause()
    elif console.is_terminal:
        _show_live(running, console)
    else:
        _show_lines(running)


def _show_live(running: supervisor.Supervisor, console: rich.console.Console) -> typing.NoReturn:
    before: object = None
    with rich.live.Live(console=console, auto_refresh=False, transient=True) as shown:
        while True:
            now = (status.show(running.world), console.size)
            if now != before:
                shown.update(view.status(now[0]), refresh=True)
            before = now
            time.sleep(_LOOK)


def _show_lines(running: supervisor.Supervisor) -> typing.NoReturn:
    before: list[str] = []
    while True:
        lines = view.plain(status.show(running.world))
        for line in lines:
            if line not in before:
                print(line, flush=True)
        before = lines
        time.sleep(_LOOK)


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
        with contextlib.suppress(OSError, ValueError):
            if text:
                print(text, file=stream)
            if end is not None:
                print(f"\0{end}", file=stream)
                stream.close()

    return there


def detach(words: collections.abc.Sequence[str], place: pathlib.Path) -> int:
    """Start the sandbox in the background, relay what it says until it serves, and return its exit code."""
    inward, outward = os.pipe()
    # A descriptor of ours that the sandbox would inherit would keep the pipe of whoever waits for our output open.
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox", *words, "--report", str(outward)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        pass_fds=(outward,), start_new_session=True,
    )  # fmt: skip
    os.close(outward)
    try:
        _on_signals(_stop)
        with os.fdopen(inward) as lines:
            code = _relay(lines)
    except _Stop:
        process.terminate()
        process.wait(timeout=10)
        return 130
    if code is None:
        print(f"sandbox: it ended before it served: see {place / _LOG}", file=sys.stderr)
    if code != 0:
        # One that could not start has said so as its last act; one that only is not active goes on.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.5)
    return 1 if code is None else code


def _relay(lines: collections.abc.Iterable[str]) -> int | None:
    """Print what the sandbox says, and return the exit code that it names, or None when it names none."""
    for line in lines:
        if line.startswith("\0"):
            return int(line[1:])
        print(line, end="", flush=True, file=sys.stderr if line.startswith("sandbox: ") else sys.stdout)
    return None
