# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""An HTTP response as a value, and as bytes on the wire."""

import dataclasses
import http


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """An HTTP response; the fast path and the application give the same ones."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


def serialise(answer: Answer, *, close: bool = False, head: bool = False) -> bytes:
    """Return an answer as HTTP/1.1 (RFC 9112).

    Args:
        answer: what to send.
        close: say that the connection ends afterwards.
        head: leave the body out, as the answer to HEAD does.
    """
    lines = [f"HTTP/1.1 {answer.status} {http.HTTPStatus(answer.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in answer.headers]
    lines.append(f"content-length: {len(answer.body)}")
    if close:
        lines.append("connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (b"" if head else answer.body)
