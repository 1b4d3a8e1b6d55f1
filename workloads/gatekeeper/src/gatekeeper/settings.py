# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The configuration file, checked: what is wrong is named by its field, and no secret value is ever echoed."""

import base64
import binascii
import re
import ssl
import typing
import urllib.parse

import pydantic
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

_TOKEN = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+", re.IGNORECASE)
_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")
_SKIP = re.compile(r"(/[A-Za-z0-9._~-]+)+/?")
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_DAY = 86400
# How names of the service's other cookies begin.
_COOKIES = ("authservice_login_", "authservice_rounds", "authservice_host")
_KEY_BYTES = 32
# Where a pod finds what it needs to ask the API server.
_SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
# Headers with a meaning of their own, in which an identity would be lost or would do harm.
_TAKEN = frozenset({
    "accept", "authorization", "connection", "content-length", "content-type", "cookie", "date", "expect", "forwarded",
    "host", "location", "origin", "referer", "set-cookie", "te", "trailer", "transfer-encoding", "upgrade",
    "user-agent", "via", "www-authenticate", "x-auth-token", "x-authorization-check", "x-gatekeeper-peer", "x-real-ip",
    "x-request-id", "x-requested-with",
})  # fmt: skip
_TAKEN_PREFIXES = ("access-control-", "content-", "proxy-", "sec-", "x-b3-", "x-envoy-", "x-forwarded-")


class ConfigurationError(Exception):
    """The configuration file cannot be used; the text says which fields, one a line."""


def _url(text: str, *, path: bool, query: bool = False) -> str:
    if not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        raise ValueError("must be a URL of printable ASCII characters")
    try:
        parts = urllib.parse.urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("must be a URL such as https://kubeflow.example.com") from None
    if parts.scheme not in _DEFAULT_PORTS or not host or port == 0 or "@" in parts.netloc:
        raise ValueError("must begin with http:// or https:// and a host, and hold no user")
    if "#" in text or ("?" in text and not query):
        raise ValueError("must not hold a query or a fragment")
    if parts.path and not path:
        raise ValueError("must be scheme, host and port only, without a trailing slash")
    return text


def _origin(text: str) -> str:
    return _url(text, path=False)


def _place(text: str) -> str:
    return _url(text, path=True)


def _back_channel(text: str) -> str:
    return _place(text) if text else text


def _destination(text: str) -> str:
    if not text.startswith("/"):
        return _url(text, path=True, query=True)
    if not text.isascii() or not text.isprintable() or text.startswith("//") or "\\" in text or " " in text:
        raise ValueError("must be a path such as /, or a URL")
    return text


def _listen(text: str) -> str:
    host, colon, port = text.rpartition(":")
    if not colon or not _HOST.fullmatch(host) or not port.isdecimal() or not 0 <= int(port) <= 65535:
        raise ValueError("must be an address and a port, such as 0.0.0.0:8080")
    return text


def _management(text: str) -> str:
    return _listen(text) if text else text


def address(place: str) -> tuple[str, int]:
    """Return the host and port of an address to listen at."""
    host, _, port = place.rpartition(":")
    return host.strip("[]"), int(port)


def _prefix(text: str) -> str:
    if not _PREFIX.fullmatch(text) or ".." in text:
        raise ValueError("must be a path such as /authservice, without a trailing slash")
    return text


def _reception(text: str) -> str:
    return _prefix(text) if text else text


def _header(text: str) -> str:
    if not _TOKEN.fullmatch(text) or text.lower() in _TAKEN or text.lower().startswith(_TAKEN_PREFIXES):
        raise ValueError("must be the name of a header of its own, such as kubeflow-userid")
    return text.lower()


def _optional_header(text: str) -> str:
    return _header(text) if text else text


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"must be a regular expression: {error}") from None
    return text


def _skip(text: str) -> str:
    if not _SKIP.fullmatch(text) or any(re.fullmatch(r"\.+", part) for part in text.split("/")):
        raise ValueError("must be a path such as /public, of letters, digits and - . _ ~ only, and not / alone")
    return text


def _certificates(text: str) -> str:
    if text:
        try:
            ssl.create_default_context(cadata=text)
        except (ssl.SSLError, ValueError):
            raise ValueError("must be certificates in PEM") from None
    return text


def _cookie(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]+", text) or text.startswith(_COOKIES):
        raise ValueError("must be a cookie's name, such as authservice_session")
    return text


