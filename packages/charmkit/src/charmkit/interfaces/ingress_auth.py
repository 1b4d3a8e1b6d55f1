# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Interface `ingress-auth` of Charmed Kubeflow, v1: who answers a gateway's authorization checks.

`jwks` is ours: the public keys of the authorizer's sessions as a JSON Web Key Set (RFC 7517), with which a gateway can
verify them itself. Of all that these keys sign (ES256), only sessions may have the audience `kubeflow`. That audience
promises that the claims `userid` and `groups` are texts of printable ASCII, which the gateway may copy into headers as
they are, without asking. About a token of any other audience it must ask.

`http2` is ours too: that every unit of the authorizer understands HTTP/2 without negotiation (RFC 9113, section 3.3).
"""

import collections.abc
import dataclasses
import json
import typing

from charmkit.interfaces import sdi

_MEMBERS = ("kty", "crv", "kid", "x", "y")
_LONGEST_KEYS = 20_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Authorizer:
    """An external authorization service.

    Attributes:
        service: its Kubernetes service.
        port: that service's port.
        request_headers: what the gateway passes to it from a request.
        response_headers: what the gateway passes from its answer to the upstream.
        jwks: the JSON Web Key Set of its sessions, empty without one; `read_keys` reads it.
        http2: whether it may be asked in HTTP/2.
    """

    service: str
    port: int
    request_headers: tuple[str, ...] = ()
    response_headers: tuple[str, ...] = ()
    jwks: str = ""
    http2: bool = False


def write(authorizer: Authorizer) -> dict[str, str]:
    """Return the application databag of the authorization service."""
    data = {
        "service": authorizer.service,
        "port": authorizer.port,
        "allowed-request-headers": list(authorizer.request_headers),
        "allowed-response-headers": list(authorizer.response_headers),
    }
    keys = {"jwks": authorizer.jwks} if authorizer.jwks else {}
    return {**sdi.write(data, "v1"), **keys, **(write_http2() if authorizer.http2 else {})}


def read(bag: collections.abc.Mapping[str, str]) -> Authorizer | None:
    """Return the authorization service, or None while it has not presented itself.

    Raises:
        sdi.InterfaceError: a field is missing or has the wrong type.
    """
    data = sdi.read(bag)
    if data is None:
        return None
    return Authorizer(
        service=sdi.text(data, "service"),
        port=sdi.port(data),
        request_headers=sdi.texts(data, "allowed-request-headers"),
        response_headers=sdi.texts(data, "allowed-response-headers"),
        http2=read_http2(bag),
    )


def write_http2() -> dict[str, str]:
    """Return what says, in a databag of an authorization service or of one of its units, that HTTP/2 is understood."""
    return {"http2": "true"}


def read_http2(bag: collections.abc.Mapping[str, str]) -> bool:
    """Return whether a databag says that HTTP/2 is understood."""
    return bag.get("http2") == "true"


def read_keys(bag: collections.abc.Mapping[str, str]) -> str:
    """Return the public keys of sessions, empty when there are none.

    Raises:
        sdi.InterfaceError: it is no set of such keys.
    """
    text = bag.get("jwks", "")
    if not text:
        return ""
    try:
        if len(text) > _LONGEST_KEYS:
            raise ValueError
        data = json.loads(text)
        keys = [{name: key[name] for name in _MEMBERS} for key in data["keys"]]
        if not all(isinstance(value, str) for key in keys for value in typing.cast("dict[str, object]", key).values()):
            raise ValueError
        # Only what signs sessions: a key of another kind could let other tokens pass for one.
        chosen = [key for key in keys if (key["kty"], key["crv"]) == ("EC", "P-256")]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise sdi.InterfaceError("jwks must be a JSON Web Key Set of EC keys with a kid") from None
    full = [{**key, "alg": "ES256", "use": "sig"} for key in chosen]
    return json.dumps({"keys": full}, sort_keys=True) if full else ""


def write_gateway() -> dict[str, str]:
    """Return the application databag of the gateway."""
    return sdi.announce("v1")
