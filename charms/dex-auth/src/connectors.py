# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Reads the option connectors: finds what is wrong with it, and its place, before Dex ever sees it."""

import collections.abc
import dataclasses
import difflib
import typing

import yaml
from charmkit.interfaces import sdi

Connector = dict[str, typing.Any]
# The connector types of Dex 2.44; the mock ones let anybody in.
_TYPES = (
    "atlassian-crowd", "authproxy", "bitbucket-cloud", "gitea", "github", "gitlab", "google", "keystone", "ldap",
    "linkedin", "microsoft", "oauth", "oidc", "openshift", "saml",
)  # fmt: skip
_REDIRECTED = frozenset(
    {
        "bitbucket-cloud",
        "gitea",
        "github",
        "gitlab",
        "google",
        "linkedin",
        "microsoft",
        "oauth",
        "oidc",
        "openshift",
        "saml",
    }
)
# Dex refuses to start without these.
_REQUIRED = {
    "ldap": ("host", "userSearch.baseDN", "userSearch.username"),
    "oidc": ("issuer", "clientID"),
    "github": ("clientID", "clientSecret"),
    "gitlab": ("clientID", "clientSecret"),
    "google": ("clientID", "clientSecret"),
    "microsoft": ("clientID", "clientSecret"),
    "saml": ("ssoURL", "usernameAttr", "emailAttr"),
}
# Juju keeps 64 KiB in a secret, where the last good text goes (core/secrets).
_LONGEST = 40_000
_DEEPEST = 20


class ConnectorError(ValueError):
    """The option cannot be used; the text says what is wrong and where."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Connectors:
    """The connectors of Dex, and what an operator should know of them."""

    entries: tuple[Connector, ...] = ()
    warnings: tuple[str, ...] = ()


def parse(text: str, callback: str = "") -> Connectors:
    """Return the connectors in a YAML or JSON text.

    Args:
        text: the option's value.
        callback: the issuer's callback URL, which every redirectURI must be; filled in where it is missing.

    Raises:
        ConnectorError: with the place of the first mistake.
    """
    found = _entries(_load(text))
    entries: list[Connector] = []
    warnings: list[str] = []
    seen: dict[str, int] = {}
    for number, entry in enumerate(found):
        place = f"connectors[{number}]"
        checked = _entry(place, entry, callback)
        if checked["id"] in seen:
            raise ConnectorError(f"{place}.id: {checked['id']!r} is already connectors[{seen[checked['id']]}]")
        seen[checked["id"]] = number
        entries.append(checked)
        warnings += _warnings(place, checked)
    return Connectors(entries=tuple(entries), warnings=tuple(warnings))


class _Loader(yaml.SafeLoader):
    """YAML without what can surprise: no aliases, no key twice, no keys but text, bounded depth."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: typing.Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "aliases are not accepted", self.peek_event().start_mark)
        self.depth += 1
        if self.depth > _DEEPEST:
            raise yaml.composer.ComposerError(None, None, "it is nested too deeply", self.peek_event().start_mark)
        try:
            return super().compose_node(parent, index)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - untyped
        finally:
            self.depth -= 1


def _mapping(loader: _Loader, node: yaml.MappingNode) -> Connector:
    result: Connector = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str):
            raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} is not text", key_node.start_mark)
        if key in result:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key!r} stands there twice", key_node.start_mark
            )
        result[key] = loader.construct_object(value_node, deep=True)
    return result


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
# Dates are text to Dex.
_Loader.add_constructor("tag:yaml.org,2002:timestamp", yaml.SafeLoader.construct_yaml_str)  # pyright: ignore[reportUnknownMemberType] - untyped


def _load(text: str) -> object:
    size = len(text.encode(errors="replace"))
    if size > _LONGEST:
        raise ConnectorError(f"connectors: {size} bytes are too many, {_LONGEST} are accepted")
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader, narrowed further
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        problem = error.problem or error.context or "it is not YAML"
        raise ConnectorError(f"connectors: {place}{problem}{_hint(problem, text, mark.line if mark else 0)}") from None
    except (yaml.YAMLError, *sdi.YAML_FAULTS):
        # Not repeated: the text may be a secret.
        raise ConnectorError("connectors: it is neither YAML nor JSON, or a tag in it lies about its value") from None


