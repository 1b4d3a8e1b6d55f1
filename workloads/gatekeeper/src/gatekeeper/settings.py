# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The configuration file, checked: what is wrong is named by its field, and no secret value is ever echoed."""

import re
import typing
import urllib.parse

import pydantic

from gatekeeper import fields

_DAY = 86400
# Where a pod finds what it needs to ask the API server.
_SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
_STRICT = pydantic.ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class ConfigurationError(Exception):
    """The configuration file cannot be used; the text says which fields, one a line."""


class SigningKey(pydantic.BaseModel):
    """A key that signs sessions.

    Attributes:
        since: when it came into use, in seconds since the epoch; 0 if that is not known, or has not been yet.
    """

    model_config = _STRICT

    kid: fields.Name
    pem: fields.Pem
    since: typing.Annotated[int, pydantic.Field(ge=0, lt=2**40)] = 0


class Transformer(pydantic.BaseModel):
    """A rule that turns what the provider calls somebody into a user id."""

    model_config = _STRICT

    matches: fields.Pattern
    replaces: typing.Annotated[str, pydantic.StringConstraints(max_length=500)]

    @pydantic.model_validator(mode="after")
    def _check_groups(self) -> typing.Self:
        groups = re.compile(self.matches).groups
        for number in re.findall(r"\$\{?(\d+)", self.replaces):
            if len(number) > 2 or int(number) > groups:
                raise ValueError(f"replaces: there is no group {number[:5]} in matches")
        return self


class Redis(pydantic.BaseModel):
    """Where a Redis is, and how it wants to be spoken to.

    Attributes:
        user: as whom (Redis 6 and later), empty for the user that needs no name.
        password: that user's, empty for none.
        tls: whether it speaks TLS.
        ca: whose certificates are good for it, in PEM; empty for the usual ones.
    """

    model_config = _STRICT

    host: typing.Annotated[str, pydantic.StringConstraints(pattern=r"^[A-Za-z0-9._:-]+$", max_length=253)]
    port: typing.Annotated[int, pydantic.Field(ge=1, le=65535)] = 6379
    user: typing.Annotated[str, pydantic.StringConstraints(max_length=200)] = ""
    password: pydantic.SecretStr = pydantic.SecretStr("")
    tls: bool = False
    ca: fields.Certificates = ""


class Kubernetes(pydantic.BaseModel):
    """How to ask an API server about tokens."""

    model_config = _STRICT

    url: fields.Url = "https://kubernetes.default.svc"
    token_file: str = f"{_SERVICE_ACCOUNT}/token"
    ca_file: str = f"{_SERVICE_ACCOUNT}/ca.crt"
    audiences: typing.Annotated[tuple[fields.Name, ...], pydantic.Field(min_length=1)]


Authenticator = typing.Literal["kubernetes", "access_token", "session", "id_token", "api_token"]


class Settings(pydantic.BaseModel):
    """All that the service is told."""

    model_config = _STRICT

    listen: fields.Place
    unix_socket: fields.Socket = ""
    management: fields.OptionalPlace = ""
    drain_seconds: typing.Annotated[int, pydantic.Field(ge=0, le=30)] = 0
    public_url: fields.Origin
    prefix: fields.Path = "/authservice"
    issuer: fields.Url
    back_channel: fields.OptionalUrl = ""
    ca_bundle: fields.Certificates = ""
    client_id: fields.Name
    client_secret: fields.Secret
    device_client_id: fields.OptionalName = ""
    scopes: fields.Scopes = (
        "openid", "profile", "email", "groups",
    )  # fmt: skip
    userid_claim: fields.Name = "email"
    userid_prefix: fields.Prefix = ""
    userid_transformers: typing.Annotated[tuple[Transformer, ...], pydantic.Field(max_length=100)] = ()
    userid_lowercase: bool = False
    groups_claim: fields.Name = "groups"
    allowed_groups: tuple[fields.Listed, ...] = ()
    allowed_emails: tuple[fields.Listed, ...] = ()
    skip_auth: tuple[fields.Skip, ...] = ()
    identity_header: fields.OptionalHeader = ""
    userid_header: fields.Header = "kubeflow-userid"
    groups_header: fields.Header = "kubeflow-groups"
    session_cookie: fields.Cookie = "authservice_session"
    session_lifetime: typing.Annotated[int, pydantic.Field(ge=1, le=30 * _DAY)] = 900
    session_renewal: typing.Literal["auto", "header", "redirect"] = "auto"
    refresh_cookie: fields.Cookie = "authservice_refresh"
    refresh_idle_lifetime: typing.Annotated[int, pydantic.Field(ge=1, le=365 * _DAY)] = _DAY
    refresh_lifetime: typing.Annotated[int, pydantic.Field(ge=1, le=365 * _DAY)] = 7 * _DAY
    login_redirect_code: typing.Literal[301, 302, 303, 307] = 302
    reception: fields.OptionalPath = ""
    after_logout_url: fields.Destination = "/"
    authenticators: tuple[Authenticator, ...] = ("session", "id_token", "api_token")
    access_token_audiences: tuple[fields.Name, ...] = ()
    kubernetes: Kubernetes | None = None
    journal: str = ""
    watched_file: str = ""
    redis: Redis | None = None
    signing_keys: typing.Annotated[tuple[SigningKey, ...], pydantic.Field(min_length=1)]
    state_keys: typing.Annotated[tuple[fields.Sealing, ...], pydantic.Field(min_length=1)]

    @pydantic.model_validator(mode="after")
    def _check_together(self) -> typing.Self:
        if len({key.kid for key in self.signing_keys}) != len(self.signing_keys):
            raise ValueError("signing_keys: every kid must stand there once")
        if len({self.userid_header, self.groups_header, self.identity_header}) < 3:
            raise ValueError("groups_header: must differ from userid_header and identity_header")
        if self.management and fields.address(self.management)[1] == fields.address(self.listen)[1]:
            raise ValueError("management: must be another port than that of listen")
        if "kubernetes" in self.authenticators and self.kubernetes is None:
            raise ValueError("authenticators: kubernetes needs the field kubernetes")
        if self.session_cookie == self.refresh_cookie:
            raise ValueError("refresh_cookie: must differ from session_cookie")
        return self

    @property
    def management_port(self) -> int:
        """Return the port of health and metrics, 0 when there is none."""
        return fields.address(self.management)[1] if self.management else 0

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
    field = "".join(f"[{part}]" if isinstance(part, int) else f".{_shown(part)}" for part in place).lstrip(".")
    sentence = message.removeprefix("Value error, ")
    return f"{field}: {sentence}" if field else sentence


def _shown(name: str) -> str:
    """Return a field's name in one line, whatever stands in the file."""
    return name if name.isprintable() else ascii(name)
