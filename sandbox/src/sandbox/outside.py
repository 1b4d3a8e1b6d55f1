# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Programs without a charm behind the gateway: the demonstration's own, and those of whoever runs the sandbox."""

import collections.abc
import dataclasses
import re
import socket
import sys
import typing
import urllib.parse

from charmkit.interfaces import ingress

from sandbox import model

_PREFIX = re.compile(r"/|(/[A-Za-z0-9._~-]+)+")
_EXAMPLE = "write PREFIX=URL, such as /mine=http://localhost:3000"
# The login's own paths.
_RESERVED = ("/dex", "/authservice")
# Programs of this package that an overlay may name.
_PROGRAMS = ("echo",)


class OutsideError(ValueError):
    """A program cannot be put behind the gateway; the text is one line that says what is right."""


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

    def answers(self) -> bool:
        """Return whether something listens where it should."""
        return _listens(self.host, self.port)


def parse(text: str, *, public: bool) -> Program:
    """Read PREFIX=URL.

    Raises:
        OutsideError: it is something else.
    """
    prefix, _, url = text.partition("=")
    _check_prefix(prefix, f"{text!r}")
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        raise OutsideError(f"{text!r} has no URL that begins with http://: {_EXAMPLE}")
    if parts.query or parts.fragment or parts.username is not None:
        raise OutsideError(f"{text!r} has more than host, port and path in its URL: {_EXAMPLE}")
    if parts.path and not _PREFIX.fullmatch(parts.path.rstrip("/") or "/"):
        raise OutsideError(f"{text!r} has a path in its URL that is not one: {_EXAMPLE}")
    try:
        port = parts.port or 80
    except ValueError:
        raise OutsideError(f"{text!r} has a port that is not a number up to 65535: {_EXAMPLE}") from None
    return Program(
        name="app" + re.sub(r"[^a-z0-9]+", "-", prefix.lower()).rstrip("-"),
        prefix=prefix,
        rewrite=(parts.path and (parts.path.rstrip("/") or "/")) or prefix,
        host=_address(parts.hostname, port),
        port=port,
        public=public,
    )


def distinct(programs: collections.abc.Iterable[Program]) -> tuple[Program, ...]:
    """Return programs under names of their own.

    Raises:
        OutsideError: two of them want the same path.
    """
    found: dict[str, Program] = {}
    for program in programs:
        if any(other.prefix == program.prefix for other in found.values()):
            raise OutsideError(f"{program.prefix} is given twice: one program for each path")
        name = program.name
        while name in found:
            name = f"{name}-x"
        found[name] = dataclasses.replace(program, name=name)
    return tuple(found.values())


def merge(section: model.Json, own: collections.abc.Iterable[Program]) -> tuple[Program, ...]:
    """Return the overlay's programs, without those whose path an operator's own program takes.

    Raises:
        OutsideError: the overlay's section is not what it should be.
    """
    own = tuple(own)
    taken = {program.prefix for program in own}
    theirs = [_from_overlay(name, spec) for name, spec in _mapping(section, "sandbox.outside").items()]
    return distinct([*(program for program in theirs if program.prefix not in taken), *own])


def _from_overlay(name: str, spec: model.Json) -> Program:
    place = f"sandbox.outside.{name}"
    spec = _mapping(spec, place)
    program = spec.get("program")
    if program not in _PROGRAMS:
        raise OutsideError(f"{place}.program is {program!r}: there is {', '.join(_PROGRAMS)}")
    prefix = str(spec.get("prefix"))
    _check_prefix(prefix, f"{place}.prefix {prefix!r}")
    return Program(
        name=name,
        prefix=prefix,
        rewrite=prefix,
        host="127.0.0.1",
        port=_free(),
        public=spec.get("public") is True,
        command=f"sandbox.{program}",
    )


def _mapping(value: model.Json, place: str) -> dict[str, model.Json]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise OutsideError(f"{place} is not a mapping")
    return typing.cast("dict[str, model.Json]", value)


def _check_prefix(prefix: str, what: str) -> None:
    if not _PREFIX.fullmatch(prefix):
        raise OutsideError(f"{what} has no path that begins with /: {_EXAMPLE}")
    if any(prefix == own or prefix.startswith(f"{own}/") for own in _RESERVED):
        raise OutsideError(f"{what} takes a path of the login ({', '.join(_RESERVED)}): choose another")


def _address(host: str, port: int) -> str:
    """Return the address of a host; a development server on localhost may listen on either of two."""
    if host != "localhost":
        return host
    return "::1" if not _listens("127.0.0.1", port) and _listens("::1", port) else "127.0.0.1"


def _listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=0.5).close()
    except OSError:
        return False
    return True


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
