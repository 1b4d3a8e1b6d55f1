# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What begins and ends a login: return paths, attempts, sealed texts, cookies."""

import json
import urllib.parse

import hypothesis
import hypothesis.strategies as st
import pytest
from gatekeeper import cookies, login, sealed
from gatekeeper_support import NOW, options

KEY, OTHER = b"k" * 32, b"o" * 32
ENDPOINT = "http://127.0.0.1:8080/dex/auth"


def logins(key: bytes = KEY, **changes: object) -> login.Logins:
    return login.Logins(options(**changes), sealed.Sealer([key]))


def jar(begun: login.Begun) -> bytes:
    return "; ".join(line.partition(";")[0] for line in begun.cookies if "Max-Age=0" not in line).encode()


def state_of(begun: login.Begun) -> str:
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(begun.url).query))["state"]


@pytest.mark.parametrize(
    "path",
    ["/", "/x", "/a%20b/c?x=1&y=%2Fz&empty=", "/a//b", "/x?next=//evil.example", "/x?q=%0A", "/dex", "/authservice"],
)
def test_paths_of_this_site_are_kept(path: str):
    assert login.return_path(path.encode(), "/authservice") == path


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example", "/\\evil.example", "/%2Fevil.example", "/%5Cevil.example", "/%252Fevil.example",
        "/.//evil.example", "/..//evil.example", "/%2e/%2fevil.example", "/%09/evil.example", "/a%0d%0ab", "/a\tb",
        "http://evil.example/", "evil.example", "", "/é", "/" + "x" * 2000, "/authservice/logout", "/a b", "\\/x",
        "/%25252525252Fevil.example",
    ],
)  # fmt: skip
def test_whatever_could_lead_elsewhere_becomes_the_front_page(path: str):
    assert login.return_path(path.encode(), "/authservice") == "/"


@hypothesis.given(st.binary(max_size=60).map(lambda tail: b"/" + tail))
def test_a_return_path_is_always_on_this_site(target: bytes):
    path = login.return_path(target, "/authservice")
    resolved = urllib.parse.urlsplit(urllib.parse.urljoin("http://here.example/authservice/oidc/callback", path))
    assert (resolved.scheme, resolved.netloc) == ("http", "here.example")
    assert path.isascii()
    assert path.isprintable()
    # As browsers read it: backslash is slash, tabs and line ends are dropped.
    browser = path.replace("\\", "/").translate({9: None, 10: None, 13: None})
    assert not browser.startswith("//")


@hypothesis.given(st.lists(st.tuples(st.binary(max_size=20), st.binary(max_size=20))), st.binary(max_size=30))
def test_a_cookie_is_found_in_any_company(noise: list[tuple[bytes, bytes]], junk: bytes):
    noise = [(name, value) for name, value in noise if b";" not in name + value and name.strip(b" \t") != b"wanted"]
    noise = [(name, value) for name, value in noise if not name.strip(b" \t").startswith(b"wanted=")]
    line = b"; ".join([name + b"=" + value for name, value in noise] + [b"wanted=1", b"wanted=2"])
    assert cookies.values([line], b"wanted") == [b"1", b"2"]
    assert cookies.values([b"wanted=0", line], b"wanted") == [b"0", b"1", b"2"]
    list(cookies.pairs([junk]))


@pytest.mark.parametrize(("name", "value"), [("a;b", "1"), ("a", "1;x"), ("a", "1\r\nx: y"), ("", "1"), ("a", "ü")])
def test_a_cookie_that_would_break_its_header_is_never_written(name: str, value: str):
    with pytest.raises(ValueError, match="cookie"):
        cookies.write(name, value, max_age=1, secure=False)


def test_cookies_say_secure_only_on_https():
    assert "Secure" not in cookies.write("a", "1", max_age=1, secure=False)
    assert cookies.write("a", "1", max_age=9, secure=True).split("; ")[1:] == [
        "Path=/", "Max-Age=9", "HttpOnly", "SameSite=Lax", "Secure",
    ]  # fmt: skip


