# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import urllib.parse

import hypothesis
import hypothesis.strategies as st
import pytest
from reception import destination


def read(text: str) -> str:
    return destination.read(f"next={urllib.parse.quote(text, safe='')}", own="/reception")


@pytest.mark.parametrize(
    "text",
    [
        "/",
        "/notebook/kubeflow-user/mytest/lab",
        "/a?b=c&d=%2F",
        "/a#b",
        "/a?next=//x",
        "/receptions",
        "/_/pipeline/#/x",
    ],
)
def test_a_path_is_kept_to_the_letter(text: str):
    assert read(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "https://evil.example", "//evil.example", "/\\evil.example", "\\/evil.example", "/\t/evil.example",
        "/\n/evil.example", "javascript:alert(1)", "/a\r\nSet-Cookie: x=y", "/./", "/..//evil.example",
        "/.//evil.example", "/%2e//evil.example", "/a/..//evil.example", "/reception", "/reception/",
        "/reception?next=%2F", "/reception/profiles", "/" + "a" * 5000, "/\u2028x",
    ],
)  # fmt: skip
def test_anything_else_is_nothing(text: str):
    assert read(text) == ""


@pytest.mark.parametrize("query", ["", "other=/x", "next=/a&next=/b", "next=%ff", "&" * 50 + "next=/a" * 3])
def test_a_query_without_one_destination_is_nothing(query: str):
    assert destination.read(query, own="/reception") == ""


def test_letters_beyond_ascii_are_encoded():
    assert read("/ä b") == "/%C3%A4%20b"


@hypothesis.given(st.text(max_size=50))
def test_every_destination_stays_at_home(text: str):
    found = read(text)
    assert found == "" or (found.isascii() and found.isprintable())
    assert urllib.parse.urljoin("https://home.example/reception", found or "/").startswith("https://home.example/")
