# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The routes as a table for a person: what is configured, what the gateway answers, whether the application is up."""

import collections.abc

import loopback
import model

_HEAD = ("PREFIX", "APPLICATION", "LOGIN", "GATEWAY SAYS", "TARGET", "HEALTH")
_WORDS = {0: "nothing", 301: "login", 302: "login", 303: "login", 307: "login", 401: "login", 404: "no such route"}


def show(gateway: model.Gateway, ask: loopback.Ask, listens: collections.abc.Callable[[str, int], str]) -> str:
    """Return the table.

    Args:
        gateway: what is configured.
        ask: asks the gateway for a path without a session.
        listens: says whether an application listens.
    """
    rows: list[tuple[str, ...]] = [_HEAD]
    for route in gateway.table:
        # A session is of the public host; at another one, only a token says who somebody is.
        needed = "token" if route.domain else "needed"
        login = needed if gateway.asks(route) else "refused" if gateway.refuses(route) else "none"
        status = ask(route.prefix, route.domain).status
        word = _WORDS.get(status, "") if gateway.asks(route) or status in (0, 404) else ""
        said = f"{status} {word}".strip() if status else "nothing"
        health = listens(route.host, route.port)
        rows.append((route.domain + route.prefix, route.application, login, said, f"{route.host}:{route.port}", health))
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
