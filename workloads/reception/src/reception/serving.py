# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Runs an ASGI application on some addresses, with work in the background, until told to stop."""

import asyncio
import collections.abc
import contextlib
import logging
import signal
import socket
import types

import starlette.applications
import starlette.types
import uvicorn

from reception import settings

logger = logging.getLogger(__name__)
# Longer than a gateway keeps idle connections (Envoy: an hour): whoever closes first must not be the one who is asked.
_KEEP_ALIVE = 3900
_GRACE = 1

Background = collections.abc.Callable[[], collections.abc.Coroutine[object, object, None]]
Lifespan = collections.abc.Callable[[starlette.applications.Starlette], contextlib.AbstractAsyncContextManager[None]]


def listen(place: str) -> socket.socket:
    """Return a socket to serve on, at an address and port.

    Raises:
        OSError: the address cannot be had.
    """
    host, port = settings.address(place)
    return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)


def background(*work: Background) -> Lifespan:
    """Return the lifespan of an application that does some work for as long as it runs."""

    @contextlib.asynccontextmanager
    async def lifespan(_: starlette.applications.Starlette) -> collections.abc.AsyncGenerator[None]:
        tasks = [asyncio.create_task(one()) for one in work]
        for task in tasks:
            task.add_done_callback(_stop_if_failed)
        yield
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    return lifespan


def serve(application: starlette.types.ASGIApp, listeners: list[socket.socket]) -> None:
    """Answer requests until SIGTERM or SIGINT."""
    # The server raises the signal again that it was ended by; to end for that reason is no failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _ignore)
    config = uvicorn.Config(
        application,
        ws="none",
        lifespan="on",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=_GRACE,
    )
    uvicorn.Server(config).run(sockets=listeners)


def _stop_if_failed(task: asyncio.Task[None]) -> None:
    """End the process when work that must go on for ever has failed; whoever supervises it starts another."""
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.critical("cannot go on", exc_info=error)
        signal.raise_signal(signal.SIGTERM)


def _ignore(number: int, frame: types.FrameType | None) -> None:
    """Do nothing."""
