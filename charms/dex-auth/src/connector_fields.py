# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Checks a mapping against a table of fields, and notes everything that is wrong or unwise, with its place. Pure."""

import collections.abc
import datetime
import difflib
import re
import typing

import certificates
import connector_forms
import connector_shapes
import connector_types
import references

Mapping = dict[str, typing.Any]
_KINDS: dict[type, str] = {
    str: "a string",
    dict: "a mapping",
    list: "a list",
    bool: "true or false",
    int: "a number",
    float: "a number",
    type(None): "nothing",
}
_EXPECTED = {
    "text": "text",
    "flag": "true or false",
    "texts": "a list of texts",
    "table": "a mapping of texts",
    "group": "a mapping",
    "groups": "a list of mappings",
}
# Stands in place of a value that was refused: it is there, so that nobody says that it is missing.
_REFUSED = object()
_VARIABLE = re.compile(r"\$(\w+|\{\w+\})")


def kind_of(value: object) -> str:
    """Name a value by its kind: the value itself may be a secret."""
    kind: type = type(value)
    return _KINDS.get(kind, kind.__name__)


def nearest(name: str, names: collections.abc.Iterable[str]) -> str:
    """Return a question that names what was probably meant, or nothing."""
    known = {known.lower(): known for known in names}
    near = difflib.get_close_matches(name.lower(), known, n=1)
    return f"did you mean {known[near[0]]!r}?" if near else ""


def value_of(raw: Mapping, name: str) -> object:
    """Return a field's value; Dex does not mind upper and lower case in names."""
    return next((value for key, value in raw.items() if key.lower() == name.lower()), None)


