# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Pages: nothing of a request gets into them unescaped, and programs get JSON."""

import json

import pytest
from gatekeeper import head, pages, reasons
from gatekeeper_support import options

HTML = head.Head(b"GET", b"/", [(b"accept", b"text/html"), (b"x-request-id", b"request-1234")])
JSON = head.Head(b"GET", b"/", [(b"accept", b"application/json"), (b"x-request-id", b"request-1234")])


@pytest.fixture
def renderer() -> pages.Pages:
    return pages.Pages(options())


@pytest.mark.parametrize("code", sorted(reasons._REASONS))
def test_every_reason_has_a_page_and_an_answer_for_programs(renderer: pages.Pages, code: str):
    page, plain = renderer.error(HTML, code), renderer.error(JSON, code)
    assert page.status == plain.status == reasons.reason(code).status >= 400
    assert code in page.body.decode()
    assert "request-1234" in page.body.decode()
    assert json.loads(plain.body)["request_id"] == "request-1234"
    assert page.header("cache-control") == plain.header("cache-control") == ["no-store"]
    assert page.header("x-frame-options") == ["DENY"]
    assert bool(page.header("retry-after")) == (page.status == 503)


def test_where_a_link_leads_stays_a_link(renderer: pages.Pages):
    text = renderer.error(HTML, "internal", retry='/"><script>').body.decode()
    assert "<script" not in text


def test_a_forged_request_id_is_replaced(renderer: pages.Pages):
    for bad in (b"<script>alert(1)</script>", b"a\r\nx: y-12345", b"", b"x" * 65):
        asked = head.Head(b"GET", b"/", [(b"accept", b"text/html"), (b"x-request-id", bad)])
        given = renderer.error(asked, "internal")
        assert len(given.header("x-request-id")[0]) == 36
        assert not bad or bad not in given.body


def test_the_logout_page_posts_to_this_service_only(renderer: pages.Pages):
    page = renderer.confirm_logout(HTML)
    assert b'action="/authservice/logout"' in page.body
    assert page.header("set-cookie") == []
