# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The gatekeeper's image: what importers read of it, what is inside, and that it serves as an ordinary user."""

import collections.abc
import contextlib
import gzip
import hashlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import tarfile
import time

import craft_parts
import httpx
import packing
import pytest
import whole
import yaml

USER = 584792
ROCK = yaml.safe_load((packing.ROOT / "workloads/gatekeeper/rockcraft.yaml").read_text())


class Image:
    """An archive, opened as its importers do."""

    def __init__(self, path: pathlib.Path, home: pathlib.Path) -> None:
        self.path = path
        with tarfile.open(path) as opened:
            opened.extractall(home / "layout", filter="data")
        self.layout = home / "layout"
        (self.index,) = json.loads((self.layout / "index.json").read_text())["manifests"]
        self.manifest = json.loads(self.blob(self.index))
        self.config = json.loads(self.blob(self.manifest["config"]))
        self.root = home / "root"
        self.layer = gzip.decompress(self.blob(*self.manifest["layers"]))
        tar = home / "layer.tar"
        tar.write_bytes(self.layer)
        with tarfile.open(tar) as opened:
            self.members = {member.name: member for member in opened}
        self.root.mkdir()
        subprocess.run(["tar", "--extract", "--numeric-owner", "--file", tar, "--directory", self.root], check=True)

    def blob(self, descriptor: dict) -> bytes:
        data = (self.layout / "blobs" / descriptor["digest"].replace(":", "/")).read_bytes()
        assert f"sha256:{hashlib.sha256(data).hexdigest()}" == descriptor["digest"]
        assert len(data) == descriptor["size"]
        return data

    def command(self, *words: str) -> list[str | pathlib.Path]:
        """Return how to run a program of the image as the image's user, with its files as the whole world."""
        return ["chroot", f"--userspec={USER}:{USER}", self.root, *words]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    home = tmp_path_factory.mktemp("image")
    path = home / "gatekeeper.oci.tar"
    subprocess.run([sys.executable, packing.ROOT / "tools/image", "--output", path], check=True, stdout=subprocess.PIPE)
    return Image(path, home)


@pytest.fixture(scope="module")
def bundle() -> whole.Whole:
    made = whole.Whole(0)
    made.deploy()
    made.settle()
    return made


def test_importers_read_it(image: Image, tmp_path: pathlib.Path):
    """Skopeo checks every digest while it turns the archive into the form that docker and MicroK8s load."""
    target = tmp_path / "docker.tar"
    command = ["skopeo", "copy", "--quiet", f"oci-archive:{image.path}", f"docker-archive:{target}:gatekeeper:dev"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
    with tarfile.open(target) as opened:
        (loaded,) = json.load(opened.extractfile("manifest.json"))
    assert loaded["RepoTags"] == ["gatekeeper:dev"] or loaded["RepoTags"] == ["docker.io/library/gatekeeper:dev"]


def test_it_says_what_it_is(image: Image):
    assert image.config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(image.layer).hexdigest()}"]
    assert image.config["config"]["User"] == f"{USER}:{USER}"
    assert image.config["config"]["Entrypoint"] == ["/usr/local/bin/gatekeeper"]
    assert image.index["annotations"]["io.containerd.image.name"] == "gatekeeper:dev"


def test_it_is_small(image: Image):
    assert sum(member.size for member in image.members.values()) < 120 * 2**20


def test_nobody_becomes_root_in_it_and_only_its_own_places_can_be_written(image: Image):
    assert not [name for name, member in image.members.items() if member.mode & 0o6000]
    writable = {name for name, member in image.members.items() if member.uid == USER or member.mode & 0o002}
    assert {name for name in writable if not image.members[name].issym()} == {
        "etc/gatekeeper", "var/lib/gatekeeper", "tmp",
    }  # fmt: skip
    assert image.members["etc/gatekeeper"].mode == 0o700
    assert not {"usr/bin/sh", "usr/bin/dash", "usr/bin/dpkg", "usr/bin/apt"} & set(image.members)


