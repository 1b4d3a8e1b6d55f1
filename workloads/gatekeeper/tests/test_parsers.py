# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What hostile bytes may do to the parsers: nothing but be refused, or be read as everybody else reads them."""

import base64
import collections.abc
import contextlib
import functools
import http.cookies
import ipaddress
import json
import pathlib
import re
import socket
import string
import time
import typing
import urllib.parse

import ada_url
import attacks
import gatekeeper_support as support
import hypothesis
import pydantic
import pytest
import starlette.requests
from gatekeeper import (
    cookies,
    fields,
    head,
    identity,
    idtoken,
    journal,
    login,
    revocation,
    sealed,
    session,
    settings,
    skip,
    tokens,
)
from hypothesis import strategies

SITE = "http://gateway.test:8080"
TOKEN = "abcXYZ019!#$&'*+-.^_`|~"
BYTES = strategies.binary(max_size=300)
many = hypothesis.settings(deadline=None, max_examples=400)


# Cookies


def field(alphabet: str, least: int = 0) -> strategies.SearchStrategy[str]:
    return strategies.text(alphabet, min_size=least, max_size=12)


PAIRS = strategies.lists(strategies.tuples(field(TOKEN, 1), field(TOKEN + "=:/()<>@,%[]{}")), max_size=8)


@many
@hypothesis.given(PAIRS, strategies.sampled_from([";", "; ", " ; ", ";;", ";\t"]))
def test_cookies_are_those_that_another_server_finds(pairs: list[tuple[str, str]], between: str):
    line = between.join(f"{name}={value}" for name, value in pairs)
    found = [(name.decode(), value.decode()) for name, value in cookies.pairs([line.encode()])]
    assert found == pairs
    assert dict(found) == starlette.requests.cookie_parser(line)


@many
@hypothesis.given(strategies.lists(BYTES, max_size=4), strategies.sampled_from([b"a", b"authservice_session", b""]))
def test_cookies_of_one_name_are_among_all_cookies(lines: list[bytes], name: bytes):
    if lines and lines[0]:
        lines[0] = b"x=1;" + name + b"=" + lines[0]
    found = list(cookies.pairs(lines))
    if name:
        assert cookies.values(lines, name) == [value for key, value in found if key == name]
    for key, value in found:
        assert key
        assert b";" not in key + value
        assert any(key + b"=" + value in line for line in lines)


@many
@hypothesis.given(strategies.text(max_size=20), strategies.text(max_size=20), strategies.integers(0, 10**9))
def test_a_cookie_that_is_written_is_read_as_it_was_meant(name: str, value: str, seconds: int):
    try:
        line = cookies.write(name, value, max_age=seconds, secure=True)
    except ValueError:
        return
    found = http.cookies.SimpleCookie()
    found.load(line)
    assert list(found) == [name]
    morsel = found[name]
    assert (morsel.value, morsel["max-age"], morsel["path"]) == (value, str(seconds), "/")
    assert (morsel["httponly"], morsel["secure"], morsel["samesite"], morsel["domain"]) == (True, True, "Lax", "")


# Heads of requests

HEADERS = strategies.lists(
    strategies.tuples(
        strategies.sampled_from([
            b"accept", b"cookie", b"host", b"sec-fetch-mode", b"sec-fetch-dest", b"upgrade", b"x-request-id",
            b"x-requested-with", b"authorization",
        ]),
        BYTES
        | strategies.sampled_from([b"text/html", b"navigate", b"*/*", b"application/json", b"websocket", b"empty"]),
    ),
    max_size=6,
)  # fmt: skip


@many
@hypothesis.given(strategies.sampled_from([b"GET", b"POST", b"HEAD", b"X"]), BYTES, HEADERS)
def test_a_head_is_read_or_not_and_never_breaks_anything(
    method: bytes, target: bytes, headers: list[tuple[bytes, bytes]]
):
    request = head.Head(method, target, headers)
    assert request.path.startswith(b"/")
    assert request.path in (target, b"/" + target) or target.endswith(request.path.removeprefix(b"/"))
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}", request.request_id)
    assert isinstance(request.is_page_load, bool)
    for name, _ in headers:
        values = [value for key, value in headers if key == name]
        assert request.all(name) == values
        assert request.get(name) == values[0]


