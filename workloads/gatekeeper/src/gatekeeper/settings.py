# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The service's configuration file, checked field by field; what it says of an error never contains a value."""

import base64
import binascii
import pathlib
import re
import typing
import urllib.parse

import joserfc.errors
import joserfc.jwk
import pydantic

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


class SettingsError(Exception):
    """The configuration cannot be used; the text names each field that is wrong, without its value."""


class _Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class SigningKey(_Model):
    """A private key for sessions: an elliptic curve key on P-256, in PKCS 8 PEM."""

    kid: str = pydantic.Field(min_length=1, max_length=64)
    pem: str = pydantic.Field(repr=False)

    @pydantic.field_validator("pem")
    @classmethod
    def _is_p256(cls, pem: str) -> str:
        try:
            key = joserfc.jwk.ECKey.import_key(pem)
        except (ValueError, TypeError, joserfc.errors.JoseError):
            raise ValueError("it is not a private key in PEM") from None
        if key.curve_name != "P-256" or not key.is_private:
            raise ValueError("it is not a private key on the curve P-256")
        return pem


class Settings(_Model):
    """What the service needs to know.

    Attributes:
        listen: address and port.
        public_url: the gateway's URL as browsers see it, without a path.
        prefix: the path under which the service's own pages are.
        issuer: the OpenID Connect provider's issuer URL, as browsers see it.
        back_channel: the same provider where this service reaches it; empty means at the issuer URL.
        session_lifetime: seconds.
        signing_keys: the first signs, all of them verify.
        state_keys: 32 bytes each, in base64url; the first seals, all of them open.
    """

    listen: str
    public_url: str
    prefix: str = "/authservice"
    issuer: str
    back_channel: str = ""
    client_id: str = pydantic.Field(min_length=1)
    client_secret: str = pydantic.Field(min_length=1, repr=False)
    scopes: tuple[str, ...] = ("openid", "profile", "email", "groups")
    userid_claim: str = "email"
    userid_header: str = "kubeflow-userid"
    groups_header: str = "kubeflow-groups"
    session_cookie: str = "authservice_session"
    session_lifetime: int = pydantic.Field(default=86400, ge=60, le=30 * 86400)
    login_redirect_code: typing.Literal[301, 302, 303, 307] = 302
    after_logout_url: str = "/"
    signing_keys: tuple[SigningKey, ...] = pydantic.Field(min_length=1)
    state_keys: tuple[str, ...] = pydantic.Field(min_length=1, repr=False)

    @pydantic.field_validator("listen")
    @classmethod
    def _is_address(cls, listen: str) -> str:
        host, _, port = listen.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise ValueError("write it as ADDRESS:PORT")
        return listen

    @pydantic.field_validator("public_url", "issuer")
    @classmethod
    def _is_url(cls, url: str) -> str:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
            raise ValueError("write it as http://HOST or https://HOST")
        return url.rstrip("/")

    @pydantic.field_validator("userid_header", "groups_header", "session_cookie")
    @classmethod
    def _is_token(cls, name: str) -> str:
        if not _TOKEN.fullmatch(name):
            raise ValueError("it cannot be the name of a header or cookie")
        return name

    @pydantic.field_validator("after_logout_url")
    @classmethod
    def _is_target(cls, url: str) -> str:
        if not url.isascii() or not url.isprintable() or not url.startswith(("/", "http://", "https://")):
            raise ValueError("write it as a path or as an http or https URL")
        return url

    @pydantic.field_validator("prefix")
    @classmethod
    def _is_prefix(cls, prefix: str) -> str:
        if not re.fullmatch(r"(/[A-Za-z0-9_-]+)+", prefix):
            raise ValueError("write it as a path such as /authservice")
        return prefix

    @pydantic.field_validator("state_keys")
    @classmethod
    def _are_keys(cls, keys: tuple[str, ...]) -> tuple[str, ...]:
        for key in keys:
            try:
                size = len(base64.urlsafe_b64decode(key + "=" * (-len(key) % 4)))
            except (ValueError, binascii.Error):
                size = 0
            if size != 32:
                raise ValueError("each must be 32 bytes in base64url")
        return keys

    @property
    def secure(self) -> bool:
        """Return whether browsers reach the gateway by https."""
        return self.public_url.startswith("https://")

    @property
    def host(self) -> str:
        """Return the host, with its port, by which browsers know the gateway."""
        return urllib.parse.urlsplit(self.public_url).netloc

    @property
    def callback_path(self) -> str:
        """Return the path that the provider sends codes to."""
        return f"{self.prefix}/oidc/callback"


def load(path: pathlib.Path) -> Settings:
    """Read a configuration file.

    Raises:
        SettingsError: it cannot be read, or a field is wrong.
    """
    try:
        return Settings.model_validate_json(path.read_bytes())
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None
    except pydantic.ValidationError as error:
        wrong = [f"{'.'.join(map(str, entry['loc'])) or 'file'}: {entry['msg']}" for entry in error.errors()]
        raise SettingsError(f"{path}: {'; '.join(wrong)}") from None
