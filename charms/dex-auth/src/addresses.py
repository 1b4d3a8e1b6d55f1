# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Where the systems behind connectors are, out of their configuration. Pure."""

import typing
import urllib.parse

_HOMES = {
    "bitbucket-cloud": "https://bitbucket.org",
    "gitea": "https://gitea.com",
    "github": "https://github.com",
    "gitlab": "https://gitlab.com",
    "google": "https://accounts.google.com",
    "linkedin": "https://www.linkedin.com",
    "microsoft": "https://login.microsoftonline.com",
}
_URLS = ("baseURL", "apiURL", "issuer", "keystoneHost", "ssoURL", "tokenURL", "authorizationURL", "userInfoURL")


def urls(kind: str, config: dict[str, typing.Any]) -> list[str]:
    """Return what a connector of a type asks over HTTP, none where it does not."""
    if config.get("hostName"):
        return [f"https://{config['hostName']}"]
    found = [config[name] for name in _URLS if config.get(name)]
    return found or ([_HOMES[kind]] if kind in _HOMES else [])


def place(url: str) -> tuple[str, int]:
    """Return host and port of a URL."""
    parts = urllib.parse.urlsplit(url)
    return parts.hostname or "", parts.port or {"http": 80}.get(parts.scheme, 443)
