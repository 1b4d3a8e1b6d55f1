# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The command line: check a configuration file, or serve with it."""

import argparse
import collections.abc
import pathlib
import signal
import socket
import sys
import time
import types

from gatekeeper import cli, journal, log, server, service, settings


def main(arguments: collections.abc.Sequence[str] | None = None) -> int:
    """Run the program, and return its exit code."""
    parser = argparse.ArgumentParser(prog="gatekeeper", description="Answers a gateway's checks, and logs people in.")
    parser.add_argument("--config", required=True, metavar="FILE", type=pathlib.Path, help="the configuration, JSON")
    parser.add_argument("--check", action="store_true", help="only say whether the configuration can be used")
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
    return 0 if words.check else _serve(parts)


def _command(words: argparse.Namespace, options: settings.Settings) -> int:
    try:
        sys.stdout.write(cli.as_json(cli.run(words, options)) + "\n")
    except OSError as error:
        return _complain(f"cannot keep it in {options.journal}: {error.strerror}")
    except ValueError as error:
        return _complain(str(error))
    return 0


def _serve(parts: service.Service) -> int:
    log.configure()
    # The server raises the signal again that it was ended by; to end for that reason is no failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _ignore)
    journal.Journal(parts.options.journal).compact(time.time())
    listeners: list[socket.socket] = []
    for place in filter(None, (parts.options.listen, parts.options.management)):
        try:
            listeners.append(server.listen(place))
        except OSError as error:
            return _complain(f"cannot listen on {place}: {error.strerror}")
    server.serve(parts, listeners)
    return 0


def _ignore(number: int, frame: types.FrameType | None) -> None:
    """Do nothing."""


def _complain(*lines: str) -> int:
    for line in lines:
        sys.stderr.write(f"gatekeeper: {line}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
