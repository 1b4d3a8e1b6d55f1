# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""A client of this unit's own gateway: no session, no redirects followed, nothing kept."""

import collections.abc
import dataclasses
import http.client
import socket
import ssl

import model

_TIMEOUT = 2.0
_LONGEST = 100_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back; status 0 when nothing did."""

    status: int = 0
    location: str = ""
    text: str = ""


Ask = collections.abc.Callable[[str], Answer]


def client(address: str, gateway: model.Gateway, host: str = "") -> Ask:
    """Return a function that asks for a path as a browser would that opens a page.

    Args:
        address: where the gateway of this unit listens.
        gateway: what it serves.
        host: the public host, with its port; empty to say the address.
    """
    # Nothing is said that a certificate would protect, and its names are not this unit's.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    headers = {"Accept": "text/html", **({"Host": host} if host else {})}
    if gateway.redirect[0] and not gateway.tls:
        # As the load balancer does that ends TLS; plain http would only be sent to https.
        headers["X-Forwarded-Proto"] = "https"

    def ask(path: str) -> Answer:
        connection = (
            http.client.HTTPSConnection(address, gateway.tls.port, timeout=_TIMEOUT, context=context)
            if gateway.tls
            else http.client.HTTPConnection(address, gateway.port, timeout=_TIMEOUT)
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
