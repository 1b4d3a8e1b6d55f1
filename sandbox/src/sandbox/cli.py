# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The command line: `sandbox up` and, in Juju's words, everything that one does to what runs."""

import argparse
import collections.abc
import difflib
import json
import os
import pathlib
import sys
import time
import typing

import rich.console

from sandbox import control, outside, view

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
Json = typing.Any
_SERVICES = ("stop", "start", "kill")


class RefusedError(Exception):
    """A word on the command line is wrong; the text says what is right."""


class Parser(argparse.ArgumentParser):
    """A parser that answers a wrong word with one line."""

    def error(self, message: str) -> typing.NoReturn:
        """Say what is wrong and where help is."""
        raise RefusedError(f"{message} (see {self.prog} --help)")


def home() -> pathlib.Path:
    """Return the directory of this checkout's sandbox."""
    return pathlib.Path(os.environ.get("SANDBOX_HOME") or REPOSITORY / ".sandbox").absolute()


def parser() -> Parser:
    """Return the parser of the command line."""
    top = Parser(
        prog="sandbox",
        description="The bundle on this machine, without Kubernetes or Juju: real charms, Dex, gatekeeper and Envoy.",
        epilog="Start with 'sandbox up'; everything else needs one that runs.",
    )
    commands = top.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    _add_up(commands)
    _add(commands, "down", "end the sandbox and everything that it started")
    _add(commands, "status", "show applications, units, statuses and relations", formats=True)
    _add(commands, "url", "print the gateway's URL and nothing else")
    config = _add(
        commands, "config", "show or set options of an application",
        "Without KEY: all options. @FILE is a file's text. Example:\n  sandbox config dex-auth connectors=@ldap.yaml",
    )  # fmt: skip
    config.add_argument("app", metavar="APP")
    config.add_argument("words", metavar="KEY | KEY=VALUE | KEY=@FILE", nargs="*")
    config.add_argument("--reset", metavar="KEY[,KEY]", default="", help="set options back to their defaults")
    run = _add(
        commands, "run", "run an action", "Example:\n  sandbox run dex-auth/leader get-credentials", formats=True
    )
    run.add_argument("unit", metavar="UNIT | APP/leader")
    run.add_argument("action", metavar="ACTION")
    run.add_argument("params", metavar="KEY=VALUE", nargs="*")
    for name, text in (("integrate", "integrate two applications"), ("remove-relation", "remove what integrate made")):
        command = _add(commands, name, text)
        command.add_argument("one", metavar="A[:ENDPOINT]")
        command.add_argument("two", metavar="B[:ENDPOINT]")
    scale = _add(commands, "scale", "change the number of units")
    scale.add_argument("app", metavar="APP")
    scale.add_argument("units", metavar="N")
    secret = _add(
        commands,
        "add-secret",
        "add a secret and print its URI",
        "Example:\n  sandbox add-secret ldap bind-password#file=pw.txt",
    )
    secret.add_argument("name", metavar="NAME")
    secret.add_argument("words", metavar="KEY=VALUE | KEY#file=FILE", nargs="+")
    grant = _add(commands, "grant-secret", "let an application read a secret")
    grant.add_argument("name", metavar="NAME")
    grant.add_argument("app", metavar="APP")
    log = _add(commands, "debug-log", "print what the charms logged")
    log.add_argument("--follow", action="store_true", help="go on until Ctrl-C")
    for verb in _SERVICES:
        command = _add(commands, verb, f"{verb} a service, to see what the rest does")
        command.add_argument("unit", metavar="UNIT")
        command.add_argument("service", metavar="SERVICE")
    return top


