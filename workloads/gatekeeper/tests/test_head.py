# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Heads of requests: what a target is, in all its forms."""

import pytest
from gatekeeper import head


@pytest.mark.parametrize(("target", "path"), [
    (b"/x?y=http://h/z", b"/x?y=http://h/z"), (b"http://h/x?y", b"/x?y"), (b"http://h", b"/"), (b"*", b"/"),
    (b"http://h?/authservice/healthz", b"/?/authservice/healthz"), (b"http://u@h:1/x", b"/x"), (b"h:443", b"/"),
    (b"http://h#/authservice/healthz", b"/#/authservice/healthz"), (b"//h/authservice/keys", b"//h/authservice/keys"),
    (b"x?://h/authservice/healthz", b"/"),
])  # fmt: skip
def test_the_path_of_a_target(target: bytes, path: bytes):
    assert head.Head(b"GET", target, []).path == path