def _scopes(scopes: tuple[str, ...]) -> tuple[str, ...]:
    if "openid" not in scopes:
        raise ValueError('must hold "openid"')
    if not all(re.fullmatch(r"[\x21\x23-\x5b\x5d-\x7e]+", scope) for scope in scopes):
        raise ValueError("must be a list of single scopes")
    return scopes


def _secret(secret: pydantic.SecretStr) -> pydantic.SecretStr:
    if not secret.get_secret_value():
        raise ValueError("must not be empty")
    return secret


def _signing_key(secret: pydantic.SecretStr) -> pydantic.SecretStr:
    try:
        key = serialization.load_pem_private_key(secret.get_secret_value().encode(), password=None)
    except (ValueError, TypeError):
        raise ValueError("must be a private key in PKCS8 PEM") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("must be a key on the curve P-256")
    return secret


def state_key(secret: pydantic.SecretStr) -> bytes:
    """Return the bytes of a key that seals the state of a login.

    Raises:
        ValueError: it is not 32 bytes in base64url.
    """
    text = secret.get_secret_value().rstrip("=")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if len(key) != _KEY_BYTES:
        raise ValueError(f"must be {_KEY_BYTES} bytes in base64url")
    return key


def _state_key(secret: pydantic.SecretStr) -> pydantic.SecretStr:
    state_key(secret)
    return secret


_Name = typing.Annotated[str, pydantic.StringConstraints(pattern=r"^[\x21-\x7e]+$", max_length=200)]
_Header = typing.Annotated[str, pydantic.AfterValidator(_header)]
_Secret = typing.Annotated[pydantic.SecretStr, pydantic.AfterValidator(_secret)]
_Pem = typing.Annotated[pydantic.SecretStr, pydantic.AfterValidator(_signing_key)]
_Sealing = typing.Annotated[pydantic.SecretStr, pydantic.AfterValidator(_state_key)]
_STRICT = pydantic.ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class SigningKey(pydantic.BaseModel):
    """A key that signs sessions."""

    model_config = _STRICT

    kid: _Name
    pem: _Pem


_Prefix = typing.Annotated[str, pydantic.StringConstraints(pattern=r"^[\x20-\x7e]*$", max_length=100)]
_Listed = typing.Annotated[str, pydantic.StringConstraints(min_length=1, max_length=320)]
_Skip = typing.Annotated[str, pydantic.AfterValidator(_skip)]


class Transformer(pydantic.BaseModel):
    """A rule that turns what the provider calls somebody into a user id."""

    model_config = _STRICT

    matches: typing.Annotated[str, pydantic.AfterValidator(_pattern), pydantic.Field(max_length=500)]
    replaces: typing.Annotated[str, pydantic.StringConstraints(max_length=500)]

    @pydantic.model_validator(mode="after")
    def _check_groups(self) -> typing.Self:
        groups = re.compile(self.matches).groups
        for number in re.findall(r"\$\{?(\d+)", self.replaces):
            if len(number) > 2 or int(number) > groups:
                raise ValueError(f"replaces: there is no group {number[:5]} in matches")
        return self


class Redis(pydantic.BaseModel):
    """Where a Redis is."""

    model_config = _STRICT

    host: typing.Annotated[str, pydantic.StringConstraints(pattern=r"^[A-Za-z0-9._:-]+$", max_length=253)]
    port: typing.Annotated[int, pydantic.Field(ge=1, le=65535)] = 6379


class Kubernetes(pydantic.BaseModel):
    """How to ask an API server about tokens."""

    model_config = _STRICT

    url: typing.Annotated[str, pydantic.AfterValidator(_place)] = "https://kubernetes.default.svc"
    token_file: str = f"{_SERVICE_ACCOUNT}/token"
    ca_file: str = f"{_SERVICE_ACCOUNT}/ca.crt"
    audiences: typing.Annotated[tuple[_Name, ...], pydantic.Field(min_length=1)]


Authenticator = typing.Literal["kubernetes", "access_token", "session", "id_token", "api_token"]