SAFE = string.ascii_letters + string.digits + "-._~"


@many
@hypothesis.given(
    strategies.sampled_from(["http", "https", "HTTP", "ws"]),
    field(SAFE, 1),
    strategies.none() | strategies.integers(1, 65535),
    strategies.lists(field(SAFE), max_size=4),
    strategies.none() | field(SAFE + "/?:@=&"),
)
def test_a_target_in_absolute_form_has_the_path_that_urllib_finds(
    scheme: str, host: str, port: int | None, parts: list[str], query: str | None
):
    target = f"{scheme}://{host}{f':{port}' if port else ''}" + "".join(f"/{part}" for part in parts)
    target += "" if query is None else f"?{query}"
    seen = urllib.parse.urlsplit(target)
    expected = (seen.path or "/") + ("" if query is None else f"?{query}")
    assert head.Head(b"GET", target.encode(), []).path.decode() == expected


# Where a login leads back to

PIECES = strategies.lists(
    strategies.sampled_from([
        "/", "//", "\\", "%5c", "%5C", "%2f", "%2F", "%255c", "%25", ".", "..", "%2e", "@", ":", "http:", "https://",
        "evil.example", "javascript:", "\t", "\n", "\r", "%09", "%0a", "%00", " ", "%20", "?", "#", "&", "=", "a", "é",
        "authservice", "\x01", "%01", "\u2028", "%e2%80%a8", "[", "]", ";",
    ]),
    max_size=9,
)  # fmt: skip


@hypothesis.settings(deadline=None, max_examples=2000)
@hypothesis.given(PIECES.map("".join).map(str.encode) | BYTES | BYTES.map(lambda data: b"/" + data))
def test_a_login_leads_back_to_this_site_however_a_browser_reads_it(target: bytes):
    path = login.return_path(target, "/authservice")
    assert path == "/" or path.encode() == target.partition(b"#")[0]
    seen = path
    # As it is, and as it may come to a browser after others have decoded it once, twice, ...
    for _ in range(4):
        found = ada_url.join_url(f"{SITE}/some/page", seen)
        assert found.startswith(SITE + "/"), (target, seen)
        seen = urllib.parse.unquote(seen, "latin-1")


# Paths that need no login


@many
@hypothesis.given(strategies.lists(strategies.sampled_from(attacks.PIECES), max_size=9).map(b"".join) | BYTES)
def test_a_path_is_open_only_if_everybody_reads_it_so(path: bytes):
    path = b"/public" + path
    if skip.Skips(["/public"]).covers(path):
        for reading in attacks.readings(path):
            assert reading == "/public" or reading.startswith("/public/"), reading
        # As a browser and Node would take it apart.
        found = urllib.parse.urlsplit(ada_url.join_url(SITE, path.decode("latin-1"))).path
        assert found == "/public" or found.startswith("/public/")


@many
@hypothesis.given(
    strategies.lists(field(SAFE, 1), min_size=1, max_size=4), strategies.lists(field(SAFE, 1), max_size=3)
)
def test_what_stands_below_an_open_path_is_open(parts: list[str], below: list[str]):
    hypothesis.assume(not any(re.fullmatch(r"\.+", part) for part in parts + below))
    option = fields._skip("/" + "/".join(parts))
    known = skip.Skips([option])
    assert known.covers(("/" + "/".join(parts + below)).encode())
    assert not known.covers(("/" + "/".join(parts[:-1])).encode())
    assert not known.covers(("/" + "/".join(parts) + "x").encode())


# Tokens

