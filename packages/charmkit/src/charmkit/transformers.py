# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Options that turn a user id into another text: a JSON list of rules, of which the first that matches is applied."""

import json
import re
import typing

# How replacements name a group of their match: $1 or ${1}.
_GROUP = re.compile(r"\$\{?(\d+)")


def read(option: str, text: str) -> tuple[dict[str, str], ...]:
    """Return the rules of a JSON list of `matches` and `replaces`.

    Raises:
        ValueError: it is none; the text begins with the option's name.
    """
    example = """write it like [{"matches": "@example.com$", "replaces": ""}]"""
    if not text.strip():
        return ()
    try:
        content: object = json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise ValueError(f"{option}: not JSON in {place}: {error.msg}, {example}") from None
    except RecursionError:
        raise ValueError(f"{option}: nested too deep, {example}") from None
    if not isinstance(content, list):
        raise ValueError(f"{option}: must be a list, {example}")
    entries = typing.cast("list[object]", content)
    return tuple(_entry(f"{option}: entry {number}", entry) for number, entry in enumerate(entries, start=1))


def _entry(place: str, entry: object) -> dict[str, str]:
    if not isinstance(entry, dict):
        raise ValueError(f"{place} must be a mapping with matches and replaces")
    pair = typing.cast("dict[str, object]", entry)
    matches, replaces = pair.get("matches"), pair.get("replaces")
    if set(pair) != {"matches", "replaces"} or not isinstance(matches, str) or not isinstance(replaces, str):
        raise ValueError(f"{place} must be a mapping of the texts matches and replaces, and nothing else")
    try:
        groups = re.compile(matches).groups
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"{place}: matches must be a regular expression: {error}") from None
    unknown = [number for number in _GROUP.findall(replaces) if len(number) > 2 or int(number) > groups]
    if unknown:
        text = f"there is no such group in matches, {unknown[0][:5]} in replaces must be one of them"
        raise ValueError(f"{place}: {text}")
    return {"matches": matches, "replaces": replaces}
