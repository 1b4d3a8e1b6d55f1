# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The envelope of Charmed Kubeflow's older interfaces (serialized-data-interface): versions, and one YAML document."""

import collections.abc
import typing

import yaml


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
    try:
        data: typing.Any = yaml.safe_load(bag["data"])
    except yaml.YAMLError as error:
        raise InterfaceError(f"cannot read data: {' '.join(str(error).split())}") from None
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
        raise InterfaceError(f"{key} must be text, not {value!r}")
    return value


def port(data: collections.abc.Mapping[str, object], key: str = "port") -> int:
    """Return a port number.

    Raises:
        InterfaceError: it is not an integer from 1 to 65535.
    """
    value = data.get(key)
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 65536:
        raise InterfaceError(f"{key} must be a port number, not {value!r}")
    return value


def texts(data: collections.abc.Mapping[str, object], key: str) -> tuple[str, ...]:
    """Return a list of texts, empty when it is missing.

    Raises:
        InterfaceError: it is not a list of texts.
    """
    value = data.get(key, [])
    if not isinstance(value, list):
        raise InterfaceError(f"{key} must be a list, not {value!r}")
    items = typing.cast("list[object]", value)
    for item in items:
        if not isinstance(item, str):
            raise InterfaceError(f"{key} must hold texts, not {item!r}")
    return tuple(typing.cast("list[str]", items))