JSON = strategies.recursive(
    strategies.none()
    | strategies.booleans()
    | strategies.integers()
    | strategies.floats()
    | strategies.text(max_size=9),
    lambda inner: strategies.lists(inner, max_size=3) | strategies.dictionaries(strategies.text(max_size=6), inner),
    max_leaves=8,
)
CLAIMS = strategies.dictionaries(
    strategies.sampled_from(["iss", "aud", "exp", "nbf", "iat", "azp", "email", "groups", "nonce", "sub"])
    | field("ab", 1),
    JSON,
    max_size=8,
)


def segment(content: object) -> bytes:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=")


@many
@hypothesis.given(JSON | CLAIMS, JSON | CLAIMS, BYTES)
def test_a_token_is_taken_apart_as_json_says_or_refused(header: object, claims: object, rest: bytes):
    raw = segment(header) + b"." + segment(claims) + b"." + rest
    try:
        found = tokens.parse(raw, longest=100_000)
    except tokens.RefusedError as refused:
        assert refused.reason.startswith("token_")
        return
    assert isinstance(header, dict)
    # Not by ==: what is not a number is not even equal to itself.
    assert json.dumps(found.claims) == json.dumps(claims)
    assert (found.kid, found.algorithm) == (header["kid"], header["alg"])
    assert rest
    assert b"." not in rest


@many
@hypothesis.given(BYTES | strategies.lists(BYTES.map(base64.urlsafe_b64encode), max_size=4).map(b".".join))
def test_bytes_that_are_no_token_are_refused_with_a_reason(raw: bytes):
    with pytest.raises(tokens.RefusedError, match=r"^token_[a-z_]+$"):
        tokens.parse(raw, longest=200)


@many
@hypothesis.given(CLAIMS)
def test_claims_of_any_shape_prove_nothing_or_what_they_must(claims: dict[str, object]):
    now = support.NOW
    try:
        end = tokens.check(claims, issuer="i", audiences=("a",), now=now)
    except tokens.RefusedError:
        return
    assert claims["iss"] == "i"
    assert end > now


@many
@hypothesis.given(JSON)
def test_keys_of_any_shape_are_passed_over(document: object):
    assert idtoken.read_keys(document) == {}
    assert idtoken.read_keys({"keys": document}) == {}
    assert idtoken.read_keys({"keys": [{"kty": "EC", "kid": "k", "crv": document, "x": document}]}) == {}


@functools.cache
def sessions() -> tuple[session.Sessions, bytes]:
    made = session.Sessions(support.options(), revocation.Ledger())
    return made, made.mint(identity.Identity(userid="user@example.com"), support.NOW).encode()


def decoded(text: bytes) -> list[bytes]:
    return [base64.urlsafe_b64decode(part + b"==") for part in text.split(b".")]


@many
@hypothesis.given(strategies.data())
def test_a_session_in_which_anything_was_changed_proves_nothing(data: strategies.DataObject):
    made, token = sessions()
    place = data.draw(strategies.integers(0, len(token) - 1))
    text = data.draw(strategies.binary(max_size=3))
    changed = token[:place] + text + token[place + data.draw(strategies.integers(0, 3)) :]
    with contextlib.suppress(ValueError):
        # The same bytes written otherwise, in the bits that base64 does not use.
        hypothesis.assume(changed != token and decoded(changed) != decoded(token))
    with pytest.raises(tokens.RefusedError):
        made.verify(changed, support.NOW + 1)


SEALER = sealed.Sealer([bytes(32), bytes(range(32))])


@many
@hypothesis.given(BYTES, strategies.data())
def test_a_sealed_text_is_opened_whole_or_not_at_all(text: bytes, data: strategies.DataObject):
    closed = SEALER.seal(text, purpose=b"p")
    assert SEALER.open(closed, purpose=b"p") == text
    assert SEALER.open(closed, purpose=b"q") is None
    assert sealed.Sealer([bytes(31) + b"x"]).open(closed, purpose=b"p") is None
    place = data.draw(strategies.integers(0, len(closed) - 1))
    other = strategies.text(max_size=2) | strategies.sampled_from("+/=-_" + closed[place:][:1].swapcase())
    changed = closed[:place] + data.draw(other) + closed[place + 1 :]
    hypothesis.assume(changed != closed)
    assert SEALER.open(changed, purpose=b"p") is None


