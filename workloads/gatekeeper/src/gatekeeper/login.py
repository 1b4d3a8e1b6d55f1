# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Attempts to log in: authorization code flow with PKCE, nonce and a state bound to the browser, kept by the browser.

Each attempt has a sealed cookie of its own, so that tabs, replicas and restarts do not disturb each other. The state
parameter is sealed too and carries the page that was asked for, so that a late callback still knows where to go.
"""

import collections.abc
import dataclasses
import hashlib
import json
import re
import secrets
import typing
import urllib.parse

from gatekeeper import sealed, settings

COOKIE = "authservice_login_"
# Seconds that a person may take to type a password.
LIFETIME = 1800
# More attempts than this in one browser are abandoned ones.
MOST = 5
LONGEST_RETURN = 2000
_NAME = re.compile(rf"{COOKIE}([0-9a-f]{{8}})_([A-Za-z0-9_-]{{16}})")
_ESCAPED_SLASHES = re.compile(r"^/(%2f|%5c|%0|%1|%20|%7f)", re.IGNORECASE)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Attempt:
    """One attempt to log in, as its cookie keeps it."""

    nonce: str
    verifier: str
    target: str
    began: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Begun:
    """Where to send the browser, and what to let it keep.

    Attributes:
        location: the provider's authorization endpoint with all parameters.
        cookies: values of Set-Cookie headers.
    """

    location: str
    cookies: tuple[str, ...]


def safe_target(target: str) -> str:
    """Return a path with its query that surely stays on this site, or / in place of anything else.

    Browsers read \\ as /, drop tabs and line breaks, and take // for the beginning of another host.
    """
    if len(target) > LONGEST_RETURN or not target.startswith("/") or not target.isascii() or not target.isprintable():
        return "/"
    if target[1:2] in ("/", "\\") or "\\" in target or " " in target or _ESCAPED_SLASHES.match(target):
        return "/"
    return target


class Logins:
    """Begins attempts and recognises them at the callback."""

    def __init__(self, config: settings.Settings) -> None:
        """Prepare the keys."""
        self._config = config
        self._sealer = sealed.Sealer(config.state_keys)

    def begin(self, endpoint: str, target: str, cookies: collections.abc.Iterable[str], now: float) -> Begun:
        """Begin an attempt.

        Args:
            endpoint: the provider's authorization endpoint.
            target: the path and query that was asked for.
            cookies: the names of the cookies that the browser sent.
            now: seconds since the epoch.
        """
        target = safe_target(target)
        name = f"{COOKIE}{int(now):08x}_{secrets.token_urlsafe(12)}"
        attempt = Attempt(
            nonce=secrets.token_urlsafe(16), verifier=secrets.token_urlsafe(32), target=target, began=int(now)
        )
        value = self._sealer.seal(_dump(dataclasses.asdict(attempt)), name)
        state = self._sealer.seal(_dump({"name": name, "target": target}), "state")
        challenge = sealed.encode(hashlib.sha256(attempt.verifier.encode()).digest())
        query = {
            "client_id": self._config.client_id,
            "response_type": "code",
            "scope": " ".join(self._config.scopes),
            "redirect_uri": f"{self._config.public_url}{self._config.callback_path}",
            "state": state,
            "nonce": attempt.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        joint = "&" if "?" in endpoint else "?"
        old = sorted(cookie for cookie in cookies if _NAME.fullmatch(cookie))
        cleared = tuple(cookie_header(self._config, cookie, "", 0) for cookie in old[: max(0, len(old) - MOST + 1)])
        return Begun(
            location=f"{endpoint}{joint}{urllib.parse.urlencode(query)}",
            cookies=(cookie_header(self._config, name, value, LIFETIME), *cleared),
        )

    def read_state(self, state: str) -> tuple[str, str] | None:
        """Return cookie name and target of a state that we made, or None."""
        found = _load(self._sealer.open(state, "state"))
        if not found:
            return None
        return str(found["name"]), safe_target(str(found["target"]))

    def read_attempt(self, name: str, value: str, now: float) -> Attempt | None:
        """Return the attempt in a cookie that we made and that is not too old, or None."""
        found = _load(self._sealer.open(value, name))
        if not found:
            return None
        attempt = Attempt(**found)
        return attempt if attempt.began <= now + 60 and now <= attempt.began + LIFETIME else None


def cookie_header(config: settings.Settings, name: str, value: str, age: int) -> str:
    """Return a Set-Cookie header (RFC 6265); age in seconds, 0 removes the cookie."""
    secure = "; Secure" if config.secure else ""
    return f"{name}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{secure}"


def _dump(value: collections.abc.Mapping[str, object]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _load(data: bytes | None) -> dict[str, typing.Any] | None:
    return json.loads(data) if data else None
