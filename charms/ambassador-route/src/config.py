# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The operator's words: the charm's options, checked."""

import dataclasses
import re
import urllib.parse

ENGINES = ("envoy",)
# The container does not run as root, and only root may listen below.
_LOWEST_PORT = 1024
_HIGHEST_PORT = 65535
_DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """The options of the gateway.

    Raises:
        ValueError: an option is wrong; the text begins with its name.
    """

    engine: str = "envoy"
    http_port: int = 8080
    external_url: str = ""

    def __post_init__(self) -> None:
        """Check every option."""
        if self.engine not in ENGINES:
            raise ValueError(f"engine: unknown engine {self.engine!r}, this version has {' and '.join(ENGINES)}")
        if not _LOWEST_PORT <= self.http_port <= _HIGHEST_PORT:
            raise ValueError(f"http-port: must be from {_LOWEST_PORT} to {_HIGHEST_PORT}, not {self.http_port}")
        if self.external_url:
            origin("external-url", self.external_url)

    def url(self, address: str) -> str:
        """Return the public URL without a trailing slash: the option, or else an address and the port.

        Args:
            address: the gateway's own address, empty when it is not known.
        """
        if self.external_url:
            return origin("external-url", self.external_url)
        host = f"[{address}]" if ":" in address else address
        return f"http://{host}:{self.http_port}" if address else ""


def origin(option: str, text: str) -> str:
    """Return a URL of scheme, host and port the way browsers write it.

    Raises:
        ValueError: it is no such URL; the text begins with the option's name.
    """
    example = "write it like https://kubeflow.example.com"
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError(f"{option}: {text!r} is not a URL, {example}")
    try:
        parts = urllib.parse.urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise ValueError(f"{option}: {text!r} is not a URL ({error}), {example}") from None
    if parts.scheme not in _DEFAULT_PORTS:
        raise ValueError(f"{option}: {text!r} must begin with http:// or https://, {example}")
    if ":" not in host and not _HOST.fullmatch(host):
        raise ValueError(f"{option}: {text!r} has no valid host, {example}")
    if "@" in parts.netloc or "?" in text or "#" in text or parts.path.strip("/"):
        raise ValueError(f"{option}: {text!r} must hold scheme, host and port only, {example}")
    if port == 0:
        raise ValueError(f"{option}: {text!r} has no valid port, {example}")
    name = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{name}" + (f":{port}" if port not in (None, _DEFAULT_PORTS[parts.scheme]) else "")
