# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The head of a request in HTTP/2 (RFC 9113, section 8). Pure."""

import re

from gatekeeper import frames, head, hpack

_NAME = re.compile(rb"[a-z0-9!#$%&'*+.^_`|~-]+")
_METHOD = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,40}")
# What no value may hold (RFC 9113, section 8.2.1).
_BAD = b"\0\r\n"
_LENGTH = re.compile(rb"[0-9]{1,18}")
_PSEUDO = frozenset({b":method", b":scheme", b":authority", b":path"})
# They are about a connection of HTTP/1.1 (RFC 9113, section 8.2.2).
_OF_CONNECTIONS = frozenset({b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"})
# What a gateway says, beside a Cookie header, of a request of which nothing else decides who asks.
QUIET = _PSEUDO | frozenset(
    b"accept accept-encoding accept-language content-length content-type cookie origin referer"
    b" sec-fetch-dest sec-fetch-mode sec-fetch-site sec-fetch-user traceparent tracestate user-agent"
    b" x-authorization-check x-envoy-expected-rq-timeout-ms x-envoy-internal x-forwarded-for x-forwarded-host"
    b" x-forwarded-proto x-request-id x-requested-with".split()
)


def request(lines: hpack.Lines) -> tuple[head.Head, int | None]:
    """Return a request, as it would stand in HTTP/1.1, and the length of its body if it tells one.

    Raises:
        frames.StreamFault: it is malformed (RFC 9113, section 8.1.1).
    """
    pseudo: dict[bytes, bytes] = {}
    for name, value, _ in lines:
        if name not in _PSEUDO:
            break
        pseudo[name] = value
    # One that stands there twice is counted once, and then found among those that follow.
    headers = [(name, value) for name, value, _ in lines[len(pseudo) :]]
    for name, value in headers:
        if not _NAME.fullmatch(name) or name in _OF_CONNECTIONS or (name == b"te" and value != b"trailers"):
            raise _malformed()
    authority = pseudo.get(b":authority")
    if authority is not None:
        headers.append((b"host", authority))
    method, target = pseudo.get(b":method", b""), pseudo.get(b":path", b"")
    if not _METHOD.fullmatch(method) or (method != b"CONNECT" and not (target and pseudo.get(b":scheme"))):
        raise _malformed()
    if b" " in target or any(
        value.translate(None, _BAD) != value for value in (target, *(line[1] for line in headers))
    ):
        raise _malformed()
    # Of these a message has one (RFC 9110, section 5.3), and nobody shall guess which.
    hosts, lengths = ({value for key, value in headers if key == name} for name in (b"host", b"content-length"))
    if len(hosts) > 1 or len(lengths) > 1 or not all(map(_LENGTH.fullmatch, lengths)):
        raise _malformed()
    kept = [line for line in headers if line[0] != b"host"] + [(b"host", host) for host in hosts]
    return head.Head(method, target, kept), int(lengths.pop()) if lengths else None


def _malformed() -> frames.StreamFault:
    return frames.StreamFault(frames.Code.PROTOCOL_ERROR)