@hypothesis.given(st.binary(max_size=200), st.binary(max_size=30))
def test_what_is_sealed_opens_for_its_purpose_only(text: bytes, purpose: bytes):
    box = sealed.Sealer([KEY]).seal(text, purpose=purpose)
    assert sealed.Sealer([OTHER, KEY]).open(box, purpose=purpose) == text
    assert sealed.Sealer([KEY]).open(box, purpose=purpose + b"x") is None
    assert sealed.Sealer([OTHER]).open(box, purpose=purpose) is None


@hypothesis.given(st.one_of(st.binary(max_size=200), st.text(max_size=200)))
def test_anything_else_does_not_open(junk: bytes | str):
    assert sealed.Sealer([KEY]).open(junk, purpose=b"p") is None


def test_every_bit_of_a_sealed_text_counts():
    box = bytearray(sealed.Sealer([KEY]).seal(b"text", purpose=b"p"), "ascii")
    for place in range(len(box) - 1):
        changed = bytearray(box)
        changed[place] = ord("A") if changed[place] != ord("A") else ord("B")
        assert sealed.Sealer([KEY]).open(bytes(changed), purpose=b"p") is None


def test_an_attempt_comes_back_with_its_state():
    begun = logins().begin(ENDPOINT, "/page?x=1", [], NOW)
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(begun.url).query))
    assert query["redirect_uri"] == "http://127.0.0.1:8080/authservice/oidc/callback"
    assert query["code_challenge_method"] == "S256"
    # Another replica, after a restart: only the key is shared.
    state = logins().read_state(query["state"])
    assert state
    assert (state.path, state.rounds) == ("/page?x=1", 0)
    attempt = logins().read_attempt(state, [b"x=y", jar(begun)], NOW + 1799)
    assert attempt
    assert attempt.nonce == query["nonce"]
    assert "/page" not in begun.cookies[0]
    assert attempt.verifier not in begun.url + begun.cookies[0]


def test_an_attempt_of_another_browser_or_time_does_not_count():
    mine, theirs = (logins().begin(ENDPOINT, "/", [], NOW) for _ in range(2))
    state = logins().read_state(state_of(mine))
    assert state
    assert logins().read_attempt(state, [], NOW) is None
    assert logins().read_attempt(state, [jar(theirs)], NOW) is None
    for at in (NOW - 60, NOW, NOW + 1799):
        assert logins().read_attempt(state, [jar(mine)], at)
    # Too old, and from the future: further than two clocks differ.
    for at in (NOW - 61, NOW + 1800, NOW + 1801):
        assert logins().read_attempt(state, [jar(mine)], at) is None
    # The content of another attempt under the right name: the name is part of what is sealed.
    swapped = state.attempt.encode() + b"=" + jar(theirs).partition(b"=")[2]
    assert logins().read_attempt(state, [swapped], NOW) is None
    assert logins(OTHER).read_state(state_of(mine)) is None
    # A cookie's value is no state.
    assert logins().read_state(jar(mine).partition(b"=")[2].decode()) is None


def test_a_browser_keeps_five_attempts_at_most():
    sent: list[bytes] = []
    for number in range(9):
        begun = logins().begin(ENDPOINT, "/", sent, NOW + number)
        gone = {line.partition("=")[0].encode() for line in begun.cookies if "Max-Age=0" in line}
        sent = [line for line in sent if line.partition(b"=")[0] not in gone] + [jar(begun)]
    assert len(sent) == 5
    times = [int(name.split("_")[2], 16) for name in login.attempts(sent)]
    assert times == [int(NOW) + number for number in range(4, 9)]


def test_names_that_are_no_attempts_are_left_alone():
    sent = [b"authservice_login_zz_x=1; authservice_login_=1; authservice_login_00000001_;x=1; authservice_loginx=2"]
    assert login.attempts(sent) == []


def test_the_longest_path_fits_and_cookies_stay_small():
    path = "/" + "x" * 1999
    begun = logins().begin(ENDPOINT, path, [], NOW)
    state = logins().read_state(state_of(begun))
    assert state
    assert state.path == path
    assert len(begun.cookies[0]) < 400
    assert json.loads(json.dumps(path)) == path
