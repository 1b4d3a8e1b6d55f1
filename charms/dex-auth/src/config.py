# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The operator's words: options as typed become frozen values, or an error that names the option.

Options are read in groups. A group that is wrong falls back to its last good text, so that one mistake neither stops
a login that works nor keeps the other options from being applied.
"""

import collections.abc
import dataclasses
import typing
import urllib.parse

import connectors

Options = collections.abc.Mapping[str, typing.Any]
# bcrypt reads no further (and Dex would take a shorter password for the same).
_LONGEST_PASSWORD = 72
GROUPS = {
    "connectors": ("connectors",),
    "static": ("static-username", "static-password", "enable-password-db"),
    "issuer": ("issuer-url", "public-url"),
    "port": ("port",),
}
DEFAULTS: dict[str, typing.Any] = {
    "connectors": "",
    "static-username": "user@example.com",
    "static-password": "",
    "enable-password-db": True,
    "issuer-url": "",
    "public-url": "",
    "port": 5556,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Static:
    """The static login; an empty password means a generated one."""

    username: str
    password: str = dataclasses.field(default="", repr=False)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """Every option, checked.

    Attributes:
        static: None when static login is disabled.
        issuer: empty when it follows from the gateway.
        connectors: the text of the option; its redirect URIs depend on the issuer, so it is parsed with that.
        problems: what is wrong, each beginning with the option's name.
        accepted: the options in use: those of a wrong group are the last good ones.
    """

    port: int
    static: Static | None
    issuer: str
    connectors: str
    problems: tuple[str, ...]
    accepted: dict[str, typing.Any] = dataclasses.field(repr=False)


def read(options: Options, last_good: Options) -> Settings:
    """Return the options to use, out of those that are set and the last good ones."""
    problems: list[str] = []
    accepted: dict[str, typing.Any] = {}
    for group, names in GROUPS.items():
        wanted = {name: options.get(name, DEFAULTS[name]) for name in names}
        try:
            _CHECKS[group](wanted)
        except ValueError as error:
            problems.append(str(error))
            wanted = {name: last_good.get(name, DEFAULTS[name]) for name in names}
        accepted |= wanted
    return Settings(
        port=_port(accepted),
        static=_static(accepted),
        issuer=_issuer(accepted),
        connectors=accepted["connectors"],
        problems=tuple(problems),
        accepted=accepted,
    )


def _static(options: Options) -> Static | None:
    username, password = options["static-username"], options["static-password"]
    if not options["enable-password-db"] or not username:
        return None
    if not username.isprintable() or username != username.strip():
        raise ValueError("static-username: it has characters that cannot be typed into a login page")
    if "\0" in password or not _is_text(password):
        raise ValueError("static-password: it has characters that no password can have")
    size = len(password.encode())
    if size > _LONGEST_PASSWORD:
        raise ValueError(f"static-password: {size} bytes are too many, bcrypt reads {_LONGEST_PASSWORD}")
    return Static(username=username, password=password)


def _issuer(options: Options) -> str:
    if options["issuer-url"]:
        url = _url("issuer-url", options["issuer-url"])
        if not urllib.parse.urlsplit(url).path.endswith("/dex"):
            raise ValueError(f"issuer-url: {url!r} must end in /dex, write it like https://kubeflow.example.com/dex")
        return url
    if options["public-url"]:
        url = options["public-url"].rstrip("/")
        return _url("public-url", url if "://" in url else f"http://{url}") + "/dex"
    return ""


def _url(option: str, text: str) -> str:
    example = "write it like https://kubeflow.example.com" + ("/dex" if option == "issuer-url" else "")
    try:
        parts = urllib.parse.urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError(f"{option}: {text!r} is not a URL, {example}") from None
    if "@" in parts.netloc:
        # Not repeated: before the @ there may be a password.
        raise ValueError(f"{option}: it must hold no user, {example}")
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise ValueError(f"{option}: {text!r} is not a URL, {example}")
    if parts.query or parts.fragment or text.endswith(("/", "?", "#")) or not text.isprintable():
        raise ValueError(f"{option}: {text!r} must hold no query, fragment or trailing slash, {example}")
    if not text.isascii() or " " in text:
        raise ValueError(f"{option}: {text!r} has characters that no URL has, {example}")
    return text


def _port(options: Options) -> int:
    port = options["port"]
    if not 1024 <= port <= 65535 or port == 5558:
        raise ValueError(f"port: {port} must be from 1024 to 65535, and not 5558, where Dex tells its health")
    return port


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


_CHECKS: dict[str, collections.abc.Callable[[Options], object]] = {
    "connectors": lambda options: connectors.parse(options["connectors"]),
    "static": _static,
    "issuer": _issuer,
    "port": _port,
}
