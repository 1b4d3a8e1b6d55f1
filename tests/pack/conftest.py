# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Packed charms, made by the command that a person types."""

import collections.abc
import pathlib
import subprocess
import sys
import zipfile

import packing
import pytest


@pytest.fixture(scope="session")
def pack(tmp_path_factory: pytest.TempPathFactory) -> packing.Pack:
    """Pack one charm for a Python and an architecture; the same one is packed once."""
    made: dict[tuple[str, ...], pathlib.Path] = {}

    def run(name: str, *options: str, python: str = "3.12", arch: str = "amd64", again: bool = False) -> pathlib.Path:
        key = (name, *options, python, arch)
        if key not in made or again:
            output = tmp_path_factory.mktemp("packed")
            words = ["--output", output, "--python-version", python, "--arch", arch, *options, name]
            subprocess.run([sys.executable, packing.ROOT / "tools/pack", *words], check=True, stdout=subprocess.PIPE)
            (made[key],) = output.iterdir()
        return made[key]

    return run


@pytest.fixture
def unpacked(pack: packing.Pack, tmp_path: pathlib.Path) -> collections.abc.Callable[..., pathlib.Path]:
    """Unpack a charm, packed for the Python that runs the tests, as Juju does: with the modes of its files."""

    def unpack(name: str, *options: str) -> pathlib.Path:
        home = tmp_path / "charm"
        with zipfile.ZipFile(pack(name, *options, python=packing.HERE)) as packed:
            for entry in packed.infolist():
                (home / packed.extract(entry, home)).chmod(entry.external_attr >> 16 & 0o777)
        return home

    return unpack
