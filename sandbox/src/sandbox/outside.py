# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Programs without a charm behind the gateway: the demonstration's own, and those of whoever runs the sandbox."""

import collections.abc
import dataclasses
import re
import socket
import sys
import urllib.parse

from charmkit.interfaces import ingress

from sandbox import model

_PREFIX = re.compile(r"/|(/[A-Za-z0-9._~-]+)+")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Program:
    """A program that the gateway sends a path to.

    Attributes:
        name: its application's name in the model.
        prefix: the path.
        rewrite: what takes the path's place.
        host: where it listens.
        port: on which port.
        public: whether it is reached without a login.
        command: a module of this package to run for it; empty for one that runs already.
    """

    name: str
    prefix: str
    rewrite: str
    host: str
    port: int
    public: bool = False
    command: str = ""

    @property
    def endpoint(self) -> str:
        """Return the gateway's endpoint for it."""
        return "ingress-unauthenticated" if self.public else "ingress"

    def databag(self) -> dict[str, str]:
        """Return what its charm would write into its databag."""
        request = ingress.Request(prefix=self.prefix, rewrite=self.rewrite, service=self.name, port=self.port)
        return ingress.write_request(request)

    def argv(self) -> list[str]:
        """Return the command that runs it."""
        return [sys.executable, "-m", self.command, "--listen", f"{self.host}:{self.port}"]


def parse(text: str, *, public: bool) -> Program:
    """Read PREFIX=URL.

    Raises:
        ValueError: it is something else; the text says what is right.
    """
    prefix, _, url = text.partition("=")
    parts = urllib.parse.urlsplit(url)
    if not _PREFIX.fullmatch(prefix) or parts.scheme != "http" or not parts.hostname:
        raise ValueError(f"{text!r} is not PREFIX=URL, such as /mine=http://localhost:3000")
    try:
        port = parts.port or 80
    except ValueError:
        raise ValueError(f"{text!r} has no valid port, write it like /mine=http://localhost:3000") from None
    name = "app" + (prefix.lower().replace("/", "-").replace(".", "-").replace("_", "-").replace("~", "-").rstrip("-"))
    host = _address(parts.hostname, port)
    return Program(
        name=name, prefix=prefix, rewrite=parts.path.rstrip("/") or prefix, host=host, port=port, public=public
    )


def merge(
    section: collections.abc.Mapping[str, model.Json], own: collections.abc.Iterable[Program]
) -> tuple[Program, ...]:
    """Return the overlay's programs, without those whose path an operator's own program takes."""
    own = tuple(own)
    taken = {program.prefix for program in own}
    theirs = (
        Program(
            name=name,
            prefix=spec["prefix"],
            rewrite=spec["prefix"],
            host="127.0.0.1",
            port=_free(),
            public=bool(spec.get("public")),
            command=f"sandbox.{spec['program']}",
        )
        for name, spec in section.items()
        if spec["prefix"] not in taken
    )
    return (*theirs, *own)


def _address(host: str, port: int) -> str:
    """Return the address of a host; a development server on localhost may listen on either of two."""
    if host != "localhost":
        return host
    for address in ("127.0.0.1", "::1"):
        try:
            socket.create_connection((address, port), timeout=0.2).close()
            return address
        except OSError:
            continue
    return "127.0.0.1"


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
