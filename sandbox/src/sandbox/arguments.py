# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The words of the command line, and their help."""

import argparse
import collections.abc
import dataclasses
import difflib
import pathlib
import typing

Json = typing.Any
REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
BUNDLE = REPOSITORY / "bundle.yaml"
OVERLAY = REPOSITORY / "sandbox" / "overlay.yaml"
_FORMATS = ("text", "json")


class RefusedError(Exception):
    """A word on the command line is wrong; the text says what is right."""


class Parser(argparse.ArgumentParser):
    """A parser that answers a wrong word with one line."""

    def error(self, message: str) -> typing.NoReturn:
        """Say what is wrong and where help is."""
        raise RefusedError(f"{message} (see {self.prog} --help)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Command:
    """A command without options of its own.

    Attributes:
        name: its name.
        text: what it does, in one line that begins with a verb.
        words: its arguments: name, how help calls it, how many.
        example: what help shows.
        more: further sentences of its help.
        formats: whether it can print JSON.
    """

    name: str
    text: str
    words: tuple[tuple[str, str, str | None], ...] = ()
    example: str
    more: str = ""
    formats: bool = False


_ENDPOINTS = (("one", "A[:ENDPOINT]", None), ("two", "B[:ENDPOINT]", None))
_SERVICE = (("unit", "UNIT", None), ("service", "SERVICE", None))
_COMMANDS = (
    Command(name="down", text="end the sandbox and everything that it started", example="sandbox down"),
    Command(
        name="status", text="show units, their statuses, and relations", example="sandbox status --format json",
        more="The JSON has the shape of 'juju status --format json'.", formats=True,
    ),
    Command(name="url", text="print the gateway's URL and nothing else", example='curl -i "$(sandbox url)/"'),
    Command(
        name="config", text="show or set options of an application",
        words=(("app", "APP", None), ("words", "KEY | KEY=VALUE | KEY=@FILE", "*")),
        example="sandbox config dex-auth connectors=@ldap.yaml",
        more="APP alone shows all options, KEY the value of one. A VALUE that begins with @ is a file.",
    ),
    Command(
        name="run", text="run an action and print its results",
        words=(("unit", "UNIT | APP/leader", None), ("action", "ACTION", None), ("words", "KEY=VALUE", "*")),
        example="sandbox run dex-auth/leader get-credentials", formats=True,
    ),
    Command(
        name="integrate", text="integrate two applications", words=_ENDPOINTS,
        example="sandbox integrate dex-auth:oidc-client gatekeeper:oidc-client",
        more="An endpoint may be left out where only one fits.",
    ),
    Command(
        name="remove-relation", text="remove what integrate made", words=_ENDPOINTS,
        example="sandbox remove-relation dex-auth:oidc-client gatekeeper:oidc-client",
    ),
    Command(
        name="scale", text="change the number of units", words=(("app", "APP", None), ("units", "N", None)),
        example="sandbox scale gatekeeper 3",
    ),
    Command(
        name="add-secret", text="add a secret and print its URI",
        words=(("name", "NAME", None), ("words", "KEY=VALUE | KEY#file=FILE", "+")),
        example="sandbox add-secret ldap bind-password#file=password.txt",
        more="An application reads it after 'sandbox grant-secret NAME APP'.",
    ),
    Command(
        name="grant-secret", text="let an application read a secret",
        words=(("name", "NAME", None), ("app", "APP", None)), example="sandbox grant-secret ldap dex-auth",
    ),
    Command(
        name="debug-log", text="print what the charms logged", example="sandbox debug-log --follow",
        more="When no sandbox runs: the log of the last one.",
    ),
    Command(
        name="stop", text="stop a service through Pebble, to see what the rest does", words=_SERVICE,
        example="sandbox stop gatekeeper/0 gatekeeper", more="'sandbox start' starts it again.",
    ),
    Command(
        name="start", text="start a service through Pebble", words=_SERVICE,
        example="sandbox start gatekeeper/0 gatekeeper",
    ),
    Command(
        name="kill", text="kill a service with SIGKILL, to see it come back", words=_SERVICE,
        example="sandbox kill dex-auth/0 dex",
    ),
    Command(
        name="delete-pod", text="lose the pod of a unit, to see what a new one goes on with", words=(_SERVICE[0],),
        example="sandbox delete-pod dex-auth/0", more="Only volumes and what Juju keeps survive it.",
    ),
)  # fmt: skip
_UP = """Put a program of your own behind the login at /mine, and another beside it:
  sandbox up --app /mine=http://localhost:3000 --public-app /about=http://localhost:4000
The program gets the path as it was asked for, /mine/x. With a path in the URL it gets that instead of /mine:
  sandbox up --app /mine=http://localhost:3000/      (/mine/x arrives as /x)

With the reception, which gives people a namespace in the cluster of KUBECONFIG at their first login:
  KUBECONFIG=~/.kube/config sandbox up --kubernetes

Another port, in the background:
  sandbox up --detach --port 9090"""


def parse(words: collections.abc.Sequence[str]) -> argparse.Namespace | None:
    """Return what was asked for, or None for nothing at all.

    Raises:
        RefusedError: a word is wrong.
    """
    top, commands = _parser()
    if words[:1] == ["help"]:
        words = [*words[1:], "--help"]
    if words and not words[0].startswith("-") and words[0] not in commands:
        raise RefusedError(f"no command {words[0]!r}: {_nearest(words[0], commands, 'commands are')}")
    found, rest = top.parse_known_args(words)
    if found.command is None:
        if rest:
            raise RefusedError(f"no option {rest[0]!r} before a command (see sandbox --help)")
        top.print_help()
        return None
    for word in rest:
        # argparse takes a list of words only where it begins; an option may stand between them.
        if word.startswith("-") or "words" not in found:
            raise RefusedError(_surplus(word, commands[found.command]))
        found.words.append(word)
    return found


def _surplus(word: str, command: argparse.ArgumentParser) -> str:
    if not word.startswith("-"):
        return f"{word!r} is one word too many (see {command.prog} --help)"
    known = [name for action in command._actions for name in action.option_strings if name.startswith("--")]
    return f"{command.prog} has no option {word!r}: {_nearest(word, known, 'there are')}"


def _nearest(word: str, known: collections.abc.Iterable[str], there_are: str) -> str:
    names = list(known)
    near = difflib.get_close_matches(word, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"{there_are} {', '.join(names)}"


def _parser() -> tuple[Parser, dict[str, Parser]]:
    top = Parser(
        prog="sandbox",
        description="The bundle on this machine, without Kubernetes or Juju: real charms, Dex, gatekeeper and Envoy.",
        epilog="Start with 'sandbox up'; everything else needs one that runs. More about each: sandbox COMMAND --help.",
        allow_abbrev=False,
    )
    commands = top.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser, title="commands")
    found = {"up": _add(commands, "up", "start everything and show its status until Ctrl-C", _UP)}
    _add_up_options(found["up"])
    for command in _COMMANDS:
        more = f"{command.more}\n\n" if command.more else ""
        parser = _add(commands, command.name, command.text, f"{more}Example:\n  {command.example}")
        for name, metavar, many in command.words:
            parser.add_argument(name, metavar=metavar, nargs=many)
        if command.formats:
            parser.add_argument("--format", choices=_FORMATS, default=_FORMATS[0], help="text (default) or json")
        found[command.name] = parser
    found["config"].add_argument("--reset", metavar="KEY[,KEY]", default="", help="set options back to their defaults")
    found["debug-log"].add_argument("--follow", action="store_true", help="go on until Ctrl-C")
    return top, found


def _add(commands: Json, name: str, text: str, epilog: str) -> Parser:
    return commands.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def _add_up_options(parser: Parser) -> None:
    parser.add_argument("--detach", action="store_true", help="return when it serves; 'sandbox down' ends it")
    parser.add_argument(
        "--bundle", metavar="F", type=pathlib.Path, help="default: the repository's, under its overlay for the sandbox"
    )
    parser.add_argument(
        "--overlay", metavar="F", type=pathlib.Path, action="append", default=[],
        help="lay a file over that (repeatable)",
    )  # fmt: skip
    parser.add_argument("--port", metavar="N", help="the gateway's port (default 8080)")
    parser.add_argument("--app", metavar="PREFIX=URL", action="append", default=[], help="a program behind the login")
    parser.add_argument(
        "--public-app", metavar="PREFIX=URL", action="append", default=[], help="a program reached without a login"
    )
    parser.add_argument(
        "--kubernetes", action="store_true",
        help="use the cluster of KUBECONFIG for what is nothing without one (reception)",
    )  # fmt: skip
    parser.add_argument("--report", metavar="FD", type=int, help=argparse.SUPPRESS)
