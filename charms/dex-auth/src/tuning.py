# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Options that go to Dex as they are: lifetimes, the log, the look of its pages, the password grant. Pure."""

import collections.abc
import dataclasses
import re
import typing

_UNITS = {"s": 1, "m": 60, "h": 3600}
# By option: the default, and the shortest and the longest time that makes sense.
LIFETIMES: collections.abc.Mapping[str, tuple[str, str, str]] = {
    "auth-request-lifetime": ("1h", "1m", "24h"),
    "device-request-lifetime": ("5m", "1m", "1h"),
    "id-token-lifetime": ("24h", "1m", "720h"),
    "refresh-token-lifetime": ("2160h", "1h", "87600h"),
    "refresh-token-idle-lifetime": ("720h", "1h", "87600h"),
    "signing-key-lifetime": ("6h", "10m", "8760h"),
}
CHOICES: collections.abc.Mapping[str, tuple[str, ...]] = {
    "log-level": ("debug", "info", "warn", "error"),
    "log-format": ("json", "text"),
    "theme": ("light", "dark"),
}
DEFAULTS: collections.abc.Mapping[str, str] = {
    **{name: default for name, (default, _, _) in LIFETIMES.items()},
    # From info on, Dex writes down who logs in, with address and groups.
    "log-level": "warn",
    "log-format": "json",
    "theme": "light",
    "title": "Kubeflow",
    "password-connector": "",
}
# Connectors that take a name and a password; local is the static login.
_WITH_PASSWORD = ("ldap", "keystone", "atlassian-crowd", "mockPassword")
_LONGEST_TITLE = 60


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tuning:
    """These options, checked; lifetimes are Go durations."""

    lifetimes: collections.abc.Mapping[str, str] = dataclasses.field(
        default_factory=lambda: {name: default for name, (default, _, _) in LIFETIMES.items()}
    )
    log_level: str = DEFAULTS["log-level"]
    log_format: str = DEFAULTS["log-format"]
    theme: str = DEFAULTS["theme"]
    title: str = DEFAULTS["title"]
    password_connector: str = ""


def made(options: collections.abc.Mapping[str, str]) -> Tuning:
    """Return options that were checked as one value."""
    return Tuning(
        lifetimes={name: options[name] for name in LIFETIMES},
        log_level=options["log-level"],
        log_format=options["log-format"],
        theme=options["theme"],
        title=options["title"],
        password_connector=options["password-connector"],
    )


def check(name: str, text: str) -> None:
    """Check one option.

    Raises:
        ValueError: it cannot be used; the text says what could.
    """
    if name in LIFETIMES:
        _, least, most = LIFETIMES[name]
        seconds = _seconds(text)
        if seconds is None or not (_seconds(least) or 0) <= seconds <= (_seconds(most) or 0):
            raise ValueError(f"{name}: {text[:40]!r} must be a time from {least} to {most}, write it like 90m or 12h")
    elif name in CHOICES and text not in CHOICES[name]:
        raise ValueError(f"{name}: {text[:40]!r} must be one of {', '.join(CHOICES[name])}")
    elif name == "title" and (not text.strip() or len(text) > _LONGEST_TITLE or not text.isprintable()):
        raise ValueError(f"title: it must be a text of one to {_LONGEST_TITLE} characters that can be shown")


def check_password_connector(
    name: str, entries: collections.abc.Iterable[dict[str, typing.Any]], *, local: bool
) -> None:
    """Check which connector answers the password grant.

    Raises:
        ValueError: there is no such connector, or it takes no passwords.
    """
    known = [entry["id"] for entry in entries if entry["type"] in _WITH_PASSWORD] + (["local"] if local else [])
    if name and name not in known:
        shown = ", ".join(known) or "there is none"
        raise ValueError(f"password-connector: {name[:40]!r} is no connector that takes passwords (those are: {shown})")


def _seconds(text: str) -> int | None:
    found = re.fullmatch(r"(\d{1,8})([smh])", text, re.ASCII)
    return int(found[1]) * _UNITS[found[2]] if found else None
