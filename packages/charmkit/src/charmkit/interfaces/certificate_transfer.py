# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Interface `certificate_transfer`, v0 and v1: certificates of authorities that an application shall trust.

In v1 the provider's application writes the list `certificates`. In v0 each of its units writes `ca` and the list
`chain`, beside its own `certificate`, which is no authority's. Lists are JSON.
"""

import collections.abc
import json
import re
import ssl
import typing

from charmkit.interfaces import sdi

Bag = collections.abc.Mapping[str, str]
# Characters of one application; what every browser trusts has a fifth of it.
_LONGEST = 1_000_000
_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)


def write() -> dict[str, str]:
    """Return the application databag of the side that trusts: it reads v1, and who knows only v0 passes over this."""
    return {"version": "1"}


def read(bag: Bag, units: collections.abc.Iterable[Bag] = ()) -> tuple[str, ...]:
    """Return the certificates in PEM, each once and in order, none while the other side has sent none.

    Args:
        bag: the provider's application databag.
        units: the databags of its units, which count where the application has written no list.

    Raises:
        sdi.InterfaceError: there is something that is no certificate.
    """
    if "certificates" in bag:
        given = _texts(bag["certificates"], "certificates")
    else:
        given = [text for unit in units for text in _unit(unit)]
    if sum(map(len, given)) > _LONGEST:
        raise sdi.InterfaceError(f"the certificates have more than {_LONGEST} characters")
    return tuple(sorted({block for text in given for block in _blocks(text)}))


def _unit(bag: Bag) -> list[str]:
    chain = _texts(bag["chain"], "chain") if bag.get("chain") else []
    return [*chain, *([bag["ca"]] if bag.get("ca") else [])]


def _texts(text: str, key: str) -> list[str]:
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list):
        raise sdi.InterfaceError(f"{key} must be a JSON list of certificates")
    return list(sdi.texts({key: typing.cast("list[object]", found)}, key))


def _blocks(text: str) -> collections.abc.Iterator[str]:
    """Yield the blocks of a PEM text, without what tools print around them."""
    blocks = list(_BLOCK.finditer(text))
    if not blocks:
        raise sdi.InterfaceError("there is something among the certificates that is no PEM certificate")
    for block in blocks:
        if block[1] != "CERTIFICATE":
            raise sdi.InterfaceError(f"there is a block {block[1][:40]} among the certificates")
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=block[0])
        except (ssl.SSLError, ValueError):
            raise sdi.InterfaceError("one of the certificates cannot be read") from None
        yield block[0]
