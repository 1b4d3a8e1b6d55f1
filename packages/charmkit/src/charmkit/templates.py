# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Renders configuration files from jinja2 templates so that no value can break out of its place."""

import functools
import json
import pathlib
import re
import typing

import jinja2

# Legal in a JSON string, but not printable in YAML 1.1 or read as a line break by some parser.
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")


class _Json(str):
    """Text that has passed through the tojson filter."""

    __slots__ = ()


def to_json(value: object) -> str:
    """Return a value as JSON text that JSON and YAML parsers read alike.

    Raises:
        ValueError: the value holds NaN or an infinity, which JSON cannot say.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True)
    return _Json(_UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text))


def _only_json(value: object) -> object:
    """Refuse every printed value that did not pass through tojson."""
    if isinstance(value, _Json | jinja2.Undefined):
        return value
    raise jinja2.TemplateRuntimeError(f"cannot print a {type(value).__name__} without the tojson filter")


def render(directory: pathlib.Path, name: str, values: typing.Mapping[str, object]) -> str:
    """Return a template filled with values, every one of them as JSON.

    Raises:
        jinja2.TemplateError: the template prints a value that is missing or that did not pass through tojson.
    """
    return _environment(directory).get_template(name).render(values)


@functools.cache
def _environment(directory: pathlib.Path) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(directory),
        undefined=jinja2.StrictUndefined,
        finalize=_only_json,
        autoescape=False,  # noqa: S701 - the output is JSON and YAML, and tojson is the only way in
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["tojson"] = to_json
    return environment