def _hint(problem: str, text: str, line: int) -> str:
    """Return what the mistake probably is, out of those that are often made."""
    lines = text.splitlines()
    before = lines[line - 1].strip() if 0 < line <= len(lines) else ""
    if "mapping values are not allowed" in problem and before.lstrip("- ").startswith("type:"):
        return f' (is "config:" missing under "{before.lstrip("- ")}"?)'
    if "\\t" in problem or "\t" in problem:
        return " (YAML is indented with spaces, not with tabs)"
    if "unexpected end of stream" in problem:
        return " (is there a stray quote?)"
    if "but found ','" in problem:
        return " (a JSON list begins with [ and each connector with {)"
    return ""


def _entries(data: object) -> list[object]:
    if data is None:
        return []
    if isinstance(data, dict) and list(typing.cast("Connector", data)) == ["connectors"]:
        data = typing.cast("Connector", data)["connectors"] or []
    if isinstance(data, list):
        return typing.cast("list[object]", data)
    raise ConnectorError(f"connectors: expected a list of connectors, got {_kind(data)}")


def _kind(value: object) -> str:
    """Name a value by its kind: the value itself may be a secret."""
    kinds = {
        str: "a string",
        dict: "a mapping",
        list: "a list",
        bool: "true or false",
        int: "a number",
        float: "a number",
        type(None): "nothing",
    }
    return kinds.get(type(value), type(value).__name__)


def _entry(place: str, data: object, callback: str) -> Connector:
    if not isinstance(data, dict):
        raise ConnectorError(f"{place}: expected a mapping with id, name, type and config, got {_kind(data)}")
    entry = typing.cast("Connector", data)
    for key in ("type", "id", "name"):
        if not isinstance(entry.get(key), str) or not entry[key].strip():
            given = f": expected text, got {_kind(entry[key])}" if key in entry else " is missing"
            raise ConnectorError(f"{place}.{key}{given}")
    _known(place, entry)
    kind = entry["type"]
    if kind not in _TYPES:
        near = difflib.get_close_matches(kind, _TYPES, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"types are {', '.join(_TYPES)}"
        raise ConnectorError(f"{place}.type: unknown type {kind!r} ({hint})")
    config = entry.get("config") or {}
    if not isinstance(config, dict):
        raise ConnectorError(f"{place}.config: expected a mapping, got {_kind(config)}")
    config = dict(typing.cast("Connector", config))
    for path in _REQUIRED.get(kind, ()):
        _require(f"{place}.config", config, path)
    if callback and kind in _REDIRECTED:
        given = config.setdefault("redirectURI", callback)
        if given != callback:
            raise ConnectorError(f"{place}.config.redirectURI: {given!r} must be {callback!r}, or left out")
    _encodable(f"{place}.config", config)
    return {**entry, "config": config}


def _known(place: str, entry: Connector) -> None:
    names = ("id", "name", "type", "config", "grantTypes")
    for key in entry:
        if key not in names:
            near = difflib.get_close_matches(key, names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else 'does it belong under "config:"?'
            raise ConnectorError(f"{place}.{key}: unknown field ({hint})")


def _require(place: str, config: Connector, path: str) -> None:
    value: object = config
    for key in path.split("."):
        value = typing.cast("Connector", value).get(key) if isinstance(value, dict) else None
    if not value:
        raise ConnectorError(f"{place}.{path} is missing")
    if not isinstance(value, str):
        raise ConnectorError(f"{place}.{path}: expected text, got {_kind(value)}")


def _encodable(place: str, value: object) -> None:
    """Refuse what no JSON text can carry."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ConnectorError(f"{place}: it has characters that are no text") from None
        if "\0" in value:
            raise ConnectorError(f"{place}: it has a NUL character")
    elif isinstance(value, dict):
        for key, item in typing.cast("Connector", value).items():
            _encodable(place, key)
            _encodable(f"{place}.{key}", item)
    elif isinstance(value, list):
        for number, item in enumerate(typing.cast("list[object]", value)):
            _encodable(f"{place}[{number}]", item)
    elif isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        raise ConnectorError(f"{place}: {value} is no number that JSON can carry")
    elif not (value is None or isinstance(value, bool | int | float)):
        raise ConnectorError(f"{place}: a {type(value).__name__} is no value of a connector")


def _warnings(place: str, entry: Connector) -> collections.abc.Iterator[str]:
    config = entry["config"]
    if config.get("insecureNoSSL") is True:
        yield f"{place}.config.insecureNoSSL: passwords cross the network unencrypted"
    search = config.get("userSearch")
    if (
        entry["type"] == "ldap"
        and isinstance(search, dict)
        and typing.cast("Connector", search).get("emailAttr") == "DN"
    ):
        yield f"{place}.config.userSearch.emailAttr: user ids will be DNs, profiles need e-mail addresses"
