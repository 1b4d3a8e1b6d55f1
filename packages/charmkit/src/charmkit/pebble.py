# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Brings a container to a desired state through Pebble, writing and restarting only what differs."""

import collections.abc
import typing

import ops

from charmkit import desired

LABEL = "charm"


def write(container: ops.Container, files: collections.abc.Iterable[desired.File]) -> tuple[str, ...]:
    """Push the files whose text differs from what the container holds, and return their paths.

    Pebble writes to a new file and renames it, so that a watching process never reads half a file.
    """
    written: list[str] = []
    for file in files:
        if read(container, file.path) != file.text:
            container.push(file.path, file.text, make_dirs=True, permissions=file.mode)
            written.append(file.path)
    return tuple(written)


def read(container: ops.Container, path: str) -> str | None:
    """Return a file's text, or None when there is no such file."""
    try:
        with container.pull(path) as file:
            return file.read()
    except ops.pebble.PathError as error:
        if error.kind != "not-found":
            raise
        return None


def apply(container: ops.Container, state: desired.Desired) -> tuple[str, ...]:
    """Write the files, add the layer and replan; return the paths that were written.

    Raises:
        ops.pebble.ChangeError: a service did not start, or ended within its first second.
    """
    written = write(container, state.files)
    container.add_layer(LABEL, typing.cast("ops.pebble.LayerDict", state.layer), combine=True)
    container.replan()
    return written


def running(container: ops.Container, service: str) -> bool:
    """Return whether a service is in the plan and runs."""
    found = container.get_services(service).get(service)
    return found is not None and found.is_running()


def check_is_up(container: ops.Container, check: str) -> bool:
    """Return whether a check is in the plan and its status is up."""
    found = container.get_checks(check).get(check)
    return found is not None and found.status == ops.pebble.CheckStatus.UP


def stop(container: ops.Container, service: str) -> None:
    """Stop a service if it is in the plan and runs, or waits to be started again."""
    if service in container.get_services(service):
        container.stop(service)


def output(container: ops.Container, command: collections.abc.Sequence[str], *, timeout: float) -> str:
    """Return what a program prints that ends by itself; nothing where it fails."""
    try:
        said, _ = container.exec(list(command), timeout=timeout, working_dir=_ANYWHERE).wait_output()
    except (ops.pebble.ExecError, ops.pebble.ChangeError, ops.pebble.TimeoutError, ops.pebble.APIError):
        return ""
    return said


# Else Pebble goes to the user's home, which rocks do not have.
_ANYWHERE = "/"
# Begins what a rehearsal says of a program that neither ended nor served.
SILENT = "it did not begin to serve in time"


class _Heard:
    """A file that keeps what a program says, and ends the program at a word that proves that it serves."""

    def __init__(self, word: str) -> None:
        self.text = ""
        self.found = False
        self._word = word
        self._process: ops.pebble.ExecProcess[str] | None = None

    def write(self, text: str) -> int:
        """Keep some text."""
        self.text += text
        if self._word and not self.found and self._word in self.text:
            self.found = True
            self._end()
        return len(text)

    def flush(self) -> None:
        """Do nothing: all is kept at once."""

    def attach(self, process: "ops.pebble.ExecProcess[str]") -> None:
        """Remember which program speaks; it may have said the word already."""
        self._process = process
        if self.found:
            self._end()

    def _end(self) -> None:
        if self._process is not None:
            self._process.send_signal("SIGKILL")


def rehearse(
    container: ops.Container,
    command: collections.abc.Sequence[str],
    *,
    timeout: float,
    environment: collections.abc.Mapping[str, str] | None = None,
    serving: str = "",
) -> str | None:
    """Run a program on a candidate configuration, and return what it said when it refused it.

    Args:
        container: where to run it.
        command: the program and its arguments.
        timeout: seconds after which it is ended.
        environment: its environment.
        serving: a word that it prints once it serves, and is ended at; without one, a program that still runs at the
            time limit has accepted its configuration.
    """
    heard = _Heard(serving)
    try:
        # Both streams in one, because the last words of a program can stand on either.
        process = container.exec(
            list(command),
            environment=dict(environment or {}),
            timeout=timeout,
            working_dir=_ANYWHERE,
            combine_stderr=True,
            stdout=typing.cast("typing.TextIO", heard),
        )
        heard.attach(process)
        process.wait()
    except ops.pebble.ExecError as error:  # pyright: ignore[reportUnknownVariableType] - its parameter cannot be named here
        refusal = typing.cast("ops.pebble.ExecError[str]", error)
        return None if heard.found else heard.text.strip() or f"exit code {refusal.exit_code}"
    except (ops.pebble.ChangeError, ops.pebble.TimeoutError):
        # Pebble ended the program at the time limit.
        return SILENT if serving and not heard.found else None
    return None
