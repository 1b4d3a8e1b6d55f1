# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Asks the gateway itself, after each change, for protected paths without a session."""

import time

import envoy
import loopback
import model

# Every prefix costs a request in every hook.
_MOST_PATHS = 5
# How long a gateway may take to read what was written.
_PATIENCE = 3.0


def run(address: str, gateway: model.Gateway, version: str = "") -> str:
    """Return what is wrong, or an empty text; a gateway that does not answer is a matter of its check.

    Args:
        address: where the gateway of this unit listens.
        gateway: what it shall serve.
        version: what it says once it does; empty for an engine that does not say it.
    """
    ask = loopback.client(address, gateway)
    end = time.monotonic() + _PATIENCE
    while True:
        answer = ask(envoy.VERSION_PATH)
        if answer.status == 0:
            return ""
        if not version or answer.text == version:
            break
        if time.monotonic() > end:
            return "Envoy did not take its configuration"
        time.sleep(0.05)
    protected = [route.prefix for route in gateway.table if route.protected and not gateway.everybody]
    passed = [prefix for prefix in protected[:_MOST_PATHS] if 200 <= ask(prefix).status < 300]
    return f"{passed[0]} lets everybody in without a login" if passed else ""
