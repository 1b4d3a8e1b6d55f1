# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The bundle on a real Juju and a real Kubernetes: logins, every option of the guide, pods and relations that go."""

import contextlib
import json
import pathlib
import time

import deployed
import directory
import guide
import httpx
import jubilant
import live
import pytest


@pytest.fixture(scope="module")
def running(
    request: pytest.FixtureRequest, model: deployed.Deployed, charms: dict[str, dict], scratch: pathlib.Path
) -> deployed.Deployed:
    if not request.config.getoption("--no-juju-setup"):
        model.deploy(charms, scratch)
    return model


@pytest.fixture
def bundle(running: deployed.Deployed) -> deployed.Deployed:
    """The bundle with dex-auth's options as deployed; a test may leave them set."""
    options = running.juju.config("dex-auth")
    names = ("static-username", "static-password", "enable-password-db", "connectors")
    defaults = {"static-username": "user@example.com", "enable-password-db": True}
    changed = [f"{name}={_word(defaults.get(name, ''))}" for name in names if options[name] != defaults.get(name, "")]
    if changed:
        # By value: Juju 4.0 runs no hook for --reset, and the next one would come with update-status.
        running.config("dex-auth", *changed)
    running.settle()
    return running


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_nobody_is_told_to_do_what_is_done(running: deployed.Deployed):
    """Whoever watches a deployment is never told to integrate what the bundle integrates."""
    assert {seen for seen in running.seen if seen[1] in ("blocked", "error")} == set()


def test_a_login_ends_on_the_page_first_asked_for(bundle: deployed.Deployed):
    user, _ = bundle.credentials()
    client, page = bundle.login(path="/deep/page?x=1")
    with contextlib.closing(client):
        assert page.status_code == 200, page.text
        assert page.url.raw_path == b"/deep/page?x=1"
        assert json.loads(page.text)["path"] == "/deep/page?x=1"
        assert deployed.asked(page)["kubeflow-userid"] == [user]


