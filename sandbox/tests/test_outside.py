# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import socket

import pytest
from charmkit.interfaces import ingress

from sandbox import outside


@pytest.mark.parametrize(
    ("text", "prefix", "rewrite", "host", "port"),
    [
        ("/mine=http://10.0.0.1:3000", "/mine", "/mine", "10.0.0.1", 3000),
        ("/mine=http://10.0.0.1:3000/", "/mine", "/", "10.0.0.1", 3000),
        ("/mine=http://10.0.0.1:3000/app/v1/", "/mine", "/app/v1", "10.0.0.1", 3000),
        ("/=http://10.0.0.1", "/", "/", "10.0.0.1", 80),
        ("/a/b.c=http://[::1]:81", "/a/b.c", "/a/b.c", "::1", 81),
        ("/dexter=http://host.example:1", "/dexter", "/dexter", "host.example", 1),
    ],
)
def test_a_program_is_read_from_one_word(text: str, prefix: str, rewrite: str, host: str, port: int):
    found = outside.parse(text, public=False)
    assert (found.prefix, found.rewrite, found.host, found.port) == (prefix, rewrite, host, port)
    request = ingress.read_request(found.databag())
    assert request
    assert (request.prefix, request.rewrite, request.port) == (prefix, rewrite, port)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("mine=http://h:1", "begins with /"),
        ("/mine", "http://"),
        ("/mine=https://h:1", "http://"),
        ("/mine=h:1", "http://"),
        ("/mine=http://h:99999", "65535"),
        ("/mine=http://h:x", "65535"),
        ("/mine=http://user:pw@h:1", "more than host, port and path"),
        ("/mine=http://h:1/?q=1", "more than host, port and path"),
        ("/mine=http://h:1/a b", "path"),
        ("/mi ne=http://h:1", "begins with /"),
        ("/mine/=http://h:1", "begins with /"),
        ("/dex=http://h:1", "the login"),
        ("/authservice/x=http://h:1", "the login"),
        ("", "begins with /"),
    ],
)
def test_a_wrong_word_is_one_line_that_says_what_is_right(text: str, says: str):
    with pytest.raises(outside.OutsideError) as caught:
        outside.parse(text, public=False)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_localhost_is_the_address_that_answers():
    with socket.socket(socket.AF_INET6) as server:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        server.bind(("::1", 0))
        server.listen()
        found = outside.parse(f"/mine=http://localhost:{server.getsockname()[1]}", public=False)
        assert found.host == "::1"
        assert found.answers()
    assert not found.answers()
    assert outside.parse(f"/mine=http://localhost:{found.port}", public=False).host == "127.0.0.1"


def test_public_programs_use_the_gateway_s_other_endpoint():
    assert outside.parse("/mine=http://h:1", public=False).endpoint == "ingress"
    assert outside.parse("/mine=http://h:1", public=True).endpoint == "ingress-unauthenticated"


def test_every_program_has_a_name_of_its_own():
    programs = [outside.parse(f"{prefix}=http://h:1", public=False) for prefix in ("/a.b", "/a-b", "/A_b", "/")]
    names = [program.name for program in outside.distinct(programs)]
    assert len(set(names)) == 4
    assert names[0] == "app-a-b"


def test_a_path_given_twice_is_refused():
    programs = [outside.parse("/a=http://h:1", public=False), outside.parse("/a=http://h:2", public=True)]
    with pytest.raises(outside.OutsideError, match="/a is given twice"):
        outside.distinct(programs)


def test_an_own_program_takes_the_place_of_the_demonstration():
    section = {"echo": {"prefix": "/", "program": "echo"}}
    (echo,) = outside.merge(section, ())
    assert echo.command == "sandbox.echo"
    assert echo.argv()[-1] == f"127.0.0.1:{echo.port}"
    (own,) = outside.merge(section, [outside.parse("/=http://h:1", public=False)])
    assert own.host == "h"
    assert len(outside.merge(section, [outside.parse("/x=http://h:1", public=False)])) == 2
    assert outside.merge(None, ()) == ()


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ([], "sandbox.outside is not a mapping"),
        ({"echo": 1}, "sandbox.outside.echo is not a mapping"),
        ({"echo": {"prefix": "/", "program": "os"}}, "sandbox.outside.echo.program is 'os': there is echo"),
        ({"echo": {"program": "echo"}}, "begins with /"),
        ({"echo": {"prefix": "/dex", "program": "echo"}}, "the login"),
    ],
)
def test_a_wrong_overlay_is_said_with_its_place(section: object, says: str):
    with pytest.raises(outside.OutsideError, match=r"sandbox\.outside") as caught:
        outside.merge(section, ())
    assert says in str(caught.value)
