# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What a packed charm holds: the same every time, the same as charmcraft's, for the machine that was asked for."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import zipfile

import packing
import pytest
import yaml
from charmcraft.models import metadata, project

MIB = 2**20
# Charmcraft's own models read a field of theirs that they call deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:The 'charmhub' field is deprecated:DeprecationWarning")


def text(packed: pathlib.Path, name: str) -> str:
    with zipfile.ZipFile(packed) as opened:
        return opened.read(name).decode()


@pytest.mark.parametrize("name", packing.CHARMS)
def test_two_runs_give_the_same_bytes(pack: packing.Pack, name: str):
    assert pack(name).read_bytes() == pack(name, again=True).read_bytes()


@pytest.mark.parametrize("arch", ["amd64", "arm64"])
@pytest.mark.parametrize("name", packing.CHARMS)
def test_it_is_small_and_for_the_machine_that_was_asked_for(pack: packing.Pack, name: str, arch: str):
    packed = pack(name, arch=arch)
    assert packed.stat().st_size < 20 * MIB
    names = zipfile.ZipFile(packed).namelist()
    libraries = [found for found in names if found.endswith(".so")]
    assert libraries
    machine = {"amd64": "x86_64", "arm64": "aarch64"}[arch]
    # Those of the stable ABI carry no machine in their names.
    assert all(machine in found or ".abi3." in found for found in libraries), libraries
    assert all("cpython-312" in found or ".abi3." in found for found in libraries), libraries
    assert {"dispatch", "metadata.yaml", "config.yaml", "manifest.yaml", "LICENSE"} <= set(names)
    assert yaml.safe_load(text(packed, "manifest.yaml"))["bases"] == [
        {"name": "ubuntu", "channel": "24.04", "architectures": [arch]}
    ]


@pytest.mark.parametrize("name", packing.CHARMS)
def test_nothing_of_this_machine_or_its_tests_is_inside(pack: packing.Pack, name: str):
    with zipfile.ZipFile(pack(name)) as packed:
        names = packed.namelist()
        assert not [found for found in names if "__pycache__" in found or found.startswith("tests/")]
        assert not [found for found in names if str(packing.ROOT).encode() in packed.read(found)]


@pytest.mark.parametrize("name", packing.CHARMS)
def test_metadata_is_what_charmcraft_writes(pack: packing.Pack, name: str):
    data = yaml.safe_load((packing.ROOT / "charms" / name / "charmcraft.yaml").read_text())
    theirs = project.PlatformCharm.unmarshal(data)
    assert yaml.safe_load(text(pack(name), "metadata.yaml")) == metadata.CharmMetadata.from_charm(theirs).marshal()
    marshalled = theirs.marshal()
    assert yaml.safe_load(text(pack(name), "config.yaml")) == marshalled["config"]
    if marshalled.get("actions"):
        assert yaml.safe_load(text(pack(name), "actions.yaml")) == marshalled["actions"]


@pytest.mark.parametrize("name", packing.CHARMS)
def test_charmcrafts_own_parts_ship_the_same_files(pack: packing.Pack, name: str, tmp_path: pathlib.Path):
    repository = tmp_path / "repository"
    ignored = shutil.ignore_patterns(".git", ".venv", "build", "artifacts", "*.charm", "__pycache__", ".*")
    shutil.copytree(packing.ROOT, repository, ignore=ignored)
    source = repository / "charms" / name
    work = tmp_path / "work"
    program = pathlib.Path(__file__).with_name("prime.py")
    done = subprocess.run(
        [sys.executable, program, work], cwd=source, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode == 0, done.stdout
    theirs = files(work / "prime")
    with zipfile.ZipFile(pack(name, python=packing.HERE)) as packed:
        ours = {found: packed.read(found) for found in packed.namelist()}
    written_at_the_end = {"metadata.yaml", "config.yaml", "actions.yaml", "manifest.yaml"}
    assert set(ours) - written_at_the_end == set(theirs)
    differing = [found for found in theirs if theirs[found] != ours[found]]
    # Each installer signs with its own name.
    assert [found for found in differing if not found.endswith(("INSTALLER", "REQUESTED"))] == []


def files(prime: pathlib.Path) -> dict[str, bytes]:
    """Return what charmcraft would zip, without the files of the virtual environment itself, which dispatch ignores."""
    found = {
        str(path.relative_to(prime)): path.read_bytes()
        for path in prime.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    scaffold = re.compile(r"venv/(bin/|include/|pyvenv\.cfg)|.*\.dist-info/RECORD$|\.gitignore$|.*/\.gitignore$")
    return {name: content for name, content in found.items() if not scaffold.match(name)}


def test_one_without_storage_differs_in_nothing_else(pack: packing.Pack):
    """Juju 3.6 compares the storage of both charms, and refuses the refresh of an application when it differs."""
    one, other = (zipfile.ZipFile(pack("dex-auth", *options)) for options in ((), ("--without-storage",)))
    with one, other:
        assert one.namelist() == other.namelist()
        assert [name for name in one.namelist() if one.read(name) != other.read(name)] == ["metadata.yaml"]
        usual, made = (yaml.safe_load(found.read("metadata.yaml")) for found in (one, other))
    assert usual.pop("storage")
    assert usual["containers"]["dex"].pop("mounts")
    assert made == usual


def test_a_charm_that_needs_its_storage_keeps_it():
    words = [sys.executable, packing.ROOT / "tools/pack", "--without-storage", "gatekeeper"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("gatekeeper cannot do without its storage: dex-auth can")


def test_a_wrong_name_says_what_there_is():
    done = subprocess.run([sys.executable, packing.ROOT / "tools/pack", "dex"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith(f"there is no charm 'dex': there are {', '.join(packing.CHARMS)}")


def test_help_names_every_argument():
    done = subprocess.run([sys.executable, packing.ROOT / "tools/pack", "--help"], capture_output=True, text=True)
    assert all(word in done.stdout for word in ("--arch", "--python-version", "--output", *packing.CHARMS))


def test_the_dispatch_file_can_be_run():
    assert os.access(packing.ROOT / "tools/charm/dispatch", os.X_OK)
