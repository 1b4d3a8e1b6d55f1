# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Listens, and serves until told to stop."""

import collections.abc
import contextlib
import os
import pathlib
import socket
import types

import uvicorn

from gatekeeper import app, fields, protocol, readiness, service, settings

# Longer than a gateway keeps idle connections (Envoy: an hour): whoever closes first must not be the one who is asked.
_KEEP_ALIVE = 3900
_GRACE = 1
_BACKLOG = 2048
# For a gateway beside this service, as another user of the same group.
_SOCKET_MODE = 0o660


class ListenError(Exception):
    """A place to listen at cannot be had; the text says which and why."""


def listen(options: settings.Settings, workers: int) -> list[list[socket.socket]]:
    """Return the sockets of each process.

    Every process has sockets of its own at the addresses, between which the kernel divides connections (SO_REUSEPORT);
    a Unix socket is one that they share.

    Raises:
        ListenError: an address cannot be had.
    """
    places = list(filter(None, (options.listen, options.management)))
    listeners: list[list[socket.socket]] = [[] for _ in range(workers)]
    for place in places:
        try:
            # Alone at first: another service that also divides its connections would not be noticed.
            alone = _bound(place, divided=False)
            if workers == 1:
                listeners[0].append(alone)
                continue
            alone.close()
            for sockets in listeners:
                sockets.append(_bound(place, divided=True))
        except OSError as error:
            raise ListenError(f"cannot listen on {place}: {error.strerror}") from None
    if options.unix_socket:
        shared = _unix(pathlib.Path(options.unix_socket))
        for sockets in listeners:
            sockets.append(shared)
    return listeners


def serve(parts: service.Service, listeners: collections.abc.Sequence[socket.socket]) -> None:
    """Answer requests until SIGTERM or SIGINT."""
    _let_the_gateway_finish()
    application = app.Application(parts)
    config = uvicorn.Config(
        application,
        http=protocol.bound_to(parts.gate, application, management=parts.options.management_port),
        loop="uvloop",
        ws="none",
        lifespan="on",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=_GRACE,
    )
    _Server(config, parts.readiness).run(sockets=list(listeners))


def _let_the_gateway_finish() -> None:
    """Do not take a core away from a gateway that has more to ask: then several questions are answered at once.

    A gateway on the same core lets a tenth more requests through, and sooner; elsewhere nothing changes (sched(7)).
    """
    # A container may forbid it.
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


class _Server(uvicorn.Server):
    """Goes on for a moment after it was told to end, so that gateways hear of it before they find nobody."""

    def __init__(self, config: uvicorn.Config, ready: readiness.Readiness) -> None:
        super().__init__(config)
        self._readiness = ready

    def handle_exit(self, sig: int, frame: types.FrameType | None) -> None:
        if self._readiness.leave():
            super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        self.should_exit = self.should_exit or self._readiness.drained
        return await super().on_tick(counter)


def _bound(place: str, *, divided: bool) -> socket.socket:
    host, port = fields.address(place)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG, reuse_port=divided)


def _unix(path: pathlib.Path) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    try:
        if path.is_socket():
            if _answers(path):
                raise ListenError(f"cannot listen on {path}: another process does")
            # What a process left behind that was killed.
            path.unlink()
        # Made with its mode, not given it later.
        before = os.umask(0o777 & ~_SOCKET_MODE)
        try:
            made.bind(str(path))
        finally:
            os.umask(before)
        made.listen(_BACKLOG)
    except OSError as error:
        made.close()
        raise ListenError(f"cannot listen on {path}: {error.strerror}") from None
    return made


def _answers(path: pathlib.Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0
