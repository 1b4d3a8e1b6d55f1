# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import dataclasses
import urllib.parse

import hypothesis
import pytest
import routes
from charmkit.interfaces import ingress, ingress_auth
from hypothesis import strategies


def ask(application: str, relation: int, prefix: str, rewrite: str = "/", **changes: object) -> routes.Ask:
    request = ingress.Request(prefix=prefix, rewrite=rewrite, service=application, port=80)
    fields = {name: changes.pop(name) for name in ("protected", "domain") if name in changes}
    request = dataclasses.replace(request, **changes)  # type: ignore[arg-type]
    return routes.Ask(application=application, relation=relation, request=request, **{"protected": True, **fields})


def prefixes(table: routes.Table) -> list[tuple[str, str]]:
    return [(route.prefix, route.application) for route in table.routes]


def test_longest_prefix_comes_first() -> None:
    asks = [ask("home", 1, "/"), ask("wide", 2, "/a/b/"), ask("wide", 3, "/a"), ask("other", 4, "/b")]
    assert prefixes(routes.table(asks, "kubeflow")) == [
        ("/a/b", "wide"),
        ("/a", "wide"),
        ("/b", "other"),
        ("/", "home"),
    ]


def test_order_of_asks_does_not_matter() -> None:
    asks = [ask("a", 3, "/x"), ask("b", 1, "/x/"), ask("c", 2, "x")]
    tables = [routes.table(order, "m") for order in (asks, asks[::-1], [asks[1], asks[2], asks[0]])]
    assert tables[0] == tables[1] == tables[2]


def test_older_relation_keeps_the_path_and_both_are_named() -> None:
    table = routes.table([ask("new", 7, "/x/"), ask("old", 3, "/x")], "m")
    assert prefixes(table) == [("/x", "old")]
    (problem,) = table.problems
    assert problem.text == "old and new both ask for /x"
    assert problem.ask.application == "new"


@pytest.mark.parametrize(("older", "newer"), [("/a", "/a/b"), ("/a/b", "/a/"), ("/a", "/a/b/c")])
@pytest.mark.parametrize("protected", [True, False])
def test_no_application_takes_a_part_of_another_ones_path(older: str, newer: str, protected: bool) -> None:
    table = routes.table([ask("new", 7, newer, protected=protected), ask("old", 3, older), ask("home", 9, "/")], "m")
    assert prefixes(table) == [(older, "old"), ("/", "home")]
    (problem,) = table.problems
    assert problem.text == f"{newer.rstrip('/')} of new overlaps {older} of old"


def test_paths_that_only_begin_with_the_same_letters_do_not_overlap() -> None:
    asks = [("a", "/dex"), ("b", "/dexter"), ("c", "/dex-x/y")]
    for order in (asks, asks[::-1]):
        table = routes.table([ask(name, number, prefix) for number, (name, prefix) in enumerate(order)], "m")
        assert len(table.routes) == 3


@pytest.mark.parametrize("older", [True, False])
def test_one_application_asking_with_and_without_login_gets_the_login(older: bool) -> None:
    table = routes.table([ask("a", 1, "/x", protected=older), ask("a", 2, "/x", protected=not older)], "m")
    assert [route.protected for route in table.routes] == [True]
    assert [problem.text for problem in table.problems] == ["a asks twice for /x"]


def test_wrong_ask_does_not_harm_others() -> None:
    table = routes.table([ask("bad", 1, "/../x"), ask("good", 2, "/x")], "m")
    assert prefixes(table) == [("/x", "good")]
    assert table.problems[0].text.startswith("bad: '/../x' is not a path")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("/", "/"), ("//", "/"), ("/x", "/x"), ("x", "/x"), ("/x/", "/x"), ("/x//", "/x"), ("/a/b.c~d/", "/a/b.c~d")],
)
def test_path_has_one_form(text: str, expected: str) -> None:
    assert routes.path(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "/a//b", "/./a", "/a/..", "/a/../b", "/%2e", "/a?b", "/a#b", "/a b", "/a\n", "/a\\b", "/a;b", "/é", "/a\x00"],
)
def test_ambiguous_path_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a path that a gateway can serve"):
        routes.path(text)


@pytest.mark.parametrize(("operator", "itself"), [(False, False), (True, False), (False, True)])
def test_an_application_is_called_with_grpc_when_it_or_the_operator_says_so(operator: bool, itself: bool) -> None:
    said = dataclasses.replace(ask("a", 1, "/x", grpc=itself), grpc=operator)
    (route,) = routes.table([said], "m").routes
    assert route.grpc == (operator or itself)


