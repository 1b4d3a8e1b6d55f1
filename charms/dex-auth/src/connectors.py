# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Reads the option connectors: finds all that is wrong with it, with its place, before Dex ever sees it. Pure."""

import collections.abc
import dataclasses
import datetime
import json
import typing

import connector_fields
import connector_shapes
import connector_text
import connector_types
import references

Connector = dict[str, typing.Any]
Types = connector_types.TYPES
# Dex gives this id to the static login.
_RESERVED = "local"
_NOT_IN_A_PATH = frozenset('/?#%\\"<> ')


class ConnectorError(ValueError):
    """The option cannot be used; the text is the first of its problems, each says what is wrong and where."""

    def __init__(self, *problems: str) -> None:
        super().__init__(problems[0])
        self.problems = problems


@dataclasses.dataclass(frozen=True, kw_only=True)
class Facts:
    """What connectors are judged by, beside their own text.

    Attributes:
        version: the Dex that will read them.
        now: the time; certificates end.
        contents: the secrets that they refer to; None when references are not resolved, because they were before.
        app: this application's name, for commands.
        mock: whether connectors that let anybody in are accepted.
    """

    version: connector_shapes.Version = (2, 44)
    now: datetime.datetime = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
    contents: references.Contents | None = dataclasses.field(default=None, repr=False)
    app: str = "dex-auth"
    mock: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Connectors:
    """The connectors of Dex with all references resolved, what an operator should know of them, and their secrets."""

    entries: tuple[Connector, ...] = dataclasses.field(default=(), repr=False)
    warnings: tuple[str, ...] = ()
    secrets: frozenset[str] = dataclasses.field(default=frozenset(), repr=False)


def parse(text: str, callback: str = "", facts: Facts | None = None) -> Connectors:
    """Return the connectors in a YAML or JSON text.

    Args:
        text: the option's value.
        callback: the issuer's callback URL, which every redirectURI must be; filled in where it is missing.
        facts: what they are judged by.

    Raises:
        ConnectorError: with every mistake and its place.
    """
    facts = facts or Facts()
    try:
        found = _entries(connector_text.load(text))
    except connector_text.TextError as error:
        raise ConnectorError(str(error)) from None
    notes = connector_fields.Notes(facts.version, facts.now, facts.contents, facts.app)
    entries = [_entry(notes, f"connectors[{number}]", entry, facts) for number, entry in enumerate(found)]
    _different_ids(notes, entries)
    if notes.problems:
        raise ConnectorError(*notes.problems)
    result = Connectors(entries=tuple(entries), warnings=tuple(notes.warnings), secrets=frozenset(notes.secrets))
    if len(keep(result)) > connector_text.LONGEST:
        raise ConnectorError("connectors: with its secrets it is too long to be kept")
    return redirect(result, callback) if callback else result


def trust(text: str, *, mock: bool = False) -> Connectors:
    """Return connectors that were good before; no check of a later revision takes away what works.

    Args:
        text: what `keep` made, or an option that an earlier revision of this charm accepted.
        mock: whether connectors that let anybody in are accepted.
    """
    entries = [typing.cast("Connector", entry) for entry in _entries(connector_text.load(text))]
    known = [entry for entry in entries if entry["type"] in Types and (mock or not Types[entry["type"]].mock)]
    return _own(Connectors(entries=tuple(known)))


def redirect(found: Connectors, callback: str) -> Connectors:
    """Return connectors to which browsers come back at a callback URL.

    Raises:
        ConnectorError: one names another.
    """
    problems: list[str] = []
    entries: list[Connector] = []
    for number, entry in enumerate(found.entries):
        config = dict(entry["config"])
        if Types[entry["type"]].redirected and config.setdefault("redirectURI", callback) != callback:
            given = config["redirectURI"]
            problems.append(f"connectors[{number}].config.redirectURI: {given!r} must be {callback!r}, or left out")
        entries.append({**entry, "config": config})
    if problems:
        raise ConnectorError(*problems)
    return dataclasses.replace(found, entries=tuple(entries))


def keep(found: Connectors) -> str:
    """Return a text that means the same with another issuer, and without the secrets that were referred to."""
    return json.dumps(_own(found).entries, ensure_ascii=False) if found.entries else ""


def _own(found: Connectors) -> Connectors:
    """Return connectors without the callback URL of one issuer."""
    entries: list[Connector] = []
    for entry in found.entries:
        given: Connector = entry.get("config") or {}
        config = {key: value for key, value in given.items() if key != "redirectURI"}
        entries.append({**entry, "config": config})
    return dataclasses.replace(found, entries=tuple(entries))


