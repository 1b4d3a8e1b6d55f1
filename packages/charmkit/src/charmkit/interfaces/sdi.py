# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The envelope of Charmed Kubeflow's older interfaces (serialized-data-interface): versions, and one YAML document."""

import collections.abc
import typing

import yaml

# What PyYAML's constructors raise on tags that lie about their values, and on nesting without end.
YAML_FAULTS = (ValueError, KeyError, IndexError, AttributeError, TypeError, RecursionError, OverflowError)
_LONGEST = 100_000


class InterfaceError(ValueError):
    """The other side wrote something that its interface does not allow."""


def announce(*versions: str) -> dict[str, str]:
    """Return the entry that both sides write as soon as the relation exists."""
    return {"_supported_versions": yaml.safe_dump(list(versions))}


def write(data: collections.abc.Mapping[str, object], *versions: str) -> dict[str, str]:
    """Return the entries of the side that sends data."""
    return {**announce(*versions), "data": yaml.safe_dump(dict(data))}


def read(bag: collections.abc.Mapping[str, str]) -> dict[str, object] | None:
    """Return the data that the other side sent, or None while it has sent none.

    Raises:
        InterfaceError: the entry is not a YAML mapping.
    """
    if not bag.get("data"):
        return None
    if len(bag["data"]) > _LONGEST:
        raise InterfaceError(f"data has more than {_LONGEST} characters")
    try:
        data: typing.Any = yaml.safe_load(bag["data"])
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f" in line {mark.line + 1}" if mark else ""
        raise InterfaceError(f"cannot read data{place}: {error.problem or error.context}") from None
    except (yaml.YAMLError, *YAML_FAULTS):
        # Not repeated: the text may be a secret.
        raise InterfaceError("cannot read data: it is not YAML") from None
    if not isinstance(data, dict):
        raise InterfaceError(f"data must be a mapping, not {type(data).__name__}")
    return {str(key): value for key, value in typing.cast("dict[object, object]", data).items()}


def text(data: collections.abc.Mapping[str, object], key: str, default: str | None = None) -> str:
    """Return a text entry.

    Raises:
        InterfaceError: it is missing without a default, or not text.
    """
    value = data.get(key, default)
    if not isinstance(value, str):
        raise InterfaceError(f"{key} must be text, not {type(value).__name__}")
    return value


def port(data: collections.abc.Mapping[str, object], key: str = "port") -> int:
    """Return a port number.

    Raises:
        InterfaceError: it is not an integer from 1 to 65535.
    """
    value = data.get(key)
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 6:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 65536:
        raise InterfaceError(f"{key} must be a port number, not {str(value)[:20]!r}")
    return value


def texts(data: collections.abc.Mapping[str, object], key: str) -> tuple[str, ...]:
    """Return a list of texts, empty when it is missing.

    Raises:
        InterfaceError: it is not a list of texts.
    """
    value = data.get(key, [])
    if not isinstance(value, list):
        raise InterfaceError(f"{key} must be a list, not {type(value).__name__}")
    items = typing.cast("list[object]", value)
    for item in items:
        if not isinstance(item, str):
            raise InterfaceError(f"{key} must hold texts, not {type(item).__name__}")
    return tuple(typing.cast("list[str]", items))
