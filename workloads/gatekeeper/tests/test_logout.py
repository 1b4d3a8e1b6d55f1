# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Whether a request that changes something comes from this site."""

import pytest
from gatekeeper import head, logout

PUBLIC = b"https://kubeflow.example.com"


@pytest.mark.parametrize(("site", "origin", "host", "same"), [
    (b"same-origin", b"", b"", True),
    (b"none", b"", b"", True),
    (b"same-site", PUBLIC, b"kubeflow.example.com", False),
    (b"cross-site", PUBLIC, b"kubeflow.example.com", False),
    (b"", PUBLIC, b"gatekeeper.svc:8080", True),
    (b"", b"http://10.1.1.1:8080", b"10.1.1.1:8080", True),
    (b"", b"https://evil.example.com", b"kubeflow.example.com", False),
    (b"", b"https://kubeflow.example.com.evil", b"kubeflow.example.com", False),
    (b"", b"null", b"kubeflow.example.com", False),
])  # fmt: skip
@pytest.mark.parametrize("strict", [True, False])
def test_who_sent_a_form(site: bytes, origin: bytes, host: bytes, same: bool, strict: bool):
    given = ((b"sec-fetch-site", site), (b"origin", origin), (b"host", host))
    request = head.Head(b"POST", b"/authservice/logout", [(name, value) for name, value in given if value])
    assert logout.is_same_origin(request, PUBLIC, strict=strict) is same


@pytest.mark.parametrize("strict", [True, False])
def test_who_says_nothing_may_log_out_and_no_more(strict: bool):
    assert logout.is_same_origin(head.Head(b"POST", b"/", []), PUBLIC, strict=strict) is not strict
