# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Listens, and serves until told to stop."""

import socket

import uvicorn

from gatekeeper import app, protocol, service, settings

# Longer than a gateway keeps idle connections (Envoy: an hour): whoever closes first must not be the one who is asked.
_KEEP_ALIVE = 3900
_GRACE = 1
_BACKLOG = 2048


def listen(place: str) -> socket.socket:
    """Return a socket to serve on, at an address and port.

    Raises:
        OSError: the address cannot be had.
    """
    host, port = settings.address(place)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)


def serve(parts: service.Service, listeners: list[socket.socket]) -> None:
    """Answer requests until SIGTERM or SIGINT."""
    config = uvicorn.Config(
        app.Application(parts),
        http=protocol.bound_to(parts.gate, management=parts.options.management_port),
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
    uvicorn.Server(config).run(sockets=listeners)
