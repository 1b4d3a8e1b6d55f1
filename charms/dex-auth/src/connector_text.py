# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Reads the text of the option connectors, YAML or JSON; a mistake is told with its line and column."""

import typing

import yaml
import yaml.composer
import yaml.constructor
from charmkit.interfaces import sdi

# Juju keeps 64 KiB in a secret, where the last good connectors go (core/secrets).
LONGEST = 40_000
_DEEPEST = 20


class TextError(ValueError):
    """The text cannot be read; the words say what is wrong and where."""


def load(text: str) -> object:
    """Return what the text says.

    Raises:
        TextError: with the place of the first mistake.
    """
    size = len(text.encode(errors="replace"))
    if size > LONGEST:
        raise TextError(f"connectors: {size} bytes are too many, {LONGEST} are accepted")
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader, narrowed further
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        problem = error.problem or error.context or "it is not YAML"
        raise TextError(f"connectors: {place}{problem}{_hint(problem, text, mark.line if mark else 0)}") from None
    except (yaml.YAMLError, *sdi.YAML_FAULTS):
        # Not repeated: the text may be a secret.
        raise TextError("connectors: it is neither YAML nor JSON, or a tag in it lies about its value") from None


class _Loader(yaml.SafeLoader):
    """YAML without what can surprise: no aliases, no key twice, no keys but text, bounded depth."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: typing.Any) -> yaml.Node | None:
        # PyYAML has no types here.
        events: typing.Any = self
        if events.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "aliases are not accepted", events.peek_event().start_mark)
        self.depth += 1
        if self.depth > _DEEPEST:
            raise yaml.composer.ComposerError(None, None, "it is nested too deeply", events.peek_event().start_mark)
        try:
            return super().compose_node(parent, index)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - untyped
        finally:
            self.depth -= 1


def _mapping(loader: typing.Any, node: yaml.MappingNode) -> dict[str, typing.Any]:
    result: dict[str, typing.Any] = {}
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
_Loader.add_constructor("tag:yaml.org,2002:timestamp", yaml.SafeLoader.construct_yaml_str)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType] - untyped


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
    if "<stream end>" in problem:
        return " (is a closing ] or } missing?)"
    if "but found ','" in problem:
        return " (a JSON list begins with [ and each connector with {)"
    return ""