def _entries(data: object) -> list[object]:
    if data is None:
        return []
    if isinstance(data, dict) and list(typing.cast("Connector", data)) == ["connectors"]:
        data = typing.cast("Connector", data)["connectors"] or []
    if isinstance(data, list):
        return typing.cast("list[object]", data)
    kind = connector_fields.kind_of(typing.cast("object", data))
    raise ConnectorError(f"connectors: expected a list of connectors, got {kind}")


def _entry(notes: connector_fields.Notes, place: str, data: object, facts: Facts) -> Connector:
    if not isinstance(data, dict):
        kind = connector_fields.kind_of(data)
        notes.problem(place, f"expected a mapping with id, name, type and config, got {kind}")
        return {}
    raw = typing.cast("Connector", data)
    if not notes.encodable(place, raw):
        return {}
    entry = notes.group(place, raw, connector_types.ENTRY, outside='does it belong under "config:"?', skip=("config",))
    _identifier(notes, place, entry.get("id"))
    kind = entry.get("type")
    if not isinstance(kind, str):
        return entry
    types = {name: found for name, found in Types.items() if facts.mock or not found.mock}
    if kind not in types:
        if kind in Types:
            hint = f"it lets anybody in; for tests: juju config {facts.app} allow-mock-connectors=true"
            notes.problem(f"{place}.type", f"{kind!r} is not accepted ({hint})")
        else:
            hint = connector_fields.nearest(kind, types) or f"types are {', '.join(types)}"
            notes.problem(f"{place}.type", f"unknown type {kind[:40]!r} ({hint})")
        return entry
    return {**entry, "config": _config(notes, place, connector_fields.value_of(raw, "config"), types[kind])}


def _config(notes: connector_fields.Notes, place: str, raw: object, kind: connector_shapes.Type) -> Connector:
    place = f"{place}.config"
    if raw is None:
        raw = {}
    if not isinstance(raw, dict):
        notes.problem(place, f"expected a mapping, got {connector_fields.kind_of(raw)}")
        return {}
    config = notes.group(place, typing.cast("Connector", raw), kind.fields)
    for field, others in kind.needs:
        if (not field or _at(config, field)) and not any(_at(config, other) for other in others):
            missing = " or ".join(others)
            notes.problem(f"{place}.{missing}" if len(others) == 1 else place, _missing(field, others))
    for one, two in kind.excludes:
        if _at(config, one) and _at(config, two):
            notes.problem(place, f"only one of {one} and {two} can be there")
    if kind.risk:
        notes.warning(place, kind.risk)
    for text in _advice(config, kind):
        notes.warnings.append(f"{place}.{text}")
    return config


def _missing(field: str, others: tuple[str, ...]) -> str:
    because = f", because {field} is there" if field else ""
    return f"is missing{because}" if len(others) == 1 else f"one of {', '.join(others)} must be there{because}"


def _at(config: object, path: str) -> object:
    """Return what stands under a path, or None."""
    for key in path.split("."):
        config = typing.cast("Connector", config).get(key) if isinstance(config, dict) else None
    return config


def _advice(config: Connector, kind: connector_shapes.Type) -> collections.abc.Iterator[str]:
    if _at(config, "userSearch.emailAttr") in ("DN", "dn"):
        yield "userSearch.emailAttr: user ids will be DNs, profiles need e-mail addresses"
    scopes = config.get("scopes")
    if kind is Types["oidc"] and isinstance(scopes, list) and scopes and "email" not in scopes:
        yield "scopes: without email there is no e-mail address, and profiles need one"


def _identifier(notes: connector_fields.Notes, place: str, identifier: object) -> None:
    if not isinstance(identifier, str):
        return
    if identifier == _RESERVED:
        notes.problem(f"{place}.id", f"{_RESERVED!r} is the static login's id, choose another")
    elif _NOT_IN_A_PATH & set(identifier) or not identifier.isprintable():
        notes.problem(f"{place}.id", "it becomes a part of a URL: use letters, digits, - and _")


def _different_ids(notes: connector_fields.Notes, entries: list[Connector]) -> None:
    seen: dict[str, int] = {}
    for number, entry in enumerate(entries):
        identifier = entry.get("id")
        if isinstance(identifier, str):
            if identifier in seen:
                notes.problem(f"connectors[{number}].id", f"{identifier!r} is already connectors[{seen[identifier]}]")
            seen.setdefault(identifier, number)
