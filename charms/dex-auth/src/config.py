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
import references
import tuning
import users

Options = collections.abc.Mapping[str, typing.Any]
GROUPS = {
    "static": ("static-username", "static-password", "enable-password-db"),
    "issuer": ("issuer-url", "public-url"),
    "port": ("port",),
    "cost": ("bcrypt-cost",),
    **{name: (name,) for name in tuning.DEFAULTS},
}
DEFAULTS: dict[str, typing.Any] = {
    "static-username": "user@example.com",
    "static-password": "",
    "enable-password-db": True,
    "issuer-url": "",
    "public-url": "",
    "port": 5556,
    "bcrypt-cost": 12,
    **tuning.DEFAULTS,
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
        static: None when there is no static user.
        password_db: whether users that Dex itself knows may log in.
        cost: bcrypt's.
        issuer: empty when it follows from the gateway.
        connectors: those to use, without the redirect URIs that depend on the issuer.
        version: of the Dex that runs.
        tuning: what goes to Dex as it is.
        problems: what is wrong, each beginning with the option's name.
        warnings: what works and should not stay like this.
        accepted: the options in use, with secrets in place of references; of a wrong group the last good ones.
    """

    port: int
    static: Static | None
    password_db: bool = True
    cost: int
    issuer: str
    connectors: connectors.Connectors
    version: tuple[int, int]
    tuning: tuning.Tuning
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    accepted: dict[str, typing.Any] = dataclasses.field(repr=False)


def read(options: Options, last_good: Options, facts: connectors.Facts) -> Settings:
    """Return the options to use, out of those that are set and the last good ones."""
    problems: list[str] = []
    accepted: dict[str, typing.Any] = {}
    for group, names in GROUPS.items():
        wanted = {name: options.get(name, DEFAULTS[name]) for name in names}
        try:
            accepted |= _CHECKS.get(group, _accept_tuning)(wanted, facts)
        except ValueError as error:
            problems.append(str(error))
            accepted |= {name: last_good.get(name, DEFAULTS[name]) for name in names}
    mock = options.get("allow-mock-connectors", False)
    try:
        found = connectors.parse(options.get("connectors", ""), facts=dataclasses.replace(facts, mock=mock))
    except connectors.ConnectorError as error:
        problems += error.problems
        found = connectors.trust(last_good.get("connectors", ""), mock=mock)
    try:
        local = accepted["enable-password-db"]
        tuning.check_password_connector(accepted["password-connector"], found.entries, local=local)
    except ValueError as error:
        problems.append(str(error))
        accepted["password-connector"] = ""
    return Settings(
        port=accepted["port"],
        static=_static(accepted),
        password_db=accepted["enable-password-db"],
        cost=accepted["bcrypt-cost"],
        issuer=_issuer(accepted),
        connectors=found,
        version=facts.version,
        tuning=tuning.made(accepted),
        problems=tuple(problems),
        warnings=tuple(_warnings(options, facts)) + found.warnings,
        accepted={**accepted, "connectors": connectors.keep(found), "allow-mock-connectors": mock},
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decision:
    """The connectors for one issuer.

    Attributes:
        found: those to use.
        good: the last good ones.
        problems: why the wanted ones are not those to use.
        accepted: the options in use.
    """

    found: connectors.Connectors
    good: connectors.Connectors
    problems: tuple[str, ...]
    accepted: Options = dataclasses.field(repr=False)


def for_issuer(settings: Settings, last_good: Options, issuer: str) -> Decision:
    """Return the connectors for an issuer; they can be right by themselves, and wrong for it."""
    callback = f"{issuer}/callback"
    kept = good_connectors(last_good, settings)
    good = connectors.redirect(kept, callback)
    try:
        found = connectors.redirect(settings.connectors, callback)
    except connectors.ConnectorError as error:
        accepted = {**settings.accepted, "connectors": connectors.keep(kept)}
        return Decision(found=good, good=good, problems=error.problems, accepted=accepted)
    return Decision(found=found, good=good, problems=(), accepted=settings.accepted)


def good_connectors(good: Options, settings: Settings) -> connectors.Connectors:
    """Return the last good connectors; the switch for mock ones counts at once."""
    return connectors.trust(good.get("connectors", ""), mock=settings.accepted["allow-mock-connectors"])


def _password(text: str, facts: connectors.Facts) -> str:
    try:
        return references.resolve(text, facts.contents or {}, app=facts.app)
    except ValueError as error:
        raise ValueError(f"static-password: {error}") from None


def _warnings(options: Options, facts: connectors.Facts) -> collections.abc.Iterator[str]:
    text = options.get("static-password", "")
    name = options.get("static-username", DEFAULTS["static-username"])
    if name and not users.is_email(name):
        yield "static-username: it is no e-mail address, and the owner of a profile must be one"
    if text and not references.is_one(text):
        add, grant = "juju add-secret dex-password value#file=FILE", f"juju grant-secret dex-password {facts.app}"
        option = f"juju config {facts.app} static-password"
        yield f"static-password: a secret in plain text; {option}=$({add}) && {grant}"


def _static(options: Options) -> Static | None:
    username, password = options["static-username"], options["static-password"]
    if not options["enable-password-db"] or not username:
        return None
    if not username.isprintable() or username != username.strip():
        raise ValueError("static-username: it has characters that cannot be typed into a login page")
    if "\0" in password or not _is_text(password):
        raise ValueError("static-password: it has characters that no password can have")
    size = len(password.encode())
    if size > users.LONGEST_PASSWORD:
        raise ValueError(f"static-password: {size} bytes are too many, bcrypt reads {users.LONGEST_PASSWORD}")
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


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _accept_static(options: Options, facts: connectors.Facts) -> dict[str, typing.Any]:
    accepted = {**options, "static-password": _password(options["static-password"], facts)}
    _static(accepted)
    return accepted


def _accept_issuer(options: Options, _: connectors.Facts) -> dict[str, typing.Any]:
    _issuer(options)
    return dict(options)


def _accept_port(options: Options, _: connectors.Facts) -> dict[str, typing.Any]:
    port = options["port"]
    if not 1024 <= port <= 65535 or port == 5558:
        raise ValueError(f"port: {port} must be from 1024 to 65535, and not 5558, where Dex tells its health")
    return dict(options)


def _accept_tuning(options: Options, _: connectors.Facts) -> dict[str, typing.Any]:
    for name, text in options.items():
        tuning.check(name, text)
    return dict(options)


def _accept_cost(options: Options, _: connectors.Facts) -> dict[str, typing.Any]:
    cost = options["bcrypt-cost"]
    if not 10 <= cost <= 14:
        raise ValueError(f"bcrypt-cost: {cost} must be from 10 to 14; each step doubles the time that a login takes")
    return dict(options)


_CHECKS: dict[str, collections.abc.Callable[[Options, connectors.Facts], dict[str, typing.Any]]] = {
    "static": _accept_static,
    "issuer": _accept_issuer,
    "port": _accept_port,
    "cost": _accept_cost,
}
