# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Parts of plain mappings that came from elsewhere: what is missing or of another type reads as empty. Pure."""

import typing

Json = dict[str, typing.Any]


def mapping(data: Json, key: str) -> Json:
    """Return a mapping out of a mapping."""
    value: object = data.get(key)
    return typing.cast("Json", value) if isinstance(value, dict) else {}


def entries(data: Json, key: str) -> list[Json]:
    """Return a list of mappings out of a mapping."""
    value: object = data.get(key)
    found = typing.cast("list[object]", value) if isinstance(value, list) else []
    return [typing.cast("Json", entry) for entry in found if isinstance(entry, dict)]


def texts(data: Json, key: str) -> tuple[str, ...]:
    """Return a list of texts out of a mapping."""
    value: object = data.get(key)
    found = typing.cast("list[object]", value) if isinstance(value, list) else []
    return tuple(entry for entry in found if isinstance(entry, str))
