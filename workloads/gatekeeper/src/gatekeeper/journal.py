# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Records in files: a journal of this container's own, and what the charm writes for the service to read."""

import collections.abc
import logging
import os
import pathlib

import pydantic

from gatekeeper import revocation

logger = logging.getLogger(__name__)

_LONGEST_LINE = 10_000
_MOST_AT_ONCE = 1 << 20


class Journal:
    """Records, one a line, appended by every process of the service that has news and read by the others.

    A file that cannot be written costs what a restart would forget; the service goes on without it.
    """

    def __init__(self, path: str) -> None:
        self._path = pathlib.Path(path) if path else None
        self._read = 0
        self._rest = b""
        self._failed = False

    def compact(self, now: float) -> None:
        """Write the file anew without what has ended; only before any process reads it."""
        if self._path is None or not self._path.exists():
            return
        self._read, self._rest = 0, b""
        records: list[revocation.Record] = []
        while more := self.news():
            records += more
        kept = {record.key: record for record in records if record.expires > now}
        scratch = self._path.with_name(self._path.name + ".new")
        try:
            scratch.unlink(missing_ok=True)
            _append(scratch, kept.values())
            if kept:
                scratch.replace(self._path)
            else:
                self._path.unlink()
        except OSError as error:
            self._complain(error)
        self._read, self._rest = 0, b""

    def append(self, records: collections.abc.Collection[revocation.Record]) -> None:
        """Write records, and return when they are on the disk."""
        if self._path is None or not records:
            return
        try:
            _append(self._path, records)
        except OSError as error:
            self._complain(error)

    def append_or_fail(self, records: collections.abc.Collection[revocation.Record]) -> None:
        """Write records, or say that they cannot be kept.

        Raises:
            OSError: they were not written.
        """
        if self._path is None:
            raise FileNotFoundError(2, "no journal is configured")
        _append(self._path, records)

    def news(self) -> list[revocation.Record]:
        """Return what was appended since the last time, by whomever."""
        if self._path is None:
            return []
        try:
            with self._path.open("rb") as file:
                file.seek(self._read)
                data = file.read(_MOST_AT_ONCE)
        except FileNotFoundError:
            return []
        except OSError as error:
            self._complain(error)
            return []
        self._read += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._rest = self._rest[:_LONGEST_LINE]
        return [record for line in lines if (record := read(line)) is not None]

    def _complain(self, error: OSError) -> None:
        if not self._failed:
            logger.error("cannot keep what is taken back over a restart: %s", error.strerror)
        self._failed = True


class Watched(pydantic.BaseModel):
    """What the charm says: where the other units are, and what it has taken back itself."""

    model_config = pydantic.ConfigDict(frozen=True, strict=True, hide_input_in_errors=True)

    peers: tuple[str, ...] = ()
    records: tuple[revocation.Record, ...] = ()


class Watch:
    """Reads a file again when it has changed."""

    def __init__(self, path: str) -> None:
        self._path = pathlib.Path(path) if path else None
        self._seen: tuple[int, int, int] | None = None

    def news(self) -> Watched | None:
        """Return what stands in the file if that has changed since the last time, and can be understood."""
        if self._path is None:
            return None
        try:
            status = self._path.stat()
            seen = (status.st_mtime_ns, status.st_size, status.st_ino)
            if seen == self._seen:
                return None
            found = Watched.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, pydantic.ValidationError):
            # Half a file at worst: Pebble renames whole ones, and the next look finds it.
            logger.warning("cannot read %s", self._path)
            return None
        self._seen = seen
        return found


def read(line: bytes) -> revocation.Record | None:
    """Return the record of a line, or None if it is none."""
    try:
        return revocation.Record.model_validate_json(line) if line else None
    except pydantic.ValidationError:
        return None


def write(record: revocation.Record) -> bytes:
    """Return a record as a line, without its end."""
    return record.model_dump_json(exclude_defaults=True).encode()


def _append(path: pathlib.Path, records: collections.abc.Iterable[revocation.Record]) -> None:
    data = b"".join(write(record) + b"\n" for record in records)
    # One write at the end of the file: lines of several processes do not mix.
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