class Notes:
    """Collects what is found, in order."""

    def __init__(
        self,
        version: connector_shapes.Version,
        now: datetime.datetime,
        contents: references.Contents | None,
        app: str,
    ) -> None:
        self.problems: list[str] = []
        self.warnings: list[str] = []
        self.secrets: set[str] = set()
        self._version = version
        self._now = now
        self._contents = contents
        self._app = app

    def problem(self, place: str, text: str) -> None:
        """Note what makes the option unusable."""
        self.problems.append(f"{place} {text}" if text.startswith("is missing") else f"{place}: {text}")

    def warning(self, place: str, text: str) -> None:
        """Note what an operator should know."""
        self.warnings.append(f"{place}: {text}")

    def group(
        self,
        place: str,
        raw: Mapping,
        fields: connector_shapes.Fields,
        *,
        outside: str = "",
        skip: tuple[str, ...] = (),
    ) -> Mapping:
        """Return a mapping with the names that Dex uses and with references resolved.

        Args:
            place: where it stands.
            raw: what was typed.
            fields: what may stand there.
            outside: what to ask about an unknown field that is like none of these.
            skip: fields that the caller checks.
        """
        names = {name.lower(): name for name in fields}
        result: Mapping = {}
        for key, value in raw.items():
            name = names.get(key.lower())
            if name is None:
                hint = nearest(key, fields) or _deeper(key, fields) or outside or _known(key, fields)
                self.problem(f"{place}.{key[:40]}", f"unknown field ({hint})" if fields else "it has no fields")
            elif name in result:
                self.problem(f"{place}.{key}", f"it stands there twice, also as {name!r} in other letters")
            elif value is not None and name not in skip:
                self._newness(f"{place}.{name}", fields[name])
                result[name] = self._value(f"{place}.{name}", value, fields[name])
        for name, field in fields.items():
            if field.required and result.get(name) in (None, ""):
                if field.kind == "group" and name not in result:
                    self.group(f"{place}.{name}", {}, field.fields)
                elif name not in result or result[name] == "":
                    self.problem(f"{place}.{name}", "is missing")
        return result

    def encodable(self, place: str, value: object) -> bool:
        """Return whether JSON can carry a value, and note where it cannot."""
        if isinstance(value, str):
            text = _not_text(value)
        elif isinstance(value, dict):
            return all(
                [
                    self.encodable(place, key) and self.encodable(f"{place}.{key}", item)
                    for key, item in typing.cast("Mapping", value).items()
                ]
            )
        elif isinstance(value, list):
            items = enumerate(typing.cast("list[object]", value))
            return all([self.encodable(f"{place}[{number}]", item) for number, item in items])
        elif isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
            text = f"{value} is no number that JSON can carry"
        else:
            known = value is None or isinstance(value, bool | int | float)
            text = "" if known else f"a {type(value).__name__} is no value of a connector"
        if text:
            self.problem(place, text)
        return not text

    def _newness(self, place: str, field: connector_shapes.Field) -> None:
        if field.gone:
            self.problem(place, f"Dex has given this field up; {field.gone}")
        if field.since > self._version:
            needed, running = (".".join(map(str, version)) for version in (field.since, self._version))
            self.problem(place, f"Dex {needed} or newer is needed, this one is {running}")

    def _value(self, place: str, value: object, field: connector_shapes.Field) -> object:
        """Return a value that may go to Dex, or a stand-in after noting why it may not."""
        if field.kind == "text" and isinstance(value, str):
            return self._text(place, value, field)
        if field.kind == "flag" and isinstance(value, bool):
            if field.risk and value:
                self.warning(place, field.risk)
            return value
        if field.kind == "group" and isinstance(value, dict):
            return self.group(place, typing.cast("Mapping", value), field.fields)
        if field.kind == "table" and isinstance(value, dict):
            text = connector_shapes.Field()
            items = typing.cast("Mapping", value).items()
            return {key: self._value(f"{place}.{key[:40]}", item, text) for key, item in items}
        if field.kind in ("texts", "groups") and isinstance(value, list):
            kind: typing.Literal["text", "group"] = "text" if field.kind == "texts" else "group"
            item = connector_shapes.Field(kind=kind, form=field.form, fields=field.fields)
            items = enumerate(typing.cast("list[object]", value))
            return [self._value(f"{place}[{number}]", entry, item) for number, entry in items]
        self.problem(place, f"expected {_EXPECTED[field.kind]}, got {kind_of(value)}{_quotes(field, value)}")
        return _REFUSED

    def _text(self, place: str, raw: str, field: connector_shapes.Field) -> object:
        value = raw
        referred = self._contents is not None and references.is_one(raw)
        if self._contents is not None and referred:
            try:
                value = references.resolve(raw, self._contents, app=self._app)
            except ValueError as error:
                self.problem(place, str(error))
                return _REFUSED
            fault = _not_text(value)
            if fault:
                self.problem(place, f"in the secret: {fault}")
                return _REFUSED
        if (referred or field.secret) and value:
            self.secrets.add(value)
        if field.secret and value and not referred and self._contents is not None:
            self._plain(place, value)
        if field.choices and value and value not in field.choices:
            hint = nearest(value, field.choices) or "it is one of " + ", ".join(
                choice for choice in field.choices if ":" not in choice
            )
            shown = f"unknown value {raw!r}" if len(raw) <= 40 else "unknown value"
            self.problem(place, f"{shown} ({hint})")
            return _REFUSED
        try:
            return self._formed(place, value, field.form, referred) if value.strip() else value.strip()
        except ValueError as error:
            # Where the value came out of a secret, the words must not repeat it.
            self.problem(place, "what the secret holds does not fit here" if referred else str(error))
            return _REFUSED

    def _plain(self, place: str, value: str) -> None:
        if _VARIABLE.fullmatch(value):
            self.warning(place, "variables are not expanded, so this is taken as it stands; refer to a secret instead")
            return
        name = "-".join(re.findall(r"[a-z0-9]+", f"dex {place.rsplit('.', 1)[-1]}".lower()))
        add, grant = f"juju add-secret {name} value#file=FILE", f"juju grant-secret {name} {self._app}"
        self.warning(place, f"a secret in plain text; {add} && {grant}, and write the secret:... that this prints here")

    def _formed(self, place: str, value: str, form: connector_shapes.Form, referred: bool) -> str:
        """Return a text in the form that Dex wants, and warn of what it brings.

        Raises:
            ValueError: the text has another form.
        """
        if form == "url":
            if connector_forms.url(value).scheme == "http":
                self.warning(place, "no TLS: whoever is between Dex and the server reads and changes what they say")
        elif form in ("pem", "pem-base64") and not (form == "pem" and value.startswith("/")):
            pem = certificates.decode(value)
            for sentence in certificates.ending(certificates.read(pem), self._now):
                self.warning(place, sentence)
            return certificates.encode(pem)
        elif form == "path" or form == "pem":
            connector_forms.path(value)
            self.warning(place, "Dex's image must hold this file")
        else:
            connector_forms.check(form, value)
        return value


def _deeper(key: str, fields: connector_shapes.Fields) -> str:
    """Return a question that names the group in which an unknown field is known."""
    for name, field in fields.items():
        if key.lower() in [inner.lower() for inner in field.fields]:
            return f'does it belong under "{name}:"?'
    return ""


def _known(key: str, fields: connector_shapes.Fields) -> str:
    types = [name for name, found in connector_types.TYPES.items() if key in found.fields]
    return f"connectors of type {types[0]} have it" if types else f"known are {', '.join(fields)}"


def _quotes(field: connector_shapes.Field, value: object) -> str:
    if field.kind == "text" and isinstance(value, bool | int | float):
        return " (put it in quotes)"
    if field.kind == "flag" and isinstance(value, str) and value.lower() in ("true", "false", "yes", "no"):
        return " (write true or false without quotes)"
    if field.kind == "group" and field.fields and isinstance(value, str):
        needed = [name for name, inner in field.fields.items() if inner.required]
        return f" (write it as a mapping with {' and '.join(needed)})" if needed else ""
    return " (write it as a list: [...])" if field.kind == "texts" and isinstance(value, str) else ""


def _not_text(value: str) -> str:
    """Return what no JSON text can carry of a value, or nothing."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return "it has characters that are no text"
    return "it has a NUL character" if "\0" in value else ""