def _add(commands: Json, name: str, text: str, epilog: str = "", *, formats: bool = False) -> Parser:
    found = commands.add_parser(
        name, help=text, description=f"{text[0].upper()}{text[1:]}.", epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    if formats:
        found.add_argument("--format", choices=("text", "json"), default="text")
    return found


def _add_up(commands: Json) -> None:
    found = _add(
        commands, "up", "start everything and show its status until Ctrl-C",
        "Put a program of your own behind the login:\n  sandbox up --app /mine=http://localhost:3000",
    )  # fmt: skip
    found.add_argument("--detach", action="store_true", help="return when it serves; 'sandbox down' ends it")
    found.add_argument("--bundle", metavar="F", type=pathlib.Path, default=REPOSITORY / "bundle.yaml")
    found.add_argument("--overlay", metavar="F", type=pathlib.Path, default=REPOSITORY / "sandbox" / "overlay.yaml")
    found.add_argument("--port", metavar="N", help="the gateway's port (default 8080)")
    found.add_argument("--app", metavar="PREFIX=URL", action="append", default=[], help="a program behind the login")
    found.add_argument(
        "--public-app", metavar="PREFIX=URL", action="append", default=[], help="a program without a login"
    )
    found.add_argument("--report", metavar="FD", type=int, help=argparse.SUPPRESS)


def main() -> None:
    """Run a command, and exit with 0, 1 when it cannot be done, or 2 when a word is wrong."""
    try:
        sys.exit(_main(sys.argv[1:]))
    except (RefusedError, control.ControlError) as error:
        print(f"sandbox: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, RefusedError) else 1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)


def _main(words: list[str]) -> int:
    top = parser()
    known = sorted([*_HANDLERS, "up"])
    if words and not words[0].startswith("-") and words[0] not in known:
        near = difflib.get_close_matches(words[0], known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"commands are {', '.join(known)}"
        raise RefusedError(f"no command {words[0]!r}: {hint}")
    arguments = top.parse_args(words)
    if arguments.command is None:
        top.print_help()
        return 0
    if arguments.command == "up":
        return _up(arguments, words)
    _HANDLERS[arguments.command](arguments)
    return 0


def _up(arguments: argparse.Namespace, words: list[str]) -> int:
    # Half of what this imports is of use to no other command, and each of those should answer at once.
    from sandbox import up

    try:
        programs = [outside.parse(text, public=False) for text in arguments.app]
        programs += [outside.parse(text, public=True) for text in arguments.public_app]
    except ValueError as error:
        raise RefusedError(str(error)) from None
    port = None if arguments.port is None else _number(arguments.port, "--port", 1, 65535)
    request = up.Request(
        home=home(), bundle=arguments.bundle, overlay=arguments.overlay, port=port, programs=tuple(programs)
    )
    return up.run(request, detach=arguments.detach, report=arguments.report, words=words)


def _number(text: str, what: str, least: int, most: int) -> int:
    if text.isdecimal() and least <= int(text) <= most:
        return int(text)
    raise RefusedError(f"{what} must be a number from {least} to {most}, not {text!r}")


def _ask(command: str, **arguments: Json) -> collections.abc.Iterator[Json]:
    runtime = home() / "runtime"
    try:
        yield from control.ask(pathlib.Path(runtime.read_text()) / "control", command, **arguments)
    except OSError:
        raise control.ControlError("no sandbox is running here: start one with 'sandbox up'") from None


def _one(command: str, **arguments: Json) -> Json:
    return next(iter(_ask(command, **arguments)), None)


def _do_down(_: argparse.Namespace) -> None:
    pid = _one("down")
    end = time.monotonic() + 15
    while pathlib.Path(f"/proc/{pid}").exists():
        if time.monotonic() > end:
            raise control.ControlError(f"the sandbox (pid {pid}) did not end within 15 s")
        time.sleep(0.05)


def _do_status(arguments: argparse.Namespace) -> None:
    data = _one("status")
    if arguments.format == "json":
        print(json.dumps(data))
    else:
        rich.console.Console(highlight=False).print(view.status(data))


def _do_url(_: argparse.Namespace) -> None:
    print(_one("url"))


def _do_config(arguments: argparse.Namespace) -> None:
    values = {key: _file(text) for key, text in _pairs(word for word in arguments.words if "=" in word).items()}
    keys = [word for word in arguments.words if "=" not in word]
    table = _one("config", app=arguments.app, values=values, reset=[key for key in arguments.reset.split(",") if key])
    for key in keys:
        if key not in table:
            near = difflib.get_close_matches(key, table, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(table)}"
            raise RefusedError(f"{arguments.app} has no option {key!r}: {hint}")
        print(view.value(table[key]))
    if not (values or keys or arguments.reset):
        print(view.options(arguments.app, table))


def _do_run(arguments: argparse.Namespace) -> None:
    found = _one("run", unit=arguments.unit, action=arguments.action, params=_pairs(arguments.params))
    print(json.dumps(found) if arguments.format == "json" else view.results(found))


def _do_integrate(arguments: argparse.Namespace) -> None:
    _one("integrate", one=arguments.one, two=arguments.two)


def _do_remove_relation(arguments: argparse.Namespace) -> None:
    _one("remove-relation", one=arguments.one, two=arguments.two)


def _do_scale(arguments: argparse.Namespace) -> None:
    _one("scale", app=arguments.app, units=_number(arguments.units, "N", 0, 100))


def _do_add_secret(arguments: argparse.Namespace) -> None:
    content: dict[str, str] = {}
    for key, text in _pairs(arguments.words).items():
        content[key.removesuffix("#file")] = _file(f"@{text}") if key.endswith("#file") else text
    print(_one("add-secret", name=arguments.name, content=content))


def _do_grant_secret(arguments: argparse.Namespace) -> None:
    _one("grant-secret", name=arguments.name, app=arguments.app)


def _do_debug_log(arguments: argparse.Namespace) -> None:
    for line in _ask("debug-log", follow=arguments.follow):
        print(line, flush=True)


def _do_service(arguments: argparse.Namespace) -> None:
    _one("service", verb=arguments.command, unit=arguments.unit, service=arguments.service)


def _pairs(words: collections.abc.Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not equals or not key:
            raise RefusedError(f"{word!r} is not KEY=VALUE")
        found[key] = text
    return found


def _file(text: str) -> str:
    """Return the text of a file for @FILE, and any other text as it is."""
    if not text.startswith("@"):
        return text
    try:
        return pathlib.Path(text[1:]).read_text()
    except OSError as error:
        raise RefusedError(f"cannot read {text[1:]}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise RefusedError(f"cannot read {text[1:]}: it is not UTF-8 text") from None


_HANDLERS: dict[str, collections.abc.Callable[[argparse.Namespace], None]] = {
    "down": _do_down,
    "status": _do_status,
    "url": _do_url,
    "config": _do_config,
    "run": _do_run,
    "integrate": _do_integrate,
    "remove-relation": _do_remove_relation,
    "scale": _do_scale,
    "add-secret": _do_add_secret,
    "grant-secret": _do_grant_secret,
    "debug-log": _do_debug_log,
    **dict.fromkeys(_SERVICES, _do_service),
}
