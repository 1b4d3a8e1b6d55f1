# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The decision: may this request pass, and if not, what does its sender get. No input or output of its own."""

import collections.abc
import dataclasses
import json
import logging
import re
import typing
import uuid

from gatekeeper import answers, identity, login, pages, provider, session, settings

logger = logging.getLogger(__name__)

Headers = collections.abc.Sequence[tuple[bytes, bytes]]
_REMEMBERED = 50_000
_REFUSED = 5_000
_HOST_COOKIE = "authservice_host"
_NAVIGATION = frozenset({"document", "iframe", "frame", "embed", "object", "fencedframe"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Passed:
    """A remembered credential that passes until its end, with the response made ready."""

    expires: float
    session: str
    answer: answers.Answer
    ready: bytes


@dataclasses.dataclass(frozen=True, kw_only=True)
class Head:
    """What of a request's head the decision looks at."""

    method: str
    target: str
    host: str = ""
    accept: str = ""
    bearer: str | None = None
    tokens: tuple[str, ...] = ()
    cookies: tuple[tuple[str, str], ...] = ()
    requested_with: str = ""
    mode: str = ""
    destination: str = ""
    upgrade: str = ""
    request_id: str = ""

    @property
    def page_load(self) -> bool:
        """Return whether a person would see the answer in the place of a page.

        Scripts and curl say */* or nothing, and rely on the redirect; what calls itself something else gets 401.
        """
        if self.upgrade or self.requested_with.lower() == "xmlhttprequest":
            return False
        if self.mode and self.mode != "navigate":
            return False
        if self.destination and self.destination not in _NAVIGATION:
            return False
        html = "text/html" in self.accept
        if self.method in ("GET", "HEAD"):
            return html or not self.accept or "*/*" in self.accept
        return self.method == "POST" and (html or self.mode == "navigate")


def read(method: str, target: str, headers: Headers, cookie_name: str) -> Head:
    """Return the head of a request; headers as names in lower case, and values, in bytes."""
    found: dict[str, str] = {}
    cookies: list[tuple[str, str]] = []
    tokens: list[str] = []
    bearer = None
    for name, value in headers:
        if name == b"cookie":
            cookies += _cookies(value.decode("latin-1"))
        elif name == b"authorization":
            text = value.decode("latin-1")
            if text[:7].lower() == "bearer ":
                bearer = text[7:].strip()
                tokens.insert(0, bearer)
        elif name == b"x-auth-token":
            tokens.append(value.decode("latin-1").strip())
        else:
            found[name.decode("latin-1")] = value.decode("latin-1")
    tokens += [value for name, value in cookies if name == cookie_name]
    return Head(
        method=method,
        target=target,
        host=found.get("host", ""),
        accept=found.get("accept", "").lower(),
        bearer=bearer,
        tokens=tuple(tokens),
        cookies=tuple(cookies),
        requested_with=found.get("x-requested-with", ""),
        mode=found.get("sec-fetch-mode", "").lower(),
        destination=found.get("sec-fetch-dest", "").lower(),
        upgrade=found.get("upgrade", ""),
        request_id=request_id(found.get("x-request-id", "")),
    )


def request_id(given: str) -> str:
    """Return the request id that a gateway gave, or a new one when it is not the shape of one."""
    return given if _REQUEST_ID.fullmatch(given) else str(uuid.uuid4())


def _cookies(text: str) -> typing.Iterator[tuple[str, str]]:
    """Yield the pairs of a Cookie header (RFC 6265, section 4.2), the malformed ones left out."""
    for part in text.split(";"):
        name, equals, value = part.partition("=")
        if equals:
            yield name.strip(), value.strip().strip('"')


class Checker:
    """Decides, and remembers what it verified."""

    def __init__(
        self,
        config: settings.Settings,
        sessions: session.Sessions,
        logins: login.Logins,
        oidc: provider.Provider,
    ) -> None:
        """Remember nothing yet."""
        self._config = config
        self._sessions = sessions
        self._logins = logins
        self._provider = oidc
        self._passed: dict[str, Passed] = {}
        self._refused: dict[str, float] = {}
        self.own = f"{config.prefix}/"

    def remembered(self, tokens: collections.abc.Iterable[str], now: float) -> Passed | None:
        """Return the first credential that is known to pass and has not ended."""
        for token in tokens:
            found = self._passed.get(token)
            if found is None:
                continue
            if found.expires > now and not self._sessions.revoked(found.session):
                return found
            del self._passed[token]
        return None

    def decide(self, head: Head, now: float) -> answers.Answer | None:
        """Return the answer to a check, or None when the provider has to be asked first."""
        found = self.remembered(head.tokens, now)
        if found:
            return found.answer
        for token in head.tokens:
            if token in self._refused and self._refused[token] > now:
                continue
            passed = self._verify(token, now)
            if passed is None:
                return None
            if passed:
                return passed.answer
        return self.refuse(head, now)

    async def decide_slowly(self, head: Head, now: float) -> answers.Answer:
        """Return the answer to a check, asking the provider where needed."""
        for token in head.tokens:
            passed = self._verify(token, now)
            if passed is None:
                passed = await self._ask(token, now)
            if passed:
                return passed.answer
        return self.refuse(head, now)

    def session(self, tokens: collections.abc.Iterable[str], now: float) -> session.Session | None:
        """Return the first of our own sessions among credentials."""
        for token in tokens:
            header = session.header_of(token)
            found = self._sessions.verify(token, header, now) if header else None
            if found:
                return found
        return None

    def _verify(self, token: str, now: float) -> Passed | typing.Literal[False] | None:
        """Return what a credential is worth: a pass, nothing, or None while its key is not known."""
        header = session.header_of(token)
        if header is None:
            return self._refuse(token, now)
        if self._sessions.knows(header):
            found = self._sessions.verify(token, header, now)
            return self._pass(token, found.identity, found.expires, found.id) if found else self._refuse(token, now)
        try:
            claims = self._provider.verify_now(token, header, now)
            return self._pass_claims(token, claims) if claims is not None else None
        except (provider.TokenError, identity.IdentityError):
            return self._refuse(token, now)

    async def _ask(self, token: str, now: float) -> Passed | typing.Literal[False]:
        try:
            return self._pass_claims(token, await self._provider.verify(token, now))
        except (provider.TokenError, identity.IdentityError):
            return self._refuse(token, now)

    def _pass_claims(self, token: str, claims: provider.Claims) -> Passed:
        who = identity.of(claims, userid_claim=self._config.userid_claim)
        return self._pass(token, who, float(claims["exp"]), "")

    def _pass(self, token: str, who: identity.Identity, expires: float, identifier: str) -> Passed:
        headers = (
            (self._config.userid_header, who.user),
            # Always there, so that it takes the place of whatever a client sent.
            (self._config.groups_header, ",".join(who.groups)),
        )
        answer = answers.Answer(status=200, headers=headers)
        found = Passed(expires=expires, session=identifier, answer=answer, ready=answers.serialise(answer))
        while len(self._passed) >= _REMEMBERED:
            del self._passed[next(iter(self._passed))]
        self._passed[token] = found
        return found

    def _refuse(self, token: str, now: float) -> typing.Literal[False]:
        """Remember a bad credential for a moment, apart from the good ones, which it must not push out."""
        if len(token) <= 8192:
            while len(self._refused) >= _REFUSED:
                del self._refused[next(iter(self._refused))]
            self._refused[token] = now + 10
        return False

    def refuse(self, head: Head, now: float) -> answers.Answer:
        """Return what the sender of a request without a valid credential gets."""
        if head.bearer is not None:
            text = "the bearer token is not valid"
            return self._unauthorised(head, "invalid_token", text, 'Bearer error="invalid_token"')
        if not head.page_load:
            return self._unauthorised(head, "login_required", "there is no valid session: log in first", "Bearer")
        elsewhere = self._elsewhere(head)
        if elsewhere:
            return elsewhere
        if not self._provider.ready:
            logger.warning("login refused", extra={"reason": "provider_unavailable", "request_id": head.request_id})
            return pages.error(503, "Nobody can log in right now", self._provider.problem, head.request_id, retry=5)
        begun = self._logins.begin(
            self._provider.authorization_endpoint, head.target, (name for name, _ in head.cookies), now
        )
        headers = (
            ("location", begun.location),
            ("cache-control", "no-store"),
            *(("set-cookie", cookie) for cookie in begun.cookies),
        )
        return answers.Answer(status=self._config.login_redirect_code, headers=headers)

    def _elsewhere(self, head: Head) -> answers.Answer | None:
        """Return a redirect to the public URL for who came by another name, because cookies stay with a name.

        Only once: a proxy that hides the name which the browser used must not become a loop.
        """
        if not head.host or head.host.lower() == self._config.host.lower():
            return None
        if any(name == _HOST_COOKIE for name, _ in head.cookies):
            return None
        headers = (
            ("location", self._config.public_url + login.safe_target(head.target)),
            ("cache-control", "no-store"),
            ("set-cookie", login.cookie_header(self._config, _HOST_COOKIE, "1", 10)),
        )
        return answers.Answer(status=302, headers=headers)

    def _unauthorised(self, head: Head, error: str, text: str, challenge: str) -> answers.Answer:
        body = {"error": error, "error_description": text, "request_id": head.request_id}
        headers = (
            ("content-type", "application/json"),
            ("www-authenticate", challenge),
            ("cache-control", "no-store"),
        )
        return answers.Answer(status=401, headers=headers, body=json.dumps(body).encode())
