# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What a text of a connector must look like: a URL, a path, host and port, an LDAP filter. Pure."""

import collections.abc
import re
import urllib.parse

import certificates
import connector_shapes
from charmkit import urls

_ADDRESS = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:(\d{1,5}))?")
_URL_EXAMPLE = "write it like https://id.example.com"


def url(value: str) -> urllib.parse.SplitResult:
    """Return the parts of a URL.

    Raises:
        ValueError: it is none.
    """
    try:
        return urls.split("url", value, _URL_EXAMPLE)
    except ValueError as error:
        raise ValueError(str(error).removeprefix("url: ")) from None


def path(value: str) -> None:
    """Check the path of a file.

    Raises:
        ValueError: it is none.
    """
    if certificates.is_pem(value):
        raise ValueError("a path of a file is expected; PEM itself belongs under rootCAData, rootCAs or caData")
    if not value.startswith("/"):
        raise ValueError("a path of a file in Dex's container is expected, and begins with /")


def _address(value: str) -> None:
    if "://" in value:
        raise ValueError("it is host and port, not a URL: leave out what stands before the host")
    found = _ADDRESS.fullmatch(value)
    if found is None or not 0 < int(found[3] or 1) < 65536:
        raise ValueError("it is no host and port, write it like ldap.example.org:636")


def _host(value: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9.-]+(:\d{1,5})?", value):
        raise ValueError("it is no host name, write it like github.example.com")


def _filter(value: str) -> None:
    """Refuse what is no filter of RFC 4515 at first sight; Dex puts it into a larger one without looking."""
    depth = 0
    plain = re.sub(r"\\[0-9a-fA-F]{2}", "", value.strip())
    for number, character in enumerate(plain):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth < 1 and number < len(plain) - 1:
            break
    if depth != 0 or not plain.startswith("(") or not plain.endswith(")"):
        raise ValueError("it is no LDAP filter in balanced brackets, write it like (objectClass=person)")


_CHECKS: collections.abc.Mapping[str, collections.abc.Callable[[str], None]] = {
    "address": _address,
    "host": _host,
    "filter": _filter,
}


def check(form: connector_shapes.Form, value: str) -> None:
    """Check a text of one of the other forms.

    Raises:
        ValueError: it has another form; the text says what would be right.
    """
    if form in _CHECKS:
        _CHECKS[form](value)
