# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Reads a Juju bundle with its overlays, and the charms that it names."""

import collections.abc
import dataclasses
import pathlib
import re
import typing

import yaml

from sandbox import model


class BundleError(Exception):
    """A bundle, an overlay or a charm cannot be used; the text names file and place."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Application:
    """One application of a bundle, with its options as text."""

    name: str
    charm: model.Charm
    scale: int
    options: dict[str, str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bundle:
    """What to deploy.

    Attributes:
        applications: in the order of the file.
        relations: pairs of application:endpoint.
        sandbox: the overlays' own section for the sandbox: port, programs outside.
    """

    applications: tuple[Application, ...]
    relations: tuple[tuple[str, str], ...]
    sandbox: dict[str, model.Json]


def read(path: pathlib.Path, overlays: collections.abc.Iterable[pathlib.Path] = ()) -> Bundle:
    """Return a bundle with its overlays merged as Juju merges them.

    Raises:
        BundleError: something cannot be read, or names what is not there.
    """
    data = _load(path)
    section: dict[str, model.Json] = {}
    for overlay in overlays:
        extra = _load(overlay)
        section |= extra.pop("sandbox", None) or {}
        _merge(data, extra)
    applications = model.section(data, "applications")
    if not applications:
        raise BundleError(f"{path}: it has no applications")
    found = tuple(_application(path, name, spec or {}) for name, spec in applications.items())
    relations = tuple(_relation(path, entry) for entry in typing.cast("list[model.Json]", data.get("relations") or []))
    return Bundle(applications=found, relations=relations, sandbox=section)


def read_charm(directory: pathlib.Path) -> model.Charm:
    """Return the charm in a directory.

    Raises:
        BundleError: there is no charmcraft.yaml that can be read.
    """
    data = _load(directory / "charmcraft.yaml")
    meta = {key: value for key, value in data.items() if key not in ("config", "actions", "parts", "platforms", "base")}
    return model.Charm(
        name=data["name"],
        source=directory,
        meta=meta,
        config=data.get("config") or {},
        actions=data.get("actions") or {},
    )


def _merge(data: model.Json, extra: model.Json) -> None:
    for name, spec in model.section(extra, "applications").items():
        known = data.setdefault("applications", {}).setdefault(name, {})
        changes = dict[str, model.Json](spec or {})
        known.setdefault("options", {}).update(changes.pop("options", None) or {})
        known.update(changes)
    data.setdefault("relations", []).extend(extra.get("relations") or [])


def _application(path: pathlib.Path, name: str, spec: model.Json) -> Application:
    charm = str(spec.get("charm", ""))
    # A packed charm stands beside its source: ./charms/dex-auth/dex-auth_amd64.charm.
    place = re.sub(r"/[^/]+\.charm$", "", charm)
    directory = (path.parent / place).resolve()
    if not charm.startswith(("./", "../", "/")) or not (directory / "charmcraft.yaml").is_file():
        raise BundleError(f"{path}: applications.{name}.charm: there is no charm's source at {charm!r}")
    options = {key: _text(value) for key, value in model.section(spec, "options").items()}
    return Application(name=name, charm=read_charm(directory), scale=int(spec.get("scale", 1)), options=options)


def _relation(path: pathlib.Path, entry: model.Json) -> tuple[str, str]:
    pair = typing.cast("list[model.Json]", entry) if isinstance(entry, list) else []
    if len(pair) != 2:
        raise BundleError(f"{path}: relations: {entry!r} is not a pair of endpoints")
    return str(pair[0]), str(pair[1])


def _text(value: model.Json) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _load(path: pathlib.Path) -> dict[str, model.Json]:
    try:
        data = yaml.safe_load(path.read_text())
    except OSError as error:
        raise BundleError(f"{path}: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise BundleError(f"{path}: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict):
        raise BundleError(f"{path}: it is not a mapping")
    return typing.cast("dict[str, model.Json]", data)
