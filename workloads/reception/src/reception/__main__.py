# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The command line: check a configuration file, serve the reception, control profiles, or do what an operator asks."""

import argparse
import asyncio
import collections.abc
import json
import pathlib
import socket
import sys

import starlette.applications
import starlette.types

from reception import admin, app, controller, health, kube, log, serving, settings


def main(arguments: collections.abc.Sequence[str] | None = None) -> int:
    """Run the program, and return its exit code."""
    words = _parser().parse_args(arguments)
    try:
        options = settings.parse(words.config.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        return _complain(f"cannot read {words.config}: {getattr(error, 'strerror', None) or 'it is not UTF-8'}")
    except settings.ConfigurationError as error:
        return _complain(*(f"{words.config}: {line}" for line in str(error).splitlines()))
    match words.command:
        case "check":
            return 0
        case "serve":
            return _serve(options)
        case "control":
            return _control(options)
        case _:
            return _command(words, options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="reception", description="Gives people their profiles, and keeps them.")
    parser.add_argument("--config", required=True, metavar="FILE", type=pathlib.Path, help="the configuration, JSON")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("check", help="only say whether the configuration can be used")
    commands.add_parser("serve", help="receive people")
    commands.add_parser("control", help="bring namespaces to what profiles ask for")
    admin.add_commands(commands.add_parser)
    return parser


def _serve(options: settings.Settings) -> int:
    places = [options.listen, options.management, *filter(None, [options.kfam_listen])]
    return _run(places, lambda source: app.Application(options, source), options)


def _control(options: settings.Settings) -> int:
    def build(source: kube.Kube) -> starlette.types.ASGIApp:
        keeper = controller.Controller(options, source)
        done = health.Number(
            name="reception_reconciled_total",
            text="Profiles that were looked after.",
            kind="counter",
            value=lambda: keeper.done,
        )
        active = health.Number(
            name="reception_controller_active",
            text="Whether this replica is the active one.",
            kind="gauge",
            value=lambda: keeper.lease.held,
        )
        routes = health.routes(trouble=lambda: keeper.trouble, state=lambda: keeper.state, numbers=[done, active])
        return starlette.applications.Starlette(routes=routes, lifespan=serving.background(keeper.run))

    return _run([options.controller_listen], build, options)


def _run(
    places: list[str],
    build: collections.abc.Callable[[kube.Kube], starlette.types.ASGIApp],
    options: settings.Settings,
) -> int:
    log.configure()
    listeners: list[socket.socket] = []
    for place in places:
        try:
            listeners.append(serving.listen(place))
        except OSError as error:
            return _complain(f"cannot listen on {place}: {error.strerror}")
    try:
        source = kube.Kube(options)
    except kube.FAILURES as error:
        return _complain(kube.sentence(error))
    serving.serve(build(source), listeners)
    return 0


def _command(words: argparse.Namespace, options: settings.Settings) -> int:
    try:
        sys.stdout.write(json.dumps(asyncio.run(admin.run(words, options))) + "\n")
    except (admin.AdminError, *kube.FAILURES) as error:
        return _complain(str(error))
    return 0


def _complain(*lines: str) -> int:
    for line in lines:
        sys.stderr.write(f"reception: {line}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
