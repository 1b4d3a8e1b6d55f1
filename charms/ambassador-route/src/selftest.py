# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Asks the gateway itself, after each change, for protected paths without a session."""

import collections.abc
import http.client
import ssl
import time

import envoy
import model

# Every prefix costs a request in every hook.
_MOST_PATHS = 5
_TIMEOUT = 2.0
# How long a gateway may take to read what was written.
_PATIENCE = 3.0


def run(address: str, gateway: model.Gateway, version: str = "") -> str:
    """Return what is wrong, or an empty text; a gateway that does not answer is a matter of its check.

    Args:
        address: where the gateway of this unit listens.
        gateway: what it shall serve.
        version: what it says once it does; empty for an engine that does not say it.
    """
    ask = _asker(address, gateway)
    end = time.monotonic() + _PATIENCE
    while True:
        status, text = ask(envoy.VERSION_PATH)
        if status == 0:
            return ""
        if not version or text == version:
            break
        if time.monotonic() > end:
            return "Envoy did not take its configuration"
        time.sleep(0.05)
    protected = [route.prefix for route in gateway.table if route.protected and not gateway.everybody]
    passed = [prefix for prefix in protected[:_MOST_PATHS] if 200 <= ask(prefix)[0] < 300]
    return f"{passed[0]} lets everybody in without a login" if passed else ""


def _asker(address: str, gateway: model.Gateway) -> collections.abc.Callable[[str], tuple[int, str]]:
    # Nothing is said that a certificate would protect, and its names are not this unit's.
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    def ask(path: str) -> tuple[int, str]:
        """Return status and beginning of the answer; 0 when there is none."""
        connection = (
            http.client.HTTPSConnection(address, gateway.tls.port, timeout=_TIMEOUT, context=context)
            if gateway.tls
            else http.client.HTTPConnection(address, gateway.port, timeout=_TIMEOUT)
        )
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read(100).decode("latin-1")
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()

    return ask
