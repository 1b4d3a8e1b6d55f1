# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import base64
import hashlib
import html
import json
import re

import pytest
from reception import desk, pages, profiles, reasons, settings

OPTIONS = settings.parse(json.dumps({"listen": "a:1", "management": "a:2", "controller_listen": "a:3"}))
HOSTILE = '"><script>alert(1)</script>'
STEP = desk.Step(kind="waiting", name=HOSTILE, reason="profile_failed", detail=HOSTILE)


def shown() -> dict[str, str]:
    made = pages.Pages(OPTIONS)
    one = profiles.Profile(name=HOSTILE, owner=HOSTILE, trouble=HOSTILE)
    answers = {
        "refused": made.refused(STEP, HOSTILE, retry=made.link(HOSTILE)),
        "ask": made.ask(STEP, HOSTILE, destination=HOSTILE),
        "waiting": made.waiting(STEP, "abcdefgh", destination=HOSTILE),
        "listed": made.listed([one], "abcdefgh"),
    }
    return {name: bytes(answer.body).decode() for name, answer in answers.items()}


@pytest.mark.parametrize("name", ["refused", "ask", "waiting", "listed"])
def test_nothing_of_a_request_becomes_part_of_a_page(name: str):
    assert "<script>alert" not in shown()[name]
    assert "&gt;&lt;script&gt;" in shown()[name]


def test_scripts_and_styles_of_a_page_are_those_that_its_policy_names():
    answer = pages.Pages(OPTIONS).waiting(STEP, "abcdefgh", destination="/")
    text, policy = bytes(answer.body).decode(), answer.headers["content-security-policy"]
    for tag in ("script", "style"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("code", reasons._REASONS)
def test_every_refusal_has_a_request_id_and_a_command(code: str):
    answer = pages.Pages(OPTIONS).refused(desk.Step(kind="refused", reason=code), "request-1234", retry="/reception")
    text, why = bytes(answer.body).decode(), reasons.reason(code, OPTIONS.application)
    assert answer.status_code == why.status >= 400
    assert "request-1234" in text
    assert answer.headers["x-request-id"] == "request-1234"
    assert why.command.startswith(("juju ", "kubectl "))
    assert why.command in html.unescape(text)