class Settings(pydantic.BaseModel):
    """All that the service is told."""

    model_config = _STRICT

    listen: typing.Annotated[str, pydantic.AfterValidator(_listen)]
    management: typing.Annotated[str, pydantic.AfterValidator(_management)] = ""
    public_url: typing.Annotated[str, pydantic.AfterValidator(_origin)]
    prefix: typing.Annotated[str, pydantic.AfterValidator(_prefix)] = "/authservice"
    issuer: typing.Annotated[str, pydantic.AfterValidator(_place)]
    back_channel: typing.Annotated[str, pydantic.AfterValidator(_back_channel)] = ""
    ca_bundle: typing.Annotated[str, pydantic.AfterValidator(_certificates)] = ""
    client_id: _Name
    client_secret: _Secret
    scopes: typing.Annotated[tuple[str, ...], pydantic.AfterValidator(_scopes)] = (
        "openid", "profile", "email", "groups",
    )  # fmt: skip
    userid_claim: _Name = "email"
    userid_prefix: _Prefix = ""
    userid_transformers: typing.Annotated[tuple[Transformer, ...], pydantic.Field(max_length=100)] = ()
    userid_lowercase: bool = False
    groups_claim: _Name = "groups"
    allowed_groups: tuple[_Listed, ...] = ()
    allowed_emails: tuple[_Listed, ...] = ()
    skip_auth: tuple[_Skip, ...] = ()
    identity_header: typing.Annotated[str, pydantic.AfterValidator(_optional_header)] = ""
    userid_header: _Header = "kubeflow-userid"
    groups_header: _Header = "kubeflow-groups"
    session_cookie: typing.Annotated[str, pydantic.AfterValidator(_cookie)] = "authservice_session"
    session_lifetime: typing.Annotated[int, pydantic.Field(ge=1, le=30 * _DAY)] = 900
    session_renewal: typing.Literal["auto", "header", "redirect"] = "auto"
    refresh_cookie: typing.Annotated[str, pydantic.AfterValidator(_cookie)] = "authservice_refresh"
    refresh_idle_lifetime: typing.Annotated[int, pydantic.Field(ge=1, le=365 * _DAY)] = _DAY
    refresh_lifetime: typing.Annotated[int, pydantic.Field(ge=1, le=365 * _DAY)] = 7 * _DAY
    login_redirect_code: typing.Literal[301, 302, 303, 307] = 302
    reception: typing.Annotated[str, pydantic.AfterValidator(_reception)] = ""
    after_logout_url: typing.Annotated[str, pydantic.AfterValidator(_destination)] = "/"
    authenticators: tuple[Authenticator, ...] = ("session", "id_token", "api_token")
    kubernetes: Kubernetes | None = None
    journal: str = ""
    watched_file: str = ""
    redis: Redis | None = None
    signing_keys: typing.Annotated[tuple[SigningKey, ...], pydantic.Field(min_length=1)]
    state_keys: typing.Annotated[tuple[_Sealing, ...], pydantic.Field(min_length=1)]

    @pydantic.model_validator(mode="after")
    def _check_together(self) -> typing.Self:
        if len({key.kid for key in self.signing_keys}) != len(self.signing_keys):
            raise ValueError("signing_keys: every kid must stand there once")
        if len({self.userid_header, self.groups_header, self.identity_header}) < 3:
            raise ValueError("groups_header: must differ from userid_header and identity_header")
        if self.management and address(self.management)[1] == address(self.listen)[1]:
            raise ValueError("management: must be another port than that of listen")
        if "kubernetes" in self.authenticators and self.kubernetes is None:
            raise ValueError("authenticators: kubernetes needs the field kubernetes")
        if self.session_cookie == self.refresh_cookie:
            raise ValueError("refresh_cookie: must differ from session_cookie")
        return self

    @property
    def management_port(self) -> int:
        """Return the port of health and metrics, 0 when there is none."""
        return address(self.management)[1] if self.management else 0

    @property
    def secure(self) -> bool:
        """Return whether browsers come by HTTPS, so that cookies may say so."""
        return self.public_url.startswith("https://")

    @property
    def host(self) -> str:
        """Return the public host and port, as a Host header has them."""
        return canonical_host(urllib.parse.urlsplit(self.public_url).netloc, secure=self.secure)

    @property
    def callback_url(self) -> str:
        """Return where the provider sends browsers back."""
        return f"{self.public_url}{self.prefix}/oidc/callback"


def canonical_host(netloc: str, *, secure: bool) -> str:
    """Return host and port in lower case, without the scheme's own port."""
    return netloc.lower().removesuffix(":443" if secure else ":80")


def parse(text: str) -> Settings:
    """Read a configuration file's text.

    Raises:
        ConfigurationError: it is not JSON, or a field is missing, unknown or wrong.
    """
    try:
        return Settings.model_validate_json(text)
    except pydantic.ValidationError as error:
        lines = [_line(problem["loc"], problem["msg"]) for problem in error.errors(include_input=False)]
        raise ConfigurationError("\n".join(lines)) from None


def _line(place: tuple[int | str, ...], message: str) -> str:
    field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")
    sentence = message.removeprefix("Value error, ")
    return f"{field}: {sentence}" if field else sentence
