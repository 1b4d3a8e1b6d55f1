# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The options that say who somebody becomes and who is let in, checked one by one. Pure."""

import collections.abc
import re
import ssl

_HEADER = re.compile(r"[a-z0-9-]+")
# Headers with a meaning of their own, in which an identity would be lost or would do harm; the service refuses the
# same, but what the gateway is told must not wait for that.
_TAKEN = re.compile(
    r"(access-control|content|proxy|sec|x-b3|x-envoy|x-forwarded)-.*|x-(auth-token|authorization-check|gatekeeper-peer"
    r"|real-ip|request-id|requested-with)|accept|authorization|connection|cookie|date|expect|forwarded|host|location"
    r"|origin|referer|set-cookie|te|trailer|transfer-encoding|upgrade|user-agent|via|www-authenticate"
)
_SKIP = re.compile(r"(/[A-Za-z0-9._~-]+)+/?")


def words(text: str) -> tuple[str, ...]:
    """Return the entries of a list separated by commas or white space."""
    return tuple(dict.fromkeys(filter(None, re.split(r"[,\s]+", text))))


def names(text: str) -> tuple[str, ...]:
    """Return the entries of a list separated by commas; they may hold spaces."""
    return tuple(dict.fromkeys(filter(None, (part.strip() for part in text.split(",")))))


def header(option: str, text: str) -> str:
    """Return the name of a header in lower case.

    Raises:
        ValueError: it is none.
    """
    if not _HEADER.fullmatch(text.lower()) or _TAKEN.fullmatch(text.lower()):
        raise ValueError(f"{option}: {text!r} must be the name of a header of its own, such as kubeflow-userid")
    return text.lower()


def skipped(option: str, text: str) -> tuple[str, ...]:
    """Return paths that need no login.

    Raises:
        ValueError: one of them is no plain path.
    """
    found = words(text)
    for path in found:
        if not _SKIP.fullmatch(path) or any(re.fullmatch(r"\.+", part) for part in path.split("/")):
            raise ValueError(f"{option}: {path!r} must be a path such as /public, of letters, digits and - . _ ~")
    return found


def certificates(option: str, text: str) -> str:
    """Return certificates in PEM.

    Raises:
        ValueError: they are none.
    """
    # Comments between them may be in any language, and Python takes ASCII only.
    text = text.encode("ascii", "ignore").decode()
    if text.strip():
        try:
            ssl.create_default_context(cadata=text)
        except (ssl.SSLError, ValueError):
            raise ValueError(f"{option}: must be certificates in PEM, set it with {option}=@ca.pem") from None
    return text


def distinct(pairs: collections.abc.Mapping[str, str]) -> None:
    """Compare headers with each other.

    Raises:
        ValueError: two options name the same one.
    """
    seen: dict[str, str] = {}
    for option, name in pairs.items():
        if name and name in seen:
            raise ValueError(f"{option}: must be another header than {name}, which is that of {seen[name]}")
        seen[name] = option
