# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The operator's words: the charm's options, checked."""

import dataclasses

from charmkit import urls

ENGINES = ("envoy",)
# The container does not run as root, and only root may listen below.
_LOWEST_PORT = 1024
_HIGHEST_PORT = 65535


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
            urls.origin("external-url", self.external_url)

    def url(self, address: str) -> str:
        """Return the public URL without a trailing slash: the option, or else an address and the port.

        Args:
            address: the gateway's own address, empty when it is not known.
        """
        if self.external_url:
            return urls.origin("external-url", self.external_url)
        host = f"[{address}]" if ":" in address else address
        return f"http://{host}:{self.http_port}" if address else ""