def test_nobody_says_who_he_is(bundle: deployed.Deployed):
    forged = {"kubeflow-userid": "admin@example.com", "kubeflow-groups": "admins"}
    user, _ = bundle.credentials()
    client, _ = bundle.login()
    with contextlib.closing(client), bundle.client() as stranger:
        answer = stranger.get("/", headers=forged, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (302, f"{bundle.url}/dex/auth")
        seen = deployed.asked(client.get("/", headers=forged))
        assert (seen["kubeflow-userid"], "".join(seen["kubeflow-groups"])) == ([user], "")


def test_defaults_can_be_displayed(bundle: deployed.Deployed):
    """C1: the user name by juju config, the generated password by the action."""
    assert bundle.juju.config("dex-auth")["static-username"] == "user@example.com"
    user, password = bundle.credentials()
    assert user == "user@example.com"
    assert len(password) >= 16


def test_credentials_are_those_that_work_from_now_on(bundle: deployed.Deployed):
    """The action answers for options whose own hook has not run yet."""
    bundle.config("dex-auth", "static-password=a pass word: {{ $x }} '\"")
    assert bundle.credentials()[1] == "a pass word: {{ $x }} '\""
    bundle.logs_in("user@example.com", "a pass word: {{ $x }} '\"")
    bundle.config("dex-auth", "static-password=")
    bundle.logs_in(*bundle.credentials())


@pytest.mark.parametrize(
    "words", [["static-username=", "static-password="], ["enable-password-db=false"]], ids=" ".join
)
def test_static_login_is_really_off(bundle: deployed.Deployed, words: list[str]):
    """C2 and C6: nobody gets in with the old password, and the status names the next command."""
    user, password = bundle.credentials()
    bundle.config("dex-auth", *words)
    assert "juju config dex-auth" in bundle.blocked("dex-auth")
    assert not bundle.can_log_in(user, password)
    with pytest.raises(jubilant.TaskError):
        bundle.credentials()
    bundle.config("dex-auth", "connectors=" + json.dumps(guide.LDAP))
    bundle.settle()
    with bundle.client() as client:
        page = client.get("/")
        assert "/dex/auth/ldap" in str(page.url)
        assert "Email Address" in page.text


@pytest.mark.parametrize("form", ["yaml", "json", "file", "mapping"])
def test_connectors_in_every_form(bundle: deployed.Deployed, scratch: pathlib.Path, form: str):
    """C3, C4, C5."""
    bundle.config("dex-auth", f"connectors={guide.forms(scratch / 'connectors.yaml')[form]}")
    bundle.settle()
    with bundle.client() as client:
        live.wait(lambda: "/dex/auth/ldap" in client.get("/").text, hint="the choice")
        assert "/dex/auth/local" in client.get("/").text
    bundle.logs_in()


# Those that differ in who finds out: the parser, the check of a connector, Dex itself. The sandbox tries all.
@pytest.mark.parametrize("name", ["YAML without config", "unknown type", "provider that does not answer"])
def test_a_broken_connector_is_named_and_harms_nobody(bundle: deployed.Deployed, name: str):
    text, place = guide.BROKEN[name]
    client, _ = bundle.login()
    bundle.config("dex-auth", f"connectors={text}")
    message = bundle.blocked("dex-auth")
    assert place in message
    with contextlib.closing(client):
        assert client.get("/").status_code == 200
    assert bundle.can_log_in()


def test_the_order_of_options_never_changes_the_end(bundle: deployed.Deployed):
    """C7."""
    settings = ["static-username=ops@example.com", "static-password=correct horse"]
    settings.append("connectors=" + json.dumps(guide.LDAP))
    for order in ([[one] for one in settings], [[one] for one in reversed(settings)], [settings]):
        bundle.config("dex-auth", "static-username=user@example.com", "static-password=", "connectors=")
        bundle.settle()
        for words in order:
            bundle.config("dex-auth", *words)
        bundle.logs_in("ops@example.com", "correct horse")
        with bundle.client() as client:
            assert "/dex/auth/ldap" in client.get("/").text


def test_a_person_of_the_directory_logs_in(bundle: deployed.Deployed, ldap: list[dict]):
    bundle.config("dex-auth", "connectors=" + json.dumps(ldap))
    bundle.settle()
    bundle.logs_in("jane@example.org", directory.PEOPLE["jane"], connector="ldap")
    client, page = bundle.login("jane@example.org", directory.PEOPLE["jane"], connector="ldap")
    with contextlib.closing(client):
        seen = deployed.asked(page)
    assert (seen["kubeflow-userid"], seen["kubeflow-groups"]) == (["jane@example.org"], ["scientists"])
    assert not bundle.can_log_in("jane@example.org", "wrong", connector="ldap")
    bundle.logs_in()


def test_the_gatekeepers_pod_goes_during_a_login(bundle: deployed.Deployed):
    """The attempt is in the browser: it ends where it was to end, and older sessions go on."""
    user, password = bundle.credentials()
    session, _ = bundle.login()
    with contextlib.closing(session), bundle.client() as client:
        form = client.get("/after?x=1")
        bundle.kill("gatekeeper/0")
        page = live.submit(client, form, login=user, password=password)
        page = _insist(client, page)
        assert (page.status_code, page.url.raw_path) == (200, b"/after?x=1")
        bundle.answers(session, 200)
    bundle.settle()


def _insist(client: httpx.Client, page: httpx.Response) -> httpx.Response:
    """Load a page again while it fails, as a person does."""
    end = time.monotonic() + 180
    while page.status_code >= 500 and time.monotonic() < end:
        time.sleep(1)
        page = client.get(page.url)
    return page


def test_dexs_pod_goes_during_a_login(bundle: deployed.Deployed):
    """The volume comes back with the pod: the half-done login ends well, the keys and the password are the same."""
    user, password = bundle.credentials()
    session, _ = bundle.login()
    with contextlib.closing(session), bundle.client() as client:
        keys = client.get("/dex/keys").json()
        form = client.get("/after?x=1")
        bundle.kill("dex-auth/0")
        assert session.get("/").status_code == 200
        bundle.answers(client, 200, "/dex/.well-known/openid-configuration")
        assert client.get("/dex/keys").json() == keys
        page = _insist(client, live.submit(client, form, login=user, password=password))
        assert (page.status_code, page.url.raw_path) == (200, b"/after?x=1"), page.text
    bundle.logs_in(user, password)
    bundle.settle()


def test_every_pod_goes_and_no_session_with_it(bundle: deployed.Deployed):
    session, _ = bundle.login()
    with contextlib.closing(session):
        for application in deployed.APPLICATIONS:
            bundle.kill(f"{application}/0")
        bundle.answers(session, 200)
    bundle.logs_in()
    bundle.settle()


def test_three_gatekeepers_share_sessions(bundle: deployed.Deployed):
    session, _ = bundle.login()
    with contextlib.closing(session):
        bundle.juju.cli("scale-application", "gatekeeper", "3")
        bundle.until(lambda status: len(status.apps["gatekeeper"].units) == 3)
        bundle.settle()
        assert {session.get("/").status_code for _ in range(60)} == {200}
        bundle.juju.cli("scale-application", "gatekeeper", "1")
        bundle.until(lambda status: len(status.apps["gatekeeper"].units) == 1)
        bundle.answers(session, 200)


def test_a_new_port_of_the_gateway_is_followed(bundle: deployed.Deployed):
    """The gatekeeper's configuration changes while it runs: it is rehearsed in its container, then swapped in."""
    bundle.config("ambassador-route", "http-port=9090")
    bundle.settle()
    bundle.port = 9090
    bundle.logs_in()
    bundle.config("ambassador-route", "http-port=8080")
    bundle.settle()
    bundle.port = 8080
    bundle.logs_in()


def test_old_revisions_of_secrets_go(bundle: deployed.Deployed):
    """They hold old passwords."""
    for word in ("one", "two", "three"):
        bundle.config("dex-auth", f"static-password={word * 4}")
        bundle.logs_in("user@example.com", word * 4)
    bundle.config("dex-auth", "static-password=")
    (secret,) = [one for one in bundle.juju.secrets() if one.owner == "dex-auth" and one.revision > 3]
    live.wait(lambda: len(_revisions(bundle, secret.uri)) <= 2, seconds=60, hint="old revisions are removed")


def _revisions(bundle: deployed.Deployed, uri: str) -> list:
    return bundle.juju.show_secret(uri, revisions=True).revisions or []


@pytest.mark.parametrize(
    ("one", "two", "code"),
    [
        ("gatekeeper:ingress-auth", "ambassador-route:ingress-auth", 503),
        ("dex-auth:oidc-client", "gatekeeper:oidc-client", None),
        ("dex-auth:dex-oidc-config", "gatekeeper:dex-oidc-config", None),
        ("dex-auth:ingress", "ambassador-route:ingress-unauthenticated", None),
    ],
    ids=["ingress-auth", "oidc-client", "dex-oidc-config", "ingress"],
)
def test_a_relation_goes_and_comes_back(bundle: deployed.Deployed, one: str, two: str, code: int | None):
    """Nobody gets in meanwhile, the status names the command, and that command mends it.

    Without dex-oidc-config, which tells where Dex is, logins go on as before at the Dex that still knows the client.
    """
    credentials = bundle.credentials()
    bundle.part(one, two)
    bundle.until(lambda status: bool(_advice(status, one)))
    if code:
        with bundle.client() as client:
            bundle.answers(client, code)
    assert bundle.can_log_in(*credentials) == ("dex-oidc-config" in one)
    bundle.join(one, two)
    bundle.settle()
    bundle.logs_in(*credentials)


def _advice(status: jubilant.Status, endpoint: str) -> list[str]:
    messages = [app.app_status.message for app in status.apps.values() if app.app_status.current == "blocked"]
    return [text for text in messages if "juju integrate" in text and endpoint.partition(":")[2] in text]