def test_a_sealed_text_has_one_spelling():
    spelled = next(text for text in iter(lambda: SEALER.seal(b"xy", purpose=b"p"), "") if {"-", "_"} <= set(text))
    others = {spelled.replace("-", "+"), spelled.replace("_", "/"), f"{spelled}=", f"{spelled} ", f" {spelled}"}
    # Of the last character, some bits stand for nothing.
    others |= {spelled[:-1] + character for character in string.ascii_letters} - {spelled}
    assert [text for text in others if SEALER.open(text, purpose=b"p") is not None] == []


@many
@hypothesis.given(BYTES | CLAIMS.map(lambda content: json.dumps(content).encode()))
def test_a_line_of_the_journal_is_a_record_or_passed_over(line: bytes):
    found = journal.read(line)
    assert found is None or found.expires >= 0


# Options

TEXT = strategies.text(max_size=40) | PIECES.map("".join) | field(TOKEN + ":/.?#@[]%\\ ", 1)


def accepted(check: collections.abc.Callable[[str], str], text: str) -> str | None:
    """Return what a check makes of a text, None if it refuses it, as it must: with a sentence."""
    try:
        return check(text)
    except ValueError as error:
        assert str(error)
        return None


@many
@hypothesis.given(TEXT.map(lambda text: text if "://" in text else f"http://{text}"))
def test_an_origin_is_one_for_a_browser_too(text: str):
    found = accepted(fields._origin, text)
    # What punycode there is is the browser's business.
    if found and "xn--" not in found.lower():
        seen = ada_url.URL(found)
        assert seen.protocol in ("http:", "https:")
        assert seen.hostname
        assert (seen.username, seen.password, seen.search, seen.hash) == ("", "", "", "")
        assert seen.pathname == "/"
        assert not found.endswith("/")


@many
@hypothesis.given(TEXT | TEXT.map(lambda text: "/" + text))
def test_where_a_logout_leads_is_where_the_operator_reads_it(text: str):
    found = accepted(fields._destination, text)
    if found is not None and found.startswith("/"):
        assert ada_url.join_url(f"{SITE}/x", found).startswith(SITE + "/")
    elif found is not None:
        hypothesis.assume("xn--" not in found.lower())
        seen = ada_url.URL(found)
        assert seen.protocol in ("http:", "https:")
        if not seen.hostname.startswith("["):
            assert seen.hostname == urllib.parse.urlsplit(found).hostname


@many
@hypothesis.given(TEXT)
def test_names_of_headers_cookies_and_prefixes_break_out_of_nothing(text: str):
    header = accepted(fields._header, text)
    assert header is None or (
        re.fullmatch(r"[a-z0-9-]+", header) and header not in ("host", "cookie", "content-length")
    )
    cookie = accepted(fields._cookie, text)
    assert cookie is None or re.fullmatch(r"[A-Za-z0-9_-]+", cookie)
    prefix = accepted(fields._prefix, text)
    assert prefix is None or ada_url.join_url(SITE, prefix) == SITE + prefix


@many
@hypothesis.given(
    TEXT | strategies.integers(-1, 70000).map(lambda port: f"0.0.0.0:{port}") | TEXT.map("[::1]:{}".format)
)
def test_a_place_to_listen_at_is_a_host_and_a_port(text: str):
    found = accepted(fields._listen, text)
    if found is not None:
        host, port = fields.address(found)
        assert 0 <= port <= 65535
        with contextlib.suppress(ValueError):
            assert str(ipaddress.ip_address(host))
        assert not set(host) & set(" /@[]")


@many
@hypothesis.given(BYTES.map(base64.urlsafe_b64encode).map(bytes.decode) | TEXT)
def test_a_key_is_32_bytes_or_none(text: str):
    try:
        key = fields.state_key(pydantic.SecretStr(text))
    except ValueError as error:
        assert len(text) < 8 or text not in str(error)
        return
    assert len(key) == 32
    assert base64.urlsafe_b64encode(key).decode().rstrip("=") == text.rstrip("=")


