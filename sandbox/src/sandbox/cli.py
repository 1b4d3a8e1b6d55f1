# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The command line: `sandbox up` and, in Juju's words, everything that one does to what runs.

What takes long to import is imported by the command that needs it, so that the others answer at once.
"""

import argparse
import collections.abc
import contextlib
import difflib
import json
import os
import pathlib
import select
import signal
import sys
import time
import typing

from sandbox import arguments, control, home

Json = typing.Any
_NOBODY = "no sandbox is running here: start one with 'sandbox up'"
# Seconds that the end of a sandbox may take.
_END = 15


def main() -> None:
    """Run a command, and exit with 0, 1 when it cannot be done, or 2 when a word is wrong."""
    try:
        code = _main(sys.argv[1:])
        sys.stdout.flush()
    except (arguments.RefusedError, control.ControlError) as error:
        print(f"sandbox: {error}", file=sys.stderr)
        code = 2 if isinstance(error, arguments.RefusedError) else 1
    except BrokenPipeError:
        # Whoever read our output has enough; Python must not complain of it at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    sys.exit(code)


def _main(words: list[str]) -> int:
    found = arguments.parse(words)
    if found is None:
        return 0
    if found.command == "up":
        return _up(found, words)
    _DO[found.command](found)
    return 0


def _home() -> pathlib.Path:
    """Return the directory of this checkout's sandbox."""
    return pathlib.Path(os.environ.get("SANDBOX_HOME") or arguments.REPOSITORY / ".sandbox").resolve()


def _up(found: argparse.Namespace, words: list[str]) -> int:
    from sandbox import outside, supervisor, up

    try:
        programs = [outside.parse(text, public=False) for text in found.app]
        programs += [outside.parse(text, public=True) for text in found.public_app]
        programs = outside.distinct(programs)
    except outside.OutsideError as error:
        raise arguments.RefusedError(str(error)) from None
    port = None if found.port is None else _number(found.port, "--port", *supervisor.PORTS)
    if found.detach:
        return up.detach([word for word in words if word != "--detach"], _home())
    # The repository's overlay names the applications of the repository's bundle.
    overlays = () if found.bundle else (arguments.OVERLAY,)
    request = up.Request(
        home=_home(),
        bundle=found.bundle or arguments.BUNDLE,
        overlays=(*overlays, *found.overlay),
        port=port,
        programs=programs,
        kubernetes=found.kubernetes,
    )
    return up.run(request, report=found.report)


def _number(text: str, what: str, least: int, most: int) -> int:
    if text.isdecimal() and text.isascii() and least <= int(text) <= most:
        return int(text)
    raise arguments.RefusedError(f"{what} must be a number from {least} to {most}, not {text!r}")


def _ask(command: str, **words: Json) -> collections.abc.Iterator[Json]:
    running = home.running(_home())
    if running is None:
        raise control.ControlError(_NOBODY)
    try:
        yield from control.ask(running.control, command, **words)
    except OSError:
        if home.running(_home()) is None:
            raise control.ControlError(_NOBODY) from None
        raise control.ControlError(f"the sandbox (pid {running.pid}) is still starting, or ending") from None


def _one(command: str, **words: Json) -> Json:
    return next(_ask(command, **words))


def _do_down(_: argparse.Namespace) -> None:
    running = home.running(_home())
    if running is None:
        raise control.ControlError(_NOBODY)
    with contextlib.ExitStack() as stack:
        try:
            process = os.pidfd_open(running.pid)
            stack.callback(os.close, process)
            # A sandbox that is still building does not listen yet, and a signal is the same to it.
            signal.pidfd_send_signal(process, signal.SIGTERM)
        except ProcessLookupError:
            return
        if not select.select([process], [], [], _END)[0]:
            raise control.ControlError(f"the sandbox (pid {running.pid}) did not end within {_END} s")


def _do_status(found: argparse.Namespace) -> None:
    data = _one("status")
    if found.format == "json":
        print(json.dumps(data))
        return
    from sandbox import view

    view.show(data)


