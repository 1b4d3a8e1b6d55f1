# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The name of somebody's profile, which is also that of their namespace. Pure."""

import collections.abc
import hashlib
import re

# RFC 1123: a label of the domain name system, which the name of a namespace is.
LONGEST = 63
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_OTHER = re.compile(r"[^a-z0-9-]")
_GROUP = re.compile(r"\$(?:\{(\d+)\}|(\d+))")
_DIGEST = 8

Rules = collections.abc.Sequence[tuple[re.Pattern[str], str]]


class NamingError(ValueError):
    """Nothing of a user id can stand in a name."""


def is_label(name: str) -> bool:
    """Return whether a namespace can have this name."""
    return len(name) <= LONGEST and _LABEL.fullmatch(name) is not None


def profile_name(userid: str, *, prefix: str, rules: Rules = ()) -> str:
    """Return the name of the profile of a user: prefix, dash, user id, with a dash for what a name cannot hold.

    Different users can come to the same name; whoever uses it must compare owners.

    Args:
        userid: the user id, as the gateway says it.
        prefix: what every name begins with; may be empty.
        rules: patterns and replacements; only the first that matches is applied.

    Raises:
        NamingError: no letter or digit is left.
    """
    plain = _OTHER.sub("-", _transformed(userid, rules).lower()).strip("-")
    if not plain:
        raise NamingError(f"no letter or digit of {userid[:100]!r} can stand in the name of a profile")
    name = f"{prefix}-{plain}" if prefix else plain
    if len(name) <= LONGEST:
        return name
    # Cut off, two long names could meet: what tells them apart stands at the end.
    digest = hashlib.sha256(userid.encode()).hexdigest()[:_DIGEST]
    return f"{name[: LONGEST - _DIGEST - 1].rstrip('-')}-{digest}"


def template(replaces: str) -> str:
    r"""Return a replacement in the words of Python: backslashes are letters, $1 is what the first group matched."""
    return _GROUP.sub(lambda found: rf"\g<{found[1] or found[2]}>", replaces.replace("\\", "\\\\"))


def _transformed(userid: str, rules: Rules) -> str:
    for pattern, replacement in rules:
        if pattern.search(userid):
            return pattern.sub(replacement, userid)
    return userid
