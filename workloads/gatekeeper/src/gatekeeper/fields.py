# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The kinds of values that a configuration file holds, each with what makes one good."""

import base64
import binascii
import ipaddress
import re
import ssl
import typing
import urllib.parse

import pydantic
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

# Fewer characters than a token of HTTP may have: gateways and servers drop or rename headers with others.
_HEADER = re.compile(r"[A-Za-z0-9-]+")
_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")
_SKIP = re.compile(r"(/[A-Za-z0-9._~-]+)+/?")
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")
_LABEL = re.compile(r"[A-Za-z0-9_-]{1,63}")
_DEFAULT_PORTS = {"http": 80, "https": 443}
# How names of the service's other cookies begin.
_COOKIES = ("authservice_login_", "authservice_rounds", "authservice_host")
_KEY_BYTES = 32
# What the kernel takes, without the byte that ends it.
_LONGEST_SOCKET = 107
# Headers with a meaning of their own, in which an identity would be lost or would do harm.
_TAKEN = frozenset({
    "accept", "authorization", "connection", "content-length", "content-type", "cookie", "date", "expect", "forwarded",
    "host", "location", "origin", "referer", "set-cookie", "te", "trailer", "transfer-encoding", "upgrade",
    "user-agent", "via", "www-authenticate", "x-auth-token", "x-authorization-check", "x-gatekeeper-peer", "x-real-ip",
    "x-request-id", "x-requested-with",
})  # fmt: skip
_TAKEN_PREFIXES = ("access-control-", "content-", "proxy-", "sec-", "x-b3-", "x-envoy-", "x-forwarded-")


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
    if not _is_host(host):
        raise ValueError("must hold the name or the address of a host, such as kubeflow.example.com")
    if "#" in text or ("?" in text and not query):
        raise ValueError("must not hold a query or a fragment")
    if parts.path and not path:
        raise ValueError("must be scheme, host and port only, without a trailing slash")
    return text


def _is_host(text: str) -> bool:
    """Return whether a browser takes a text for a host as it stands: what ends in a number is an address to it."""
    *_, last = labels = text.removesuffix(".").split(".")
    if ":" in text or last.isdecimal() or last.lower().startswith("0x"):
        try:
            ipaddress.ip_address(text)
        except ValueError:
            return False
        return "%" not in text
    return all(_LABEL.fullmatch(label) for label in labels)


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


def _socket(text: str) -> str:
    if text and (not re.fullmatch(r"(/[A-Za-z0-9._-]+)+", text) or len(text) > _LONGEST_SOCKET):
        raise ValueError(f"must be a path such as /run/gatekeeper/socket, of at most {_LONGEST_SOCKET} characters")
    return text


def address(place: str) -> tuple[str, int]:
    """Return the host and port of an address to listen at."""
    host, _, port = place.rpartition(":")
    return host.strip("[]"), int(port)


def _prefix(text: str) -> str:
    if not _PREFIX.fullmatch(text) or ".." in text:
        raise ValueError("must be a path such as /authservice, without a trailing slash")
    return text


def _optional_prefix(text: str) -> str:
    return _prefix(text) if text else text


def _header(text: str) -> str:
    if not _HEADER.fullmatch(text) or text.lower() in _TAKEN or text.lower().startswith(_TAKEN_PREFIXES):
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
    # Comments between them may be in any language, and Python takes ASCII only.
    text = text.encode("ascii", "ignore").decode().strip()
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


Name = typing.Annotated[str, pydantic.StringConstraints(pattern=r"^[\x21-\x7e]+$", max_length=200)]
OptionalName = typing.Annotated[str, pydantic.StringConstraints(pattern=r"^[\x21-\x7e]*$", max_length=200)]
Header = typing.Annotated[str, pydantic.AfterValidator(_header)]
Secret = typing.Annotated[pydantic.SecretStr, pydantic.AfterValidator(_secret)]
Pem = typing.Annotated[pydantic.SecretStr, pydantic.AfterValidator(_signing_key)]
Sealing = typing.Annotated[pydantic.SecretStr, pydantic.AfterValidator(_state_key)]
Prefix = typing.Annotated[str, pydantic.StringConstraints(pattern=r"^[\x20-\x7e]*$", max_length=100)]
Listed = typing.Annotated[str, pydantic.StringConstraints(min_length=1, max_length=320)]
Skip = typing.Annotated[str, pydantic.AfterValidator(_skip)]
Place = typing.Annotated[str, pydantic.AfterValidator(_listen)]
OptionalPlace = typing.Annotated[str, pydantic.AfterValidator(_management)]
Origin = typing.Annotated[str, pydantic.AfterValidator(_origin)]
Path = typing.Annotated[str, pydantic.AfterValidator(_prefix)]
OptionalPath = typing.Annotated[str, pydantic.AfterValidator(_optional_prefix)]
Url = typing.Annotated[str, pydantic.AfterValidator(_place)]
OptionalUrl = typing.Annotated[str, pydantic.AfterValidator(_back_channel)]
Certificates = typing.Annotated[str, pydantic.AfterValidator(_certificates)]
Cookie = typing.Annotated[str, pydantic.AfterValidator(_cookie)]
OptionalHeader = typing.Annotated[str, pydantic.AfterValidator(_optional_header)]
Destination = typing.Annotated[str, pydantic.AfterValidator(_destination)]
Scopes = typing.Annotated[tuple[str, ...], pydantic.AfterValidator(_scopes)]
Pattern = typing.Annotated[str, pydantic.AfterValidator(_pattern), pydantic.Field(max_length=500)]
Socket = typing.Annotated[str, pydantic.AfterValidator(_socket)]
