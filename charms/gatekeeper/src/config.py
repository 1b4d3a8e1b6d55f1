# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The operator's words: the charm's options, checked."""

import dataclasses
import re

from charmkit import urls

_REDIRECT_CODES = (301, 302, 303, 307)
_RENEWALS = ("auto", "header", "redirect")
_SHORTEST_SESSION = 60
# The longest life of anything that proves who somebody is.
LONGEST = 30 * 24 * 3600
# RFC 6749, appendix A: a client identifier without spaces, and one scope.
_IDENTIFIER = re.compile(r"[\x21-\x7e]+")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """The options of the gatekeeper.

    Raises:
        ValueError: an option is wrong; the text begins with its name.
    """

    client_id: str = "authservice-oidc"
    client_name: str = "Kubeflow"
    oidc_scopes: str = "openid profile email groups"
    public_url: str = ""
    userid_claim: str = "email"
    login_redirect_code: int = 302
    session_lifetime: int = 900
    session_renewal: str = "auto"
    refresh_idle_lifetime: int = 24 * 3600
    refresh_lifetime: int = 7 * 24 * 3600
    after_logout_url: str = "/"

    def __post_init__(self) -> None:
        """Check every option."""
        if not _IDENTIFIER.fullmatch(self.client_id):
            raise ValueError(
                f"client-id: {self.client_id!r} must be ASCII text without spaces, such as authservice-oidc"
            )
        if not self.client_name.strip() or not self.client_name.isprintable():
            raise ValueError(f"client-name: {self.client_name!r} must be one line of text, such as Kubeflow")
        self._check_claims()
        if self.login_redirect_code not in _REDIRECT_CODES:
            raise ValueError(f"login-redirect-code: must be 301, 302, 303 or 307, not {self.login_redirect_code}")
        self._check_lifetimes()
        if self.public_url:
            urls.origin("public-url", self.public_url)
        _check_destination("after-logout-url", self.after_logout_url)

    def _check_lifetimes(self) -> None:
        limits = f"from {_SHORTEST_SESSION} to {LONGEST} seconds"
        for name in ("session_lifetime", "refresh_idle_lifetime", "refresh_lifetime"):
            if not _SHORTEST_SESSION <= (value := getattr(self, name)) <= LONGEST:
                raise ValueError(f"{name.replace('_', '-')}: must be {limits}, not {value}")
        if self.session_renewal not in _RENEWALS:
            raise ValueError(f"session-renewal: must be auto, header or redirect, not {self.session_renewal!r}")

    def _check_claims(self) -> None:
        for scope in self.scopes:
            if not _SCOPE.fullmatch(scope):
                raise ValueError(
                    f"oidc-scopes: {scope!r} is not a scope, write them like 'openid profile email groups'"
                )
        if not self.userid_claim.isprintable() or not self.userid_claim or " " in self.userid_claim:
            raise ValueError(f"userid-claim: {self.userid_claim!r} must be the name of a claim, such as email")

    @property
    def scopes(self) -> tuple[str, ...]:
        """Return the scopes, openid first."""
        return tuple(dict.fromkeys(("openid", *self.oidc_scopes.split())))

    @property
    def public_origin(self) -> str:
        """Return the option `public-url` without a trailing slash, empty when it is not set."""
        return urls.origin("public-url", self.public_url) if self.public_url else ""


def _check_destination(option: str, text: str) -> None:
    """Refuse what a browser could read as another place than the operator did."""
    example = "write it like / or https://www.example.com/bye"
    if text.startswith("/"):
        if text.startswith("//") or "\\" in text or not text.isascii() or not text.isprintable() or " " in text:
            raise ValueError(f"{option}: {text!r} is not a path, {example}")
        return
    if not text.startswith(("http://", "https://")):
        raise ValueError(f"{option}: {text!r} must begin with /, http:// or https://, {example}")
    urls.split(option, text, example)
