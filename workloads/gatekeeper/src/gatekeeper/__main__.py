# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The command line: check a configuration file, or serve with it."""

import argparse
import collections.abc
import functools
import pathlib
import signal
import socket
import sys
import time
import types

from gatekeeper import board, cli, journal, log, server, service, settings, workers

_MOST_WORKERS = 64


def main(arguments: collections.abc.Sequence[str] | None = None) -> int:
    """Run the program, and return its exit code."""
    parser = argparse.ArgumentParser(prog="gatekeeper", description="Answers a gateway's checks, and logs people in.")
    parser.add_argument("--config", required=True, metavar="FILE", type=pathlib.Path, help="the configuration, JSON")
    parser.add_argument("--check", action="store_true", help="only say whether the configuration can be used")
    parser.add_argument("--workers", type=_number, default=1, metavar="N", help="how many processes serve (default 1)")
    cli.add_commands(parser)
    words = parser.parse_args(arguments)
    try:
        options = settings.parse(words.config.read_text(encoding="utf-8"))
        parts = service.build(options)
    except (OSError, UnicodeDecodeError) as error:
        return _complain(f"cannot read {words.config}: {getattr(error, 'strerror', None) or 'it is not UTF-8'}")
    except settings.ConfigurationError as error:
        return _complain(*(f"{words.config}: {line}" for line in str(error).splitlines()))
    if words.command:
        return _command(words, options)
    if words.workers > 1 and not options.journal:
        return _complain(f"{words.config}: journal: is needed by several workers, to tell each other of logouts")
    return 0 if words.check else _serve(parts, words.workers)


def _command(words: argparse.Namespace, options: settings.Settings) -> int:
    try:
        sys.stdout.write(cli.as_json(cli.run(words, options)) + "\n")
    except OSError as error:
        return _complain(f"cannot keep it in {options.journal}: {error.strerror}")
    except ValueError as error:
        return _complain(str(error))
    return 0


def _serve(parts: service.Service, count: int) -> int:
    log.configure()
    journal.Journal(parts.options.journal).compact(time.time())
    try:
        listeners = server.listen(parts.options, count)
    except server.ListenError as error:
        return _complain(str(error))
    if count == 1:
        return _answer(parts, listeners[0])
    shared = board.Board(count)

    def work(number: int) -> int:
        # Anew: what tells one process from another, such as the name of its ledger, must not be that of its parent.
        own = service.build(parts.options)
        own.metrics.others = functools.partial(shared.read, besides=number)
        own.spread.on_round.append(lambda: shared.write(number, own.metrics.snapshot()))
        return _answer(own, listeners[number])

    return workers.Team(count, {id(one): one for own in listeners for one in own}.values(), work).run()


def _answer(parts: service.Service, listeners: list[socket.socket]) -> int:
    # The server raises the signal again that it was ended by; to end for that reason is no failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _ignore)
    server.serve(parts, listeners)
    return 0


def _number(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _MOST_WORKERS:
        raise argparse.ArgumentTypeError(f"must be a number from 1 to {_MOST_WORKERS}, not {text!r}")
    return int(text)


def _ignore(number: int, frame: types.FrameType | None) -> None:
    """Do nothing."""


def _complain(*lines: str) -> int:
    for line in lines:
        sys.stderr.write(f"gatekeeper: {line}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
