# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import asyncio
import json

import pytest
import starlette.requests
import starlette.types
from reception import asking, contributors, desk, settings

OPTIONS = settings.parse(json.dumps({"listen": "a:1", "management": "a:2", "controller_listen": "a:3"}))


def request(*headers: tuple[str, str], pieces: tuple[bytes, ...] = ()) -> starlette.requests.Request:
    left = list(pieces)

    async def receive() -> starlette.types.Message:
        return {"type": "http.request", "body": left.pop(0) if left else b"", "more_body": bool(left)}

    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    return starlette.requests.Request({"type": "http", "headers": raw, "state": {}}, receive)


def test_one_user_id_and_all_groups_are_read():
    found = asking.visitor(
        request(("kubeflow-userid", "u"), ("kubeflow-groups", "a, b c"), ("kubeflow-groups", "d,,")), OPTIONS
    )
    assert found == desk.Visitor(userid="u", groups=frozenset({"a", "b c", "d"}))


@pytest.mark.parametrize(
    "headers", [(), (("kubeflow-userid", ""),), (("kubeflow-userid", "a"), ("Kubeflow-Userid", "b"))]
)
def test_nobody_or_two_is_nobody(headers: tuple[tuple[str, str], ...]):
    lowered = [(name.lower(), value) for name, value in headers]
    assert asking.visitor(request(*lowered), OPTIONS).userid == ""


@pytest.mark.parametrize(
    "given", ["", "short", "a b c d e f", "<script>alert(1)</script>", "x" * 65, '"quoted-id"', "-abcdefgh"]
)
def test_a_harmful_name_of_a_request_is_replaced(given: str):
    asked = request(("x-request-id", given))
    found = asking.request_id(asked)
    assert found != given
    assert len(found) == 36
    assert asking.request_id(asked) == found


def test_the_gateways_name_of_a_request_is_kept():
    assert asking.request_id(request(("x-request-id", "0f1e2d3c-4b5a"))) == "0f1e2d3c-4b5a"


@pytest.mark.parametrize(
    ("headers", "same"),
    [
        ([], True),
        ([("sec-fetch-site", "same-origin")], True),
        ([("sec-fetch-site", "none")], True),
        ([("sec-fetch-site", "same-site")], False),
        ([("sec-fetch-site", "cross-site")], False),
        ([("sec-fetch-site", "cross-site"), ("origin", "http://home"), ("host", "home")], False),
        ([("origin", "http://home:80"), ("host", "home:80")], True),
        ([("origin", "http://evil"), ("host", "home")], False),
        ([("origin", "null"), ("host", "home")], False),
        ([("origin", "http://home.evil"), ("host", "home")], False),
    ],
)
def test_a_form_of_another_site_is_known(headers: list[tuple[str, str]], same: bool):
    assert asking.same_origin(request(*headers)) is same


def test_a_body_is_read_whole_or_not_at_all():
    assert asyncio.run(asking.body(request(pieces=(b"a" * 5_000, b"b" * 5_000)))) == b"a" * 5_000 + b"b" * 5_000
    assert asyncio.run(asking.body(request(pieces=(b"a" * 5_000, b"b" * 5_001)))) == b""


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("user@example.com", True),
        ("a b", True),
        ("ä", True),
        ("u" * 320, True),
        ("", False),
        ("  ", False),
        ("a\nb", False),
        ("a\x00", False),
        ("u" * 321, False),
    ],
)
def test_what_can_be_a_user_id(text: str, good: bool):
    assert contributors.is_user(text) is good