def test_a_bundle_has_comments_in_any_language(tmp_path: pathlib.Path):
    support.certificate(tmp_path, tmp_path / "ca.pem")
    bundle = (tmp_path / "ca.pem").read_text()
    assert support.options(ca_bundle=f"# Zürich, 東京\n{bundle}").ca_bundle.endswith(bundle.strip())
    assert support.options(ca_bundle=" \n").ca_bundle == ""
    with pytest.raises(settings.ConfigurationError, match=r"^ca_bundle: must be certificates"):
        support.options(ca_bundle=bundle.replace("BEGIN", "é"))


FIELDS = strategies.dictionaries(strategies.sampled_from(sorted(settings.Settings.model_fields)), JSON, max_size=6)


@many
@hypothesis.given(FIELDS)
def test_a_configuration_of_any_shape_is_used_or_explained(changes: dict[str, typing.Any]):
    hidden = "hidden-client-secret"
    text = json.dumps({**support.document(client_secret=hidden), **changes})
    try:
        settings.parse(text)
    except settings.ConfigurationError as error:
        for line in str(error).splitlines():
            assert re.match(r"[a-z_]+.*: .", line), line
        assert hidden not in str(error)
        assert support.PEM not in str(error)


# All of it, on the wire

LINES = strategies.lists(
    strategies.sampled_from([
        b"GET /x HTTP/1.1\r\n", b"POST /x HTTP/1.1\r\n", b"GET /public HTTP/1.1\r\n", b"GET /x HTTP/1.0\r\n", b"\r\n",
        b"host: h\r\n", b"cookie: authservice_session=x\r\n", b"authorization: Bearer x\r\n", b"content-length: 5\r\n",
        b"content-length: 0\r\n", b"transfer-encoding: chunked\r\n", b"expect: 100-continue\r\n", b"\n", b"\x00",
        b"connection: close\r\n", b"0\r\n\r\n", b"5\r\nhello\r\n", b"hello", b"x-forwarded-uri: /public\r\n", b" x",
        b"upgrade: websocket\r\n",
        b"GET /authservice/verify HTTP/1.1\r\n", b": x\r\n", b"accept: text/html\r\n", b"connection: upgrade\r\n",
    ])
    | strategies.binary(max_size=9),
    max_size=14,
)  # fmt: skip


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> collections.abc.Iterator[support.Running]:
    made = support.Running(tmp_path_factory.mktemp("wire"), issuer="http://127.0.0.1:1/dex", skip_auth=["/nowhere"])
    yield made
    assert made.stop() == 0


@hypothesis.settings(deadline=None, max_examples=300)
@hypothesis.given(LINES)
def test_nothing_that_is_sent_without_a_session_is_let_in(service: support.Running, lines: list[bytes]):
    with socket.create_connection(("127.0.0.1", service.port), timeout=5) as client:
        client.sendall(b"".join(lines))
        client.shutdown(socket.SHUT_WR)
        received = b""
        with contextlib.suppress(ConnectionError):
            while piece := client.recv(65536):
                received += piece
    statuses = re.findall(rb"HTTP/1\.1 (\d{3}) ", received)
    assert b"HTTP/1.1 2" not in received.replace(b"HTTP/1.1 100", b""), received
    assert set(statuses) <= {b"100", b"302", b"303", b"400", b"401", b"404", b"405", b"408", b"431", b"503"}, received
    assert service.process.poll() is None


def test_the_service_has_kept_its_wits(service: support.Running, tmp_path: pathlib.Path):
    made = session.Sessions(service.options, revocation.Ledger())
    token = made.mint(identity.Identity(userid="user@example.com"), time.time())
    with service.client() as client:
        assert client.get("/x", headers={"cookie": f"authservice_session={token}"}).status_code == 200
    assert [line for line in service.log() if line["level"] in ("error", "critical")] == []
