# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Attempts to log in: what begins one, and what must come back with the browser to end it. Nothing is stored here."""

import base64
import collections.abc
import dataclasses
import hashlib
import json
import re
import secrets
import typing
import urllib.parse

from gatekeeper import cookies, sealed, settings

# How long a login page may stay open.
LIFETIME = 1800
MOST_ATTEMPTS = 5
COOKIE = "authservice_login_"
_MOST_DELETED = 20
_LONGEST_PATH = 2000
_STATE = b"state"
_NAME = re.compile(rb"authservice_login_([0-9a-f]{8,12})_[A-Za-z0-9_-]{8,32}")
# A path that some reader takes for another site's address: //host, /\host, also behind dot segments.
_ANOTHER_SITE = re.compile(rb"/(\.{1,2}/)*[/\\]")
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_PRINTABLE = re.compile(rb"[\x21-\x7e]+")
_DECODINGS = 4


@dataclasses.dataclass(frozen=True, kw_only=True)
class Begun:
    """A login under way: where to send the browser, and which cookies to give it."""

    url: str
    cookies: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class State:
    """What the provider carries from redirect to callback.

    Attributes:
        attempt: the name of the cookie that must come with it.
        path: the page first asked for.
        rounds: how many attempts in a row came to nothing before this one.
    """

    attempt: str
    path: str
    rounds: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Attempt:
    """What the browser keeps from redirect to callback, sealed."""

    nonce: str
    verifier: str


class Logins:
    """Begins logins, and recognizes them when they come back.

    Two sealed texts must meet again: the state, which went through the provider, and the cookie it names, which never
    left the browser. So any number of logins go on side by side, any replica can end them, and nobody can end one in
    another's browser. The page asked for travels in the state alone: cookies reach every application, and some of them
    cannot read long ones.
    """

    def __init__(
        self,
        options: settings.Settings,
        sealer: sealed.Sealer,
        *,
        token: collections.abc.Callable[[int], str] = secrets.token_urlsafe,
    ) -> None:
        self._options = options
        self._sealer = sealer
        self._token = token

    def begin(self, endpoint: str, path: str, sent: list[bytes], now: float, *, rounds: int = 0) -> Begun:
        """Begin a login at the provider's authorization endpoint, for a browser that sent these cookies."""
        name = f"{COOKIE}{int(now):08x}_{self._token(9)}"
        attempt = Attempt(nonce=self._token(16), verifier=self._token(32))
        text = json.dumps([attempt.nonce, attempt.verifier, int(now)]).encode()
        keep = cookies.write(
            name, self._sealer.seal(text, purpose=name.encode()), max_age=LIFETIME, secure=self._options.secure
        )
        surplus = attempts(sent)[: -(MOST_ATTEMPTS - 1)][:_MOST_DELETED]
        drop = (cookies.delete(old, secure=self._options.secure) for old in surplus)
        state = self._sealer.seal(json.dumps([name, path, rounds]).encode(), purpose=_STATE)
        return Begun(url=self._url(endpoint, state, attempt), cookies=(keep, *drop))

    def read_state(self, text: str) -> State | None:
        """Return the state that came back, or None if it is not one of ours."""
        content = self._read(text, _STATE)
        match content:
            case [str(attempt), str(path), int(rounds)]:
                return State(attempt=attempt, path=path, rounds=rounds)
            case _:
                return None

    def read_attempt(self, state: State, sent: list[bytes], now: float) -> Attempt | None:
        """Return the attempt that a state belongs to, if this browser began it and not too long ago."""
        name = state.attempt.encode()
        for value in cookies.values(sent, name):
            match self._read(value, name):
                case [str(nonce), str(verifier), int(began)] if now - LIFETIME < began <= now + 60:
                    return Attempt(nonce=nonce, verifier=verifier)
                case _:
                    continue
        return None

    def _read(self, text: str | bytes, purpose: bytes) -> object:
        opened = self._sealer.open(text, purpose=purpose)
        return typing.cast("object", json.loads(opened)) if opened is not None else None

    def _url(self, endpoint: str, state: str, attempt: Attempt) -> str:
        digest = hashlib.sha256(attempt.verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self._options.client_id,
            "redirect_uri": self._options.callback_url,
            "scope": " ".join(self._options.scopes),
            "state": state,
            "nonce": attempt.nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urllib.parse.urlencode(query)}"


def attempts(sent: list[bytes]) -> list[str]:
    """Return the names of the login cookies among those sent, oldest first."""
    found = {name: int(match[1], 16) for name, _ in cookies.pairs(sent) if (match := _NAME.fullmatch(name))}
    return [name.decode("ascii") for name in sorted(found, key=lambda name: (found[name], name))]


def return_path(target: bytes, prefix: str) -> str:
    """Return path and query of a page of this site, or / for whatever could be read as something else."""
    target = target.partition(b"#")[0]
    path, _, _ = target.partition(b"?")
    if len(target) > _LONGEST_PATH or not _PRINTABLE.fullmatch(target) or not target.startswith(b"/"):
        return "/"
    if path.startswith(prefix.encode() + b"/"):
        return "/"
    for _ in range(_DECODINGS):
        if _ANOTHER_SITE.match(path) or _CONTROL.search(path):
            return "/"
        decoded = urllib.parse.unquote_to_bytes(path)
        if decoded == path:
            return target.decode("ascii")
        path = decoded
    return "/"
