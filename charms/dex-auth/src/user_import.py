# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Reads users out of a file of htpasswd or a CSV table. Pure."""

import csv
import dataclasses
import io

import users

_COLUMNS = ("email", "hash", "password", "groups")
_MOST = 5000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One user of a file; without hash and password, they get a generated one."""

    email: str
    hash: str = dataclasses.field(default="", repr=False)
    password: str = dataclasses.field(default="", repr=False)
    groups: tuple[str, ...] = ()


def read(text: str, *, domain: str = "", secret: bool = False) -> tuple[Row, ...]:
    """Return the users of a file: CSV when its first line names the column email, else lines of htpasswd.

    Args:
        text: the file.
        domain: what stands behind the @ of names that have none.
        secret: whether the text came out of a secret; passwords may stand there only.

    Raises:
        UserError: every mistake with its line; nobody is imported then. No password or hash is repeated.
    """
    lines = text.lstrip("\ufeff").strip().splitlines()
    if not lines:
        raise users.UserError("there is nobody in it: lines of htpasswd -B, or CSV with a first line like email,hash")
    if len(lines) > _MOST:
        raise users.UserError(f"{len(lines)} lines are too many, {_MOST} are accepted")
    table = "email" in [name.strip().lower() for name in lines[0].split(",")]
    rows = _table(lines) if table else _htpasswd(lines)
    found: list[Row] = []
    faults: list[str] = []
    for number, cells in rows:
        try:
            row = _row(cells, domain, secret)
            if any(row.email == other.email for other in found):
                raise users.UserError(f"{row.email!r} stands there twice")
            found.append(row)
        except users.UserError as error:
            faults.append(f"line {number}: {error}")
    if faults:
        raise users.UserError("; ".join(faults[:20]))
    return tuple(found)


def _htpasswd(lines: list[str]) -> list[tuple[int, dict[str, str]]]:
    rows: list[tuple[int, dict[str, str]]] = []
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.startswith("#"):
            name, _, rest = line.strip().partition(":")
            rows.append((number, {"email": name, "hash": rest or "-"}))
    return rows


def _table(lines: list[str]) -> list[tuple[int, dict[str, str]]]:
    names = [name.strip().lower() for name in lines[0].split(",")]
    unknown = [name for name in names if name not in _COLUMNS]
    if unknown:
        raise users.UserError(f"line 1: unknown column {unknown[0][:40]!r}, columns are {', '.join(_COLUMNS)}")
    rows: list[tuple[int, dict[str, str]]] = []
    reader = csv.reader(io.StringIO("\n".join(lines[1:])), strict=True)
    try:
        for cells in reader:
            number = reader.line_num + 1
            if len(cells) > len(names):
                raise users.UserError(f"line {number}: it has {len(cells)} cells, the first line names {len(names)}")
            if any(cell.strip() for cell in cells):
                rows.append((number, dict(zip(names, cells, strict=False))))
    except csv.Error as error:
        raise users.UserError(f"line {reader.line_num + 1}: {error}") from None
    return rows


def _row(cells: dict[str, str], domain: str, secret: bool) -> Row:
    name = cells.get("email", "").strip()
    address = users.email(f"{name}@{domain}" if domain and name and "@" not in name else name)
    given, plain = cells.get("hash", "").strip(), cells.get("password", "")
    if given and plain:
        raise users.UserError("only one of hash and password can be there")
    if plain and not secret:
        raise users.UserError("passwords are read from a secret only, see content-secret")
    return Row(
        email=address,
        hash=users.known_hash(given) if given else "",
        password=users.password(plain) if plain else "",
        groups=users.groups(cells.get("groups", "").replace(";", ",")),
    )
