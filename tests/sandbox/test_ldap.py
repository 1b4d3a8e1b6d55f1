# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Login against a real OpenLDAP server, with the static user beside it."""

import collections.abc
import contextlib
import json

import directory
import live
import pytest
import upstream
import yaml


@pytest.fixture(scope="module")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> collections.abc.Iterator[directory.Directory]:
    with directory.running(tmp_path_factory.mktemp("slapd")) as server:
        yield server


@pytest.fixture
def ldap(sandbox: live.Live, slapd: directory.Directory) -> live.Live:
    sandbox.config("dex-auth", "connectors=" + yaml.safe_dump(slapd.connector()))
    live.wait(sandbox.active)
    return sandbox


def test_a_person_of_the_directory_logs_in(ldap: live.Live, protected: upstream.Upstream):
    """F8: Dex asks the directory; the application learns e-mail and groups."""
    protected.take()
    client, page = ldap.login("jane@example.org", "jane-secret", connector="ldap", path="/recorded/x")
    with contextlib.closing(client):
        assert page.status_code == 200
    (request,) = protected.take()
    assert request.header("kubeflow-userid") == ["jane@example.org"]
    assert request.header("kubeflow-groups") == ["scientists"]


@pytest.mark.parametrize(
    ("user", "password"),
    [
        ("jane@example.org", "wrong"),
        ("nobody@example.org", "jane-secret"),
        ("jane@example.org", " "),
        ("*", "jane-secret"),
    ],
)
def test_wrong_credentials_are_refused(ldap: live.Live, user: str, password: str):
    client, page = ldap.login(user, password, connector="ldap")
    with contextlib.closing(client):
        assert 'name="password"' in page.text
        assert live.SESSION not in client.cookies


def test_groups_by_member_of(sandbox: live.Live, slapd: directory.Directory, protected: upstream.Upstream):
    """The overlay memberof names the groups in a person's entry; entryDN, unlike DN, is what a server searches for."""
    matchers = [{"userAttr": "memberOf", "groupAttr": "entryDN"}]
    search = {**slapd.connector()[0]["config"]["groupSearch"], "userMatchers": matchers}
    sandbox.config("dex-auth", "connectors=" + json.dumps(slapd.connector(groupSearch=search)))
    live.wait(sandbox.active)
    protected.take()
    for person, groups in (("jane", ["scientists"]), ("john", [])):
        client, page = sandbox.login(f"{person}@example.org", f"{person}-secret", connector="ldap", path="/recorded/x")
        with contextlib.closing(client):
            assert page.status_code == 200
        (request,) = protected.take()
        assert request.header("kubeflow-userid") == [f"{person}@example.org"]
        assert [group for group in request.header("kubeflow-groups") if group] == groups


def test_only_members_may_log_in(sandbox: live.Live, slapd: directory.Directory):
    search = dict(slapd.connector()[0]["config"]["userSearch"])
    search["filter"] = "(memberOf=cn=scientists,ou=groups,dc=example,dc=org)"
    sandbox.config("dex-auth", "connectors=" + json.dumps(slapd.connector(userSearch=search)))
    live.wait(sandbox.active)
    assert sandbox.can_log_in("jane@example.org", "jane-secret", connector="ldap")
    assert not sandbox.can_log_in("john@example.org", "john-secret", connector="ldap")


def test_static_login_works_beside_it(ldap: live.Live):
    assert ldap.can_log_in()


def test_server_down_harms_only_its_own_users(ldap: live.Live, slapd: directory.Directory):
    slapd.stop()
    try:
        client, page = ldap.login("jane@example.org", "jane-secret", connector="ldap")
        with contextlib.closing(client):
            assert live.SESSION not in client.cookies
            assert page.status_code in (200, 401, 500)
        assert ldap.can_log_in()
    finally:
        slapd.start()
    assert ldap.can_log_in("jane@example.org", "jane-secret", connector="ldap")


def test_the_directory_alone(sandbox: live.Live, slapd: directory.Directory):
    """C2 then C3: with static login disabled there is one connector, and no page before its form."""
    sandbox.config("dex-auth", "static-username=", "static-password=")
    sandbox.config("dex-auth", "connectors=" + json.dumps(slapd.connector()))
    live.wait(sandbox.active)
    client, page = sandbox.login("john@example.org", "john-secret", path="/recorded/x")
    with contextlib.closing(client):
        assert page.status_code == 200
        assert not [hop for hop in page.history if "approval" in hop.url.path and hop.status_code == 200]
