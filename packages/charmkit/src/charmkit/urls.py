# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Reads URLs that an operator typed; what is wrong with one is said with the option's name and an example."""

import re
import urllib.parse

_DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")


def origin(option: str, text: str) -> str:
    """Return a URL of scheme, host and port the way browsers write it.

    Raises:
        ValueError: it is no such URL; the text begins with the option's name.
    """
    example = "write it like https://kubeflow.example.com"
    parts = split(option, text, example)
    host, port = parts.hostname or "", parts.port
    if "?" in text or "#" in text or parts.path.strip("/"):
        raise ValueError(f"{option}: {text!r} must hold scheme, host and port only, {example}")
    name = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{name}" + (f":{port}" if port not in (None, _DEFAULT_PORTS[parts.scheme]) else "")


def split(option: str, text: str, example: str) -> urllib.parse.SplitResult:
    """Return the parts of an http or https URL.

    Raises:
        ValueError: it is none; the text begins with the option's name and ends with the example.
    """
    if not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        raise ValueError(f"{option}: {text!r} is not a URL, {example}")
    try:
        parts = urllib.parse.urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise ValueError(f"{option}: {text!r} is not a URL ({error}), {example}") from None
    if "@" in parts.netloc:
        # Not repeated: before the @ there may be a password.
        raise ValueError(f"{option}: it must hold no user, {example}")
    if parts.scheme not in _DEFAULT_PORTS:
        raise ValueError(f"{option}: {text!r} must begin with http:// or https://, {example}")
    if port == 0 or (":" not in host and not _HOST.fullmatch(host)):
        raise ValueError(f"{option}: {text!r} has no valid host and port, {example}")
    return parts
