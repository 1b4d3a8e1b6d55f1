# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""A Pebble client that speaks the words of a cluster to its charm and the words of this machine to its Pebble."""

import collections.abc
import contextlib
import io
import json
import os
import pathlib
import typing

import ops
import yaml

from sandbox import words

Json = typing.Any
_LAYERS = "/layers.json"


class LiveClient(ops.pebble.Client):
    """ops' own client, with every text turned at the door.

    The charm's text of each file and layer is kept beside the turned one, so that the charm reads back what it wrote.
    """

    def __init__(self, socket: str, vocabulary: words.Words) -> None:
        """Connect to the Pebble that listens on a Unix socket."""
        super().__init__(socket)
        self._words = vocabulary
        self._kept = pathlib.Path(f"{vocabulary.root}.seen{_LAYERS}")

    # Layers and services.

    def add_layer(self, label: str, layer: Json, *, combine: bool = False) -> None:
        """Add a layer in this machine's words, and keep the charm's."""
        parsed: Json = layer
        if not isinstance(layer, dict):
            parsed = yaml.safe_load(layer if isinstance(layer, str) else layer.to_yaml())
        raw = typing.cast("dict[str, Json]", ops.pebble.Layer(parsed).to_dict())
        super().add_layer(label, typing.cast("ops.pebble.LayerDict", self._words.layer(raw)), combine=combine)
        layers = self._load()
        layers[label] = _combined(layers.get(label, {}), raw) if combine else raw
        _write(self._kept, json.dumps(layers), 0o600)

    def charm_layers(self) -> dict[str, ops.pebble.Layer]:
        """Return the layers as the charm added them, in that order."""
        return {label: ops.pebble.Layer(raw) for label, raw in self._load().items()}

    def get_plan(self) -> ops.pebble.Plan:
        """Return the plan in the charm's words."""
        plan: dict[str, Json] = {}
        for raw in self._load().values():
            plan = _combined(plan, raw)
        return ops.pebble.Plan(yaml.safe_dump(plan))

    def _load(self) -> dict[str, Json]:
        return json.loads(self._kept.read_text()) if self._kept.exists() else {}

    def replan_services(self, timeout: float = 30.0, delay: float = 0.1) -> ops.pebble.ChangeID:
        """Replan."""
        with self._turned():
            return super().replan_services(timeout, delay)

    def start_services(
        self, services: collections.abc.Iterable[str], timeout: float = 30.0, delay: float = 0.1
    ) -> ops.pebble.ChangeID:
        """Start services."""
        with self._turned():
            return super().start_services(services, timeout, delay)

    def stop_services(
        self, services: collections.abc.Iterable[str], timeout: float = 30.0, delay: float = 0.1
    ) -> ops.pebble.ChangeID:
        """Stop services."""
        with self._turned():
            return super().stop_services(services, timeout, delay)

    def restart_services(
        self, services: collections.abc.Iterable[str], timeout: float = 30.0, delay: float = 0.1
    ) -> ops.pebble.ChangeID:
        """Restart services."""
        with self._turned():
            return super().restart_services(services, timeout, delay)

    # Files.

    def push(
        self,
        path: Json,
        source: Json,
        *,
        encoding: str = "utf-8",
        make_dirs: bool = False,
        permissions: int | None = None,
        **_users: Json,
    ) -> None:
        """Write a file in this machine's words; whose it shall be cannot be chosen by an ordinary user."""
        content = source if isinstance(source, str | bytes) else source.read()
        with contextlib.suppress(UnicodeDecodeError):
            content = content if isinstance(content, str) else content.decode(encoding)
        turned = self._words.file(content) if isinstance(content, str) else content
        with self._turned():
            super().push(
                self._words.path(str(path)), turned, encoding=encoding, make_dirs=make_dirs, permissions=permissions
            )
        mode = permissions if permissions is not None else 0o644
        _write(words.seen(self._words.root, str(path)), content, mode)

    def pull(self, path: Json, *, encoding: str | None = "utf-8") -> Json:
        """Read a file as the charm wrote it."""
        with self._turned():
            real = super().pull(self._words.path(str(path)), encoding=encoding)
        kept = words.seen(self._words.root, str(path))
        if not kept.exists():
            return real
        real.close()
        data = kept.read_bytes()
        return io.BytesIO(data) if encoding is None else io.StringIO(data.decode(encoding))

    def list_files(self, path: Json, *, pattern: str | None = None, itself: bool = False) -> list[ops.pebble.FileInfo]:
        """List files by their paths in the container."""
        with self._turned():
            found = super().list_files(self._words.path(str(path)), pattern=pattern, itself=itself)
        for info in found:
            info.path = self._words.back(info.path)
        return found

    def make_dir(
        self, path: Json, *, make_parents: bool = False, permissions: int | None = None, **_users: Json
    ) -> None:
        """Make a directory."""
        with self._turned():
            super().make_dir(self._words.path(str(path)), make_parents=make_parents, permissions=permissions)

    def remove_path(self, path: Json, *, recursive: bool = False) -> None:
        """Remove a file or directory."""
        import shutil

        with self._turned():
            super().remove_path(self._words.path(str(path)), recursive=recursive)
        kept = words.seen(self._words.root, str(path))
        if kept.is_dir():
            shutil.rmtree(kept)
        else:
            kept.unlink(missing_ok=True)

    def exec(self, command: list[str], **options: Json) -> Json:
        """Run a program of the container for real."""
        turned = [self._words.programs.get(command[0], self._words.value(command[0]))]
        turned += [self._words.value(word) for word in command[1:]]
        for name in ("user", "user_id", "group", "group_id"):
            options.pop(name, None)
        if options.get("environment"):
            options["environment"] = self._words.environment(options["environment"])
        if options.get("working_dir"):
            options["working_dir"] = self._words.path(options["working_dir"])
        with self._turned():
            return _Process(super().exec(turned, **options), command, self._words)

    @contextlib.contextmanager
    def _turned(self) -> collections.abc.Generator[None]:
        """Turn the text of errors back."""
        try:
            yield
        except ops.pebble.ChangeError as error:
            for task in error.change.tasks:
                task.log = [self._words.back(line) for line in task.log]
            raise ops.pebble.ChangeError(self._words.back(error.err), error.change) from None
        except ops.pebble.PathError as error:
            raise ops.pebble.PathError(error.kind, self._words.back(error.message)) from None
        except ops.pebble.APIError as error:
            raise ops.pebble.APIError(error.body, error.code, error.status, self._words.back(error.message)) from None