def _do_url(_: argparse.Namespace) -> None:
    print(_one("url"))


def _do_config(found: argparse.Namespace) -> None:
    keys = [word for word in found.words if "=" not in word]
    values = {key: _file(text) for key, text in _pairs(word for word in found.words if "=" in word).items()}
    reset = [key.strip() for key in found.reset.split(",") if key.strip()]
    if keys and (values or reset):
        raise arguments.RefusedError(
            f"cannot show and set options at once: leave out {keys[0]!r}, or write {keys[0]}=VALUE"
        )
    table = _one("config", app=found.app, values=values, reset=reset)
    if values or reset:
        return
    from sandbox import view

    for key in keys:
        if key not in table:
            near = difflib.get_close_matches(key, table, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(table)}"
            raise arguments.RefusedError(f"{found.app} has no option {key!r}: {hint}")
        print(view.value(table[key]))
    if not keys:
        print(view.options(found.app, table))


def _do_run(found: argparse.Namespace) -> None:
    results = _one("run", unit=found.unit, action=found.action, params=_pairs(found.words))
    if found.format == "json":
        print(json.dumps(results))
    elif results:
        from sandbox import view

        print(view.results(results))


def _do_relation(found: argparse.Namespace) -> None:
    _one(found.command, one=found.one, two=found.two)


def _do_scale(found: argparse.Namespace) -> None:
    _one("scale", app=found.app, units=_number(found.units, "N", 0, 100))


def _do_add_secret(found: argparse.Namespace) -> None:
    content: dict[str, str] = {}
    for key, text in _pairs(found.words).items():
        content[key.removesuffix("#file")] = _file(f"@{text}") if key.endswith("#file") else text
    print(_one("add-secret", name=found.name, content=content))


def _do_grant_secret(found: argparse.Namespace) -> None:
    _one("grant-secret", name=found.name, app=found.app)


def _do_debug_log(found: argparse.Namespace) -> None:
    running = home.running(_home())
    try:
        lines = (_home() / "debug.log").open(errors="replace")
    except OSError:
        raise control.ControlError(_NOBODY if running is None else "nothing has been logged yet") from None
    if running is None:
        print("sandbox: no sandbox is running here: this is the log of the last one", file=sys.stderr)
    with lines:
        # What comes after the last look at the file, but before the end of the sandbox, belongs to it too.
        going = found.follow and running is not None
        while True:
            for line in lines:
                print(line, end="", flush=True)
            if not going:
                return
            going = home.running(_home()) is not None
            time.sleep(0.2)


def _do_service(found: argparse.Namespace) -> None:
    _one("service", verb=found.command, unit=found.unit, service=found.service)


def _do_delete_pod(found: argparse.Namespace) -> None:
    _one("delete-pod", unit=found.unit)


_DO: dict[str, collections.abc.Callable[[argparse.Namespace], None]] = {
    "down": _do_down,
    "status": _do_status,
    "url": _do_url,
    "config": _do_config,
    "run": _do_run,
    "integrate": _do_relation,
    "remove-relation": _do_relation,
    "scale": _do_scale,
    "add-secret": _do_add_secret,
    "grant-secret": _do_grant_secret,
    "debug-log": _do_debug_log,
    "stop": _do_service,
    "start": _do_service,
    "kill": _do_service,
    "delete-pod": _do_delete_pod,
}


def _pairs(words: collections.abc.Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not equals or not key:
            raise arguments.RefusedError(f"{word!r} is not KEY=VALUE")
        found[key] = text
    return found


def _file(text: str) -> str:
    """Return the text of a file for @FILE, and any other text as it is."""
    if not text.startswith("@"):
        return text
    try:
        return pathlib.Path(text[1:]).read_text()
    except OSError as error:
        raise arguments.RefusedError(f"cannot read {text[1:]}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise arguments.RefusedError(f"cannot read {text[1:]}: it is not UTF-8 text") from None
