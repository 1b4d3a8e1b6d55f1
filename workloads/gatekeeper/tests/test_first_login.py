# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Where a login leads when there is a reception: through it, and on to the page first asked for."""

import collections.abc
import urllib.parse

import pytest
from gatekeeper import settings
from gatekeeper_support import Provider, Running, options, wait


@pytest.fixture(scope="module")
def received(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> collections.abc.Iterator[Running]:
    made = Running(tmp_path_factory.mktemp("received"), issuer=provider.issuer, reception="/reception")
    with made.client() as client:
        wait(lambda: client.get("/x").status_code == 302)
    yield made
    made.stop()


def test_a_login_leads_through_the_reception(received: Running, provider: Provider):
    with received.client() as client:
        location = client.get("/notebook/kubeflow-user/mytest/lab?x=1&y=a%2Fb").headers["location"]
        answer = client.get(provider.agree(location))
    expected = "/reception?next=%2Fnotebook%2Fkubeflow-user%2Fmytest%2Flab%3Fx%3D1%26y%3Da%252Fb"
    assert (answer.status_code, answer.headers["location"]) == (302, expected)
    (back,) = urllib.parse.parse_qs(urllib.parse.urlsplit(expected).query)["next"]
    assert back == "/notebook/kubeflow-user/mytest/lab?x=1&y=a%2Fb"


def test_who_asked_for_the_reception_gets_it_as_it_was_asked_for(received: Running, provider: Provider):
    with received.client() as client:
        location = client.get("/reception?next=%2Fx").headers["location"]
        assert client.get(provider.agree(location)).headers["location"] == "/reception?next=%2Fx"


@pytest.mark.parametrize("path", ["reception", "/reception/", "//evil.example", "https://evil.example", "/a/../b"])
def test_a_reception_elsewhere_is_refused(path: str):
    with pytest.raises(settings.ConfigurationError, match="must be a path"):
        options(reception=path)


def test_without_a_reception_nothing_changes():
    assert options().reception == ""
    assert isinstance(options(reception="/reception"), settings.Settings)
