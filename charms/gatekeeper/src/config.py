# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The operator's words: the charm's options, checked."""

import dataclasses
import re

import rules
from charmkit import transformers, urls

_REDIRECT_CODES = (301, 302, 303, 307)
AUTHENTICATORS = ("kubernetes", "access-token", "session", "id-token", "api-token")
_RENEWALS = ("auto", "header", "redirect")
_SHORTEST_SESSION = 60
_MOST_WORKERS = 64
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
    device_flow: bool = True
    public_url: str = ""
    userid_claim: str = "email"
    userid_prefix: str = ""
    userid_transformers: str = ""
    userid_lowercase: bool = False
    groups_claim: str = "groups"
    allowed_groups: str = ""
    allowed_emails: str = ""
    skip_auth_urls: str = ""
    userid_header: str = "kubeflow-userid"
    groups_header: str = "kubeflow-groups"
    identity_header: str = ""
    ca_bundle: str = ""
    authenticators: str = "session id-token api-token"
    kubernetes_audiences: str = ""
    access_token_audiences: str = ""
    login_redirect_code: int = 302
    session_lifetime: int = 900
    session_renewal: str = "auto"
    refresh_idle_lifetime: int = 24 * 3600
    refresh_lifetime: int = 7 * 24 * 3600
    after_logout_url: str = "/"
    workers: int = 1

    def __post_init__(self) -> None:
        """Check every option."""
        if not _IDENTIFIER.fullmatch(self.client_id):
            raise ValueError(
                f"client-id: {self.client_id!r} must be ASCII text without spaces, such as authservice-oidc"
            )
        if not self.client_name.strip() or not self.client_name.isprintable():
            raise ValueError(f"client-name: {self.client_name!r} must be one line of text, such as Kubeflow")
        self._check_claims()
        self._check_rules()
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
        if not 1 <= self.workers <= _MOST_WORKERS:
            raise ValueError(f"workers: must be from 1 to {_MOST_WORKERS} processes, not {self.workers}")
        if self.session_renewal not in _RENEWALS:
            raise ValueError(f"session-renewal: must be auto, header or redirect, not {self.session_renewal!r}")

    def _check_claims(self) -> None:
        for scope in self.scopes:
            if not _SCOPE.fullmatch(scope):
                raise ValueError(
                    f"oidc-scopes: {scope!r} is not a scope, write them like 'openid profile email groups'"
                )
        for option, name in (("userid-claim", self.userid_claim), ("groups-claim", self.groups_claim)):
            if not _IDENTIFIER.fullmatch(name):
                raise ValueError(f"{option}: {name!r} must be the name of a claim, such as email")

    def _check_rules(self) -> None:
        if not self.userid_prefix.isascii() or not self.userid_prefix.isprintable() or len(self.userid_prefix) > 100:
            raise ValueError(f"userid-prefix: {self.userid_prefix[:100]!r} must be ASCII text in one line")
        transformers.read("userid-transformers", self.userid_transformers)
        rules.skipped("skip-auth-urls", self.skip_auth_urls)
        rules.certificates("ca-bundle", self.ca_bundle)
        rules.distinct(self.headers)
        for name in rules.words(self.authenticators):
            if name not in AUTHENTICATORS:
                raise ValueError(f"authenticators: {name!r} must be one of {', '.join(AUTHENTICATORS)}")
        if "kubernetes" in rules.words(self.authenticators) and not rules.words(self.kubernetes_audiences):
            raise ValueError("kubernetes-audiences: must be set for the authenticator kubernetes, such as kubeflow")
        if self.access_token_audiences and "access-token" not in rules.words(self.authenticators):
            raise ValueError("access-token-audiences: add access-token to authenticators, or leave it empty")

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers that say who somebody is, by their option; the last may be empty."""
        last = self.identity_header
        return {
            "userid-header": rules.header("userid-header", self.userid_header),
            "groups-header": rules.header("groups-header", self.groups_header),
            "identity-header": rules.header("identity-header", last) if last else "",
        }

    @property
    def device_client_id(self) -> str:
        """Return the name of the public client of programs, empty when they get none."""
        return f"{self.client_id}-device" if self.device_flow else ""

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
