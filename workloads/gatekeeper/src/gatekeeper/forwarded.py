# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Checks of gateways that name the request in headers, as Traefik's ForwardAuth does, at a path of their own.

Nowhere else are these headers looked at: behind a gateway that passes them on, a client could name any request in them.
"""

import re

import starlette.types

from gatekeeper import renewal

_URI, _METHOD, _HOST = b"x-forwarded-uri", b"x-forwarded-method", b"x-forwarded-host"
_TARGET = re.compile(rb"/[\x21-\x7e]*")
_TOKEN = re.compile(rb"[A-Z]{1,20}")


def request(scope: starlette.types.Scope) -> starlette.types.Scope | None:
    """Return the request that a check is about, or None if it names none in a way that can only be read once.

    A gateway that marks its checks asks about the path itself; who stands in a header then is its client's choice.
    """
    lines: list[tuple[bytes, bytes]] = list(scope["headers"])
    named = {name: [value for key, value in lines if key == name] for name in (_URI, _METHOD, _HOST)}
    if len(named[_URI]) != 1 or len(named[_METHOD]) != 1 or len(named[_HOST]) > 1:
        return None
    target, method = named[_URI][0], named[_METHOD][0]
    marked = any(key == renewal.CHECK_HEADER for key, _ in lines)
    if marked or scope["method"] != "GET" or not _TARGET.fullmatch(target) or not _TOKEN.fullmatch(method):
        return None
    path, _, query = target.partition(b"?")
    # Without the name under which the gateway reached this service.
    headers = [(key, value) for key, value in lines if key not in (*named, b"host")]
    headers += [(b"host", host) for host in named[_HOST]]
    return {**scope, "method": method.decode(), "raw_path": path, "query_string": query, "headers": headers}