@hypothesis.given(strategies.text(alphabet="/.%2eax?#\\; \n~"))
def test_accepted_paths_mean_the_same_to_every_parser(text: str) -> None:
    try:
        path = routes.path(text)
    except ValueError:
        return
    assert path == routes.path(path) == urllib.parse.unquote(path) == urllib.parse.urljoin("http://h/", path)[8:]
    assert "//" not in path
    assert path == "/" or not path.endswith("/")


def test_preserved_path_is_not_rewritten() -> None:
    table = routes.table([ask("gatekeeper", 1, "/authservice", "/", preserve_path=True)], "m")
    assert table.routes[0].rewrite == "/authservice"


def test_service_name_is_complete() -> None:
    table = routes.table([ask("a", 1, "/a"), ask("b", 2, "/b", namespace="elsewhere")], "kubeflow")
    assert [route.host for route in table.routes] == ["a.kubeflow.svc.cluster.local", "b.elsewhere.svc.cluster.local"]


@pytest.mark.parametrize("service", ["", "a.b", "A", "a_b", "-a", 'a"', "a:80", "localhost/"])
def test_service_that_is_no_name_is_refused(service: str) -> None:
    assert routes.table([ask("a", 1, "/a", service=service)], "m").routes == ()
    assert routes.table([ask("a", 1, "/a", namespace=service or "-")], "m").routes == ()


def auth(request: tuple[str, ...], response: tuple[str, ...]) -> routes.Auth:
    return routes.auth(
        ingress_auth.Authorizer(service="g", port=1, request_headers=request, response_headers=response), "m"
    )


def test_identities_are_stripped_with_and_without_authorizer() -> None:
    always = ("kubeflow-groups", "kubeflow-identity", "kubeflow-userid")
    assert routes.stripped(None) == always
    assert routes.stripped(auth(("cookie",), ("X-Email", "Kubeflow-Userid"))) == (*always, "x-email")


def test_authorizer_still_sees_what_it_also_returns() -> None:
    assert "authorization" not in routes.stripped(auth(("Authorization",), ("authorization",)))


def test_identity_is_stripped_even_when_the_authorizer_asks_for_it() -> None:
    assert "kubeflow-userid" in routes.stripped(auth(("kubeflow-userid",), ("kubeflow-userid",)))


def test_framing_headers_are_left_alone() -> None:
    assert auth((), ("Host", "content-length", "Transfer-Encoding", "a")).response_headers == ("a",)


@pytest.mark.parametrize("name", ["", ":path", "a b", "a:b", "a\n", "ä"])
def test_header_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not the name of a header"):
        auth((), (name,))


HOSTED = {"domain": "one.example"}


def test_at_a_host_of_its_own_an_application_has_the_root_before_everybody() -> None:
    table = routes.table(
        [ask("home", 1, "/"), ask("own", 2, "/", **HOSTED), ask("far", 3, "/", domain="a.example")], "m"
    )
    assert table.problems == ()
    assert [(route.domain, route.application) for route in table.routes] == [
        ("a.example", "far"),
        ("one.example", "own"),
        ("", "home"),
    ]


def test_at_one_host_there_is_one_root() -> None:
    table = routes.table([ask("old", 1, "/", **HOSTED), ask("new", 2, "/", **HOSTED)], "m")
    assert [problem.text for problem in table.problems] == ["old and new both ask for /"]
    assert prefixes(table) == [("/", "old")]


@pytest.mark.parametrize(("older", "newer"), [("/a", "/a"), ("/a", "/a/b"), ("/a/b", "/a")])
@pytest.mark.parametrize("hosted", [True, False])
def test_a_host_of_its_own_gives_nobody_the_path_of_another_one(older: str, newer: str, hosted: bool) -> None:
    mine, theirs = (HOSTED, {}) if hosted else ({}, HOSTED)
    table = routes.table([ask("old", 1, older, **mine), ask("new", 2, newer, **theirs)], "m")
    assert prefixes(table) == [(older, "old")]
    assert len(table.problems) == 1


def test_the_same_path_at_different_hosts_is_two_paths() -> None:
    table = routes.table([ask("old", 1, "/a", **HOSTED), ask("new", 2, "/a/b", domain="two.example")], "m")
    assert prefixes(table) == [("/a/b", "new"), ("/a", "old")]


def test_a_conflict_of_the_same_path_is_named_before_one_of_a_part() -> None:
    asks = [ask("part", 1, "/a/b"), ask("same", 2, "/a", **HOSTED), ask("new", 3, "/a")]
    assert [problem.text for problem in routes.table(asks, "m").problems] == [
        "/a of same overlaps /a/b of part",
        "/a of new overlaps /a/b of part",
    ]
    asks = [ask("mine", 1, "/a/b"), ask("mine", 2, "/a"), ask("new", 3, "/a")]
    assert [problem.text for problem in routes.table(asks, "m").problems] == ["mine and new both ask for /a"]
