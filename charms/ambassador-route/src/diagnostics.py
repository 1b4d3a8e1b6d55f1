# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Tells Emissary over the pod's loopback to read its resources again, and asks what it thinks of them."""

import http.client
import json
import time
import typing

import emissary

_RELOAD = "/_internal/v0/watt?url=http://localhost:9696/snapshot"
# The list of errors is the same on every page. That of one source, which is always there, is drawn up in a fraction
# of the time that the page of all routes takes.
_ERRORS = ("/ambassador/v0/diag/--internal--?json=true&filter=errors", "/ambassador/v0/diag/?json=true&filter=errors")
# It compiles all resources before it answers, a thousand routes in half a minute.
_TIMEOUT = 90.0
# How long the part of Emissary that answers here may take to start, in seconds; until then another one says 502.
_PATIENCE = 10.0
_LONGEST = 5_000_000
# About Ingress resources of Kubernetes, which this gateway does not serve.
_HARMLESS = "Pod labels are not mounted"


def reload(address: str = "127.0.0.1", port: int = emissary.ADMIN_PORT) -> str | None:
    """Return why Emissary refuses its resources, or None; one that is not up reads them when it starts."""
    try:
        status, body = _answer("POST", _RELOAD, address, port)
        if status == http.HTTPStatus.OK:
            for page in _ERRORS:
                status, body = _answer("GET", page, address, port)
                if status == http.HTTPStatus.OK:
                    return errors(body)
    except (OSError, http.client.HTTPException):
        return None
    # What is still starting will read its resources; all else is a no.
    return (
        None if status == http.HTTPStatus.BAD_GATEWAY else _short(body.decode(errors="replace")) or f"status {status}"
    )


def _answer(method: str, path: str, address: str, port: int) -> tuple[int, bytes]:
    """Ask until the part that answers has started."""
    end = time.monotonic() + _PATIENCE
    while (answer := _ask(method, path, address, port))[0] == http.HTTPStatus.BAD_GATEWAY and time.monotonic() < end:
        time.sleep(0.2)
    return answer


def errors(body: bytes) -> str | None:
    """Return the first error of the diagnostics' list that matters, or None."""
    try:
        entries: typing.Any = json.loads(body)
        found = [(str(name), str(text)) for name, text in entries]
    except (ValueError, TypeError):
        return "its diagnostics cannot be read"
    matter = [f"{name}: {text}" if name else text for name, text in found if _HARMLESS not in text]
    return _short(matter[0]) if matter else None


def _short(text: str) -> str:
    return " ".join(text.split())[:300]


def _ask(method: str, path: str, address: str, port: int) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(address, port, timeout=_TIMEOUT)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read(_LONGEST)
    finally:
        connection.close()