@pytest.mark.skipif(os.getuid() != 0, reason="only root may make the image's files the whole world of a program")
def test_it_serves_with_the_charms_own_configuration(image: Image, bundle: whole.Whole):
    ports: list[int] = []
    with socket.socket() as one, socket.socket() as two:
        for probe in (one, two):
            probe.bind(("127.0.0.1", 0))
            ports.append(probe.getsockname()[1])
    listen, management = (f"127.0.0.1:{port}" for port in ports)
    config = json.loads(bundle.file("gatekeeper/0", "gatekeeper/etc/gatekeeper/config.json"))
    place = image.root / "etc/gatekeeper/config.json"
    place.write_text(json.dumps({**config, "listen": listen, "management": management}))
    place.chmod(0o600)
    os.chown(place, USER, USER)
    command = bundle.plan("gatekeeper/0")["plan"]["services"]["gatekeeper"]["command"].split()
    assert subprocess.run(image.command(*command, "--check")).returncode == 0
    with serving(image.command(*command)) as process:
        url = f"http://{management}/ready"
        answer = patiently(lambda: httpx.get(url))
        assert answer.status_code == 200
        assert pathlib.Path(f"/proc/{process.pid}").stat().st_uid == USER


@contextlib.contextmanager
def serving(command: list[str | pathlib.Path]) -> collections.abc.Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)


def patiently(ask: collections.abc.Callable[[], httpx.Response]) -> httpx.Response:
    end = time.monotonic() + 10
    while True:
        try:
            return ask()
        except httpx.TransportError:
            assert time.monotonic() < end
            time.sleep(0.05)


def test_the_rock_runs_what_the_charm_runs(bundle: whole.Whole):
    ours = bundle.plan("gatekeeper/0")["plan"]["services"]
    assert set(ROCK["services"]) == set(ours)
    for name, service in ROCK["services"].items():
        assert service["command"] == ours[name]["command"]
        # Nothing starts before the charm has written a configuration.
        assert service["startup"] == "disabled"


def test_the_reception_has_an_image_and_a_rock_of_the_same_content(bundle: whole.Whole, tmp_path: pathlib.Path):
    path = tmp_path / "reception.oci.tar"
    command = [sys.executable, packing.ROOT / "tools/image", "reception", "--output", path]
    subprocess.run(command, check=True, stdout=subprocess.PIPE)
    found = Image(path, tmp_path)
    assert found.config["config"]["Entrypoint"] == ["/usr/local/bin/reception"]
    rock = yaml.safe_load((packing.ROOT / "workloads/reception/rockcraft.yaml").read_text())
    services = bundle.plan("reception/0")["plan"]["services"]
    assert {name: service["command"] for name, service in rock["services"].items()} == {
        name: service["command"] for name, service in services.items()
    }
    for place in rock["parts"]["configuration"]["permissions"]:
        assert found.members[place["path"]].uid == place["owner"]
    config = tmp_path / "config.json"
    places = {name: f"127.0.0.1:{number}" for number, name in enumerate(("listen", "management"), start=8080)}
    config.write_text(json.dumps({**places, "controller_listen": "127.0.0.1:8082"}))
    if os.getuid() == 0:
        (found.root / "etc/reception/config.json").write_text(config.read_text())
        (found.root / "etc/reception/config.json").chmod(0o644)
        words = ("/usr/local/bin/reception", "--config", "/etc/reception/config.json", "check")
        assert subprocess.run(found.command(*words)).returncode == 0


def test_the_rock_holds_what_the_archive_holds(image: Image):
    for part in ROCK["parts"].values():
        craft_parts.validate_part(part)
    assert ROCK["run-user"] == "_daemon_"
    assert ROCK["parts"]["gatekeeper"]["python-requirements"] == ["requirements.txt"]
    (moved,) = ROCK["parts"]["gatekeeper"]["organize"].values()
    assert moved in image.members
    for place in ROCK["parts"]["configuration"]["permissions"]:
        member = image.members[place["path"]]
        assert (member.uid, member.gid, f"{member.mode:o}") == (place["owner"], place["group"], place["mode"])