class _Process:
    """A process that a charm started, whose words are turned back."""

    def __init__(self, process: Json, command: list[str], vocabulary: words.Words) -> None:
        self._process = process
        self._command = command
        self._words = vocabulary

    def wait_output(self) -> tuple[Json, Json]:
        """Wait for the end of the process, and return what it wrote."""
        try:
            stdout, stderr = self._process.wait_output()
        except ops.pebble.ExecError as raised:  # pyright: ignore[reportUnknownVariableType] - its parameter is the caller's
            error = typing.cast("ops.pebble.ExecError[Json]", raised)
            raise ops.pebble.ExecError(
                self._command, error.exit_code, self._text(error.stdout), self._text(error.stderr)
            ) from None
        return self._text(stdout), self._text(stderr)

    def _text(self, output: Json) -> Json:
        return self._words.back(output) if isinstance(output, str) else output

    def __getattr__(self, name: str) -> Json:
        return getattr(self._process, name)


def _combined(base: dict[str, Json], layer: collections.abc.Mapping[str, Json]) -> dict[str, Json]:
    """Lay one layer over another as Pebble does: override replaces or merges an entry."""
    result: dict[str, dict[str, Json]] = {}
    for section in ("services", "checks", "log-targets"):
        entries: dict[str, Json] = dict(base.get(section) or {})
        theirs: dict[str, Json] = layer.get(section) or {}
        for name, entry in theirs.items():
            merge = entry.get("override") == "merge" and name in entries
            entries[name] = {**entries[name], **entry} if merge else dict(entry)
        if entries:
            result[section] = entries
    return result


def _write(path: pathlib.Path, content: str | bytes, mode: int) -> None:
    """Write a file whole, with its mode from the beginning."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f"{path.name}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode & 0o600 or 0o600)
    with open(descriptor, "wb") as out:
        out.write(content.encode() if isinstance(content, str) else content)
    draft.replace(path)
