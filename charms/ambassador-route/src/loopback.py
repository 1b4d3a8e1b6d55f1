# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""A client of the gateway, this unit's own as a rule: no session, no redirects followed, nothing kept."""

import dataclasses
import http.client
import socket
import ssl
import typing
import urllib.parse

import model

_TIMEOUT = 2.0
_LONGEST = 100_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back; status 0 when nothing did."""

    status: int = 0
    location: str = ""
    text: str = ""


class Ask(typing.Protocol):
    """Asks for a path, at a host of its own or at the one that is asked otherwise."""

    def __call__(self, path: str, host: str = "") -> Answer:
        """Return what came back."""
        ...


def client(where: str, gateway: model.Gateway, host: str = "") -> Ask:
    """Return a function that asks for a path as a browser would that opens a page.

    Args:
        where: the address at which the gateway of this unit listens, or the URL of one that runs elsewhere.
        gateway: what it serves.
        host: the public host, with its port; empty to say the address.
    """
    # Nothing is said that a certificate would protect, and its names are not this unit's.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    plain = {"Accept": "text/html", **({"Host": host} if host else {})}
    parts = urllib.parse.urlsplit(where if "://" in where else "")
    secure = parts.scheme == "https" if parts.scheme else gateway.tls is not None
    if gateway.redirect[0] and not secure:
        # As the load balancer does that ends TLS; plain http would only be sent to https.
        plain["X-Forwarded-Proto"] = "https"

    if parts.hostname:
        address, port = parts.hostname, parts.port or (443 if secure else 80)
    else:
        address, port = where, gateway.tls.port if gateway.tls else gateway.port

    def ask(path: str, host: str = "") -> Answer:
        headers = {**plain, **({"Host": host} if host else {})}
        connection = (
            http.client.HTTPSConnection(address, port, timeout=_TIMEOUT, context=context)
            if secure
            else http.client.HTTPConnection(address, port, timeout=_TIMEOUT)
        )
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            text = answer.read(_LONGEST).decode("utf-8", errors="replace")
            return Answer(status=answer.status, location=answer.getheader("location", ""), text=text)
        except (OSError, http.client.HTTPException):
            return Answer()
        finally:
            connection.close()

    return ask


def listens(host: str, port: int) -> str:
    """Return whether something listens at an address, as a word."""
    try:
        socket.create_connection((host, port), timeout=_TIMEOUT).close()
    except socket.gaierror:
        return "no such name"
    except OSError:
        return "down"
    return "up"
