# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""References to Juju secrets in options: `secret:<id>`, `secret:<id>#<key>`, and `${secret:<id>#<key>}` in a text."""

import collections.abc
import re

# By id, the content of a secret, or None when this application may not read it.
Contents = collections.abc.Mapping[str, collections.abc.Mapping[str, str] | None]
_URI = r"secret:(?://[0-9a-f-]{36}/)?(?P<id>[0-9a-z]{20})(?:#(?P<key>[a-z0-9-]+))?"
_ANYWHERE = re.compile(rf"{_URI}(?![0-9a-z])")
_WHOLE = re.compile(_URI)
_INSIDE = re.compile(rf"\$\{{{_URI}\}}")
_BEGINNING = re.compile(r"\$\{secret:")


def named(*texts: str) -> tuple[str, ...]:
    """Return the ids of all secrets that texts name, each once."""
    return tuple(dict.fromkeys(found["id"] for text in texts for found in _ANYWHERE.finditer(text)))


def is_one(text: str) -> bool:
    """Return whether a text takes something from a secret, or means to."""
    return text.startswith("secret:") or _BEGINNING.search(text) is not None


def resolve(text: str, contents: Contents, *, app: str) -> str:
    """Return a text with what its references mean.

    Raises:
        ValueError: a reference leads nowhere; the text repeats no value and names the command that helps.
    """
    if text.startswith("secret:"):
        whole = _WHOLE.fullmatch(text)
        if whole is None:
            # Not repeated: a password can begin like this.
            raise ValueError("it begins with secret: and is no reference; write secret:<id> or secret:<id>#<key>")
        return _value(whole, contents, app)
    result = _INSIDE.sub(lambda found: _value(found, contents, app), text)
    if len(_BEGINNING.findall(text)) > len(_INSIDE.findall(text)):
        raise ValueError("what follows ${secret: is no reference; write ${secret:<id>} or ${secret:<id>#<key>}")
    return result


def _value(found: re.Match[str], contents: Contents, app: str) -> str:
    identifier, key = found["id"], found["key"]
    content = contents.get(identifier)
    if content is None:
        raise ValueError(f"cannot read the secret {identifier}: juju grant-secret {identifier} {app}")
    keys = ", ".join(sorted(content))
    if key is None:
        if len(content) != 1:
            raise ValueError(f"the secret {identifier} has the keys {keys}: write secret:{identifier}#<key>")
        (key,) = content
    if key not in content:
        raise ValueError(f"the secret {identifier} has no key {key!r}, it has {keys}")
    # A file that `juju add-secret name#file=` read ends in a line break that nobody means.
    return content[key].rstrip("\r\n")
