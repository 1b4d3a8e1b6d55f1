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
    return _let_in(ask, gateway) if version else _still_lets_in(ask, gateway)


def elsewhere(url: str, gateway: model.Gateway) -> str:
    """Return what is wrong with a gateway that takes its configuration in its own time, or an empty text.

    Args:
        url: where it is; one that does not answer lets nobody in.
        gateway: what it shall serve.
    """
    return _still_lets_in(loopback.client(url, gateway), gateway)


def _still_lets_in(ask: loopback.Ask, gateway: model.Gateway) -> str:
    """Return what is wrong after a while: what says no version may be about to take in what closes it."""
    end = time.monotonic() + _PATIENCE
    while (fault := _let_in(ask, gateway)) and time.monotonic() < end:
        time.sleep(0.2)
    return fault


def _let_in(ask: loopback.Ask, gateway: model.Gateway) -> str:
    protected = [route for route in gateway.table if route.protected and not gateway.everybody][:_MOST_PATHS]
    passed = [one for one in protected if 200 <= ask(one.prefix, one.domain).status < 300]
    return f"{passed[0].domain}{passed[0].prefix} lets everybody in without a login" if passed else ""
