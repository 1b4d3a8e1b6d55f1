# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Sessions renewed in silence: by the headers of a yes, by a redirect, and not at all when they must end."""

import dataclasses
import http.cookies

import hypothesis
import pytest
from gatekeeper import answer, fields, head, identity, revocation, sealed, service, session, tokens
from gatekeeper_support import NOW, STATE_KEY, options, pem
from hypothesis import strategies

PERSON = identity.Identity(userid="user@example.com", groups=("a", "b"), email="user@example.com")
SESSION, REFRESH = "authservice_session", "authservice_refresh"
HOST = (b"host", b"127.0.0.1:8080")
BROWSER = {"accept": "text/html", "sec-fetch-mode": "navigate"}
GATEWAY = {"x-authorization-check": "1"}


@dataclasses.dataclass
class Browser:
    """Keeps cookies, and asks for pages as time goes by."""

    parts: service.Service
    cookies: dict[str, str] = dataclasses.field(default_factory=dict)

    def log_in(self, now: float = NOW) -> None:
        for line in self.parts.renewals.issue(PERSON, session.begin(now), now):
            self.keep(line)

    def keep(self, line: str) -> None:
        for name, morsel in http.cookies.SimpleCookie(line).items():
            if morsel["max-age"] == "0":
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = morsel.value

    def get(self, now: float, target: str = "/page?x=1", method: str = "GET", **headers: str) -> answer.Answer:
        lines = [HOST, *((name.encode(), value.encode()) for name, value in headers.items())]
        lines += [(b"cookie", f"{name}={value}".encode()) for name, value in self.cookies.items()]
        given = self.parts.gate.decide(head.Head(method.encode(), target.encode(), lines), now)
        assert given is not None
        for line in given.header("set-cookie"):
            self.keep(line)
        return given


def made(**changes: object) -> service.Service:
    return service.build(options(**changes), clock=lambda: NOW)


@pytest.fixture
def browser() -> Browser:
    found = Browser(made())
    found.log_in()
    return found


def test_nothing_happens_while_a_session_is_fresh(browser: Browser):
    for now in (NOW, NOW + 599):
        given = browser.get(now, **GATEWAY)
        assert (given.status, given.header("set-cookie")) == (200, [])


@pytest.mark.parametrize("later", [601, 899, 901, 86_000])
def test_a_yes_carries_a_new_session(browser: Browser, later: int):
    old = dict(browser.cookies)
    given = browser.get(NOW + later, **GATEWAY)
    assert given.header("kubeflow-userid") == ["user@example.com"]
    assert given.header("kubeflow-groups") == ["a,b"]
    assert {line.partition("=")[0] for line in given.header("set-cookie")} == {SESSION, REFRESH}
    assert all("HttpOnly; SameSite=Lax" in line for line in given.header("set-cookie"))
    assert browser.cookies[SESSION] != old[SESSION]
    assert browser.get(NOW + later + 599, **GATEWAY).header("set-cookie") == []


def test_a_gateway_that_loses_the_cookies_of_a_yes_says_so_and_gets_a_redirect(browser: Browser):
    cannot = {"x-authorization-check": "no-cookies"}
    assert browser.get(NOW + 601, method="POST", **cannot).header("set-cookie") == []
    given = browser.get(NOW + 601, **BROWSER, **cannot)
    assert (given.status, given.header("location")) == (302, ["/page?x=1"])
    assert {line.partition("=")[0] for line in given.header("set-cookie")} == {SESSION, REFRESH}


def test_a_form_that_is_sent_is_not_sent_elsewhere(browser: Browser):
    """A redirect would lose what was typed."""
    given = browser.get(NOW + 601, method="POST", **BROWSER, **{"x-authorization-check": "no-cookies"})
    assert (given.status, given.header("kubeflow-userid")) == (200, ["user@example.com"])


def test_a_renewal_follows_the_rules_of_today():
    person = dataclasses.replace(PERSON, claim="User@Example.com")
    before = Browser(made())
    for line in before.parts.renewals.issue(person, session.begin(NOW), NOW):
        before.keep(line)
    other = Browser(made(userid_prefix="people/", userid_lowercase=True), dict(before.cookies))
    assert other.get(NOW + 901, **GATEWAY).header("kubeflow-userid") == ["people/user@example.com"]
    out = Browser(made(allowed_groups=["c"]), dict(before.cookies)).get(NOW + 901, accept="application/json", **GATEWAY)
    assert out.status == 401


def test_a_script_of_a_page_is_renewed_too(browser: Browser):
    given = browser.get(NOW + 5000, method="POST", accept="application/json", **GATEWAY)
    assert given.status == 200
    assert given.header("set-cookie")


def test_a_session_in_use_goes_on_to_its_absolute_end_and_no_further(browser: Browser):
    end = NOW + 7 * 86400
    now = NOW
    while now < end - 3600:
        now += 3600
        assert browser.get(now, **GATEWAY).status == 200, now - NOW
    # A session itself is not cut short: it may have been made just before.
    assert browser.get(end + 900, accept="application/json", **GATEWAY).status == 401


def test_an_unused_session_ends(browser: Browser):
    assert browser.get(NOW + 86_399, accept="application/json").status == 200
    assert browser.get(NOW + 86_401, accept="application/json").status == 401


def test_the_cookie_lasts_no_longer_than_the_token():
    browser = Browser(made(refresh_idle_lifetime=1000, refresh_lifetime=1500))
    lines = browser.parts.renewals.issue(PERSON, session.begin(NOW), NOW)
    assert "Max-Age=1000;" in lines[1]
    lines = browser.parts.renewals.issue(PERSON, session.Began(session="s", at=NOW - 1000), NOW)
    assert "Max-Age=500;" in lines[1]


@pytest.mark.parametrize("later", [601, 901])
def test_without_the_gateways_help_a_page_load_is_redirected_to_itself(browser: Browser, later: int):
    old = dict(browser.cookies)
    given = browser.get(NOW + later, **BROWSER)
    assert (given.status, given.header("location")) == (302, ["/page?x=1"])
    assert given.header("cache-control") == ["no-store"]
    assert browser.cookies[SESSION] != old[SESSION]
    assert browser.get(NOW + later + 1, **BROWSER).status == 200


@pytest.mark.parametrize("headers", [{"accept": "*/*"}, {"accept": "application/json"}, {}])
def test_without_the_gateways_help_programs_pass_on_the_refresh_cookie(browser: Browser, headers: dict[str, str]):
    given = browser.get(NOW + 5000, **headers)
    assert (given.status, given.header("set-cookie")) == (200, [])
    assert given.header("kubeflow-userid") == ["user@example.com"]


@pytest.mark.parametrize("target", ["//evil.example/x", "/\\evil.example", "/%5Cevil.example"])
def test_a_redirect_leads_to_no_other_site(browser: Browser, target: str):
    assert browser.get(NOW + 5000, target, **BROWSER).header("location") == []


def test_a_browser_that_keeps_no_session_is_not_sent_round_and_round(browser: Browser):
    assert browser.get(NOW + 5000, **BROWSER).status == 302
    del browser.cookies[SESSION]
    # The answer is then that of the login, which counts its rounds: here the provider is not known yet.
    lines = [HOST, (b"cookie", f"{REFRESH}={browser.cookies[REFRESH]}".encode()), (b"accept", b"text/html")]
    assert browser.parts.gate.decide(head.Head(b"GET", b"/page", lines), NOW + 5001) is None


def test_an_older_session_of_another_path_does_not_matter(browser: Browser):
    older = browser.cookies[SESSION]
    browser.get(NOW + 700, **BROWSER)
    lines = [HOST, (b"cookie", f"{SESSION}={older}; {SESSION}={browser.cookies[SESSION]}".encode())]
    lines += [(b"accept", b"text/html"), (b"cookie", f"{REFRESH}={browser.cookies[REFRESH]}".encode())]
    given = browser.parts.gate.decide(head.Head(b"GET", b"/page", lines), NOW + 720)
    assert given is not None
    assert given.status == 200


@pytest.mark.parametrize(("mode", "headers", "status"), [
    ("header", BROWSER, 200), ("redirect", {**BROWSER, **GATEWAY}, 302), ("auto", {**BROWSER, **GATEWAY}, 200),
])  # fmt: skip
def test_the_option_decides_how(mode: str, headers: dict[str, str], status: int):
    browser = Browser(made(session_renewal=mode))
    browser.log_in()
    given = browser.get(NOW + 700, **headers)
    assert given.status == status
    assert given.header("set-cookie")


def test_a_refresh_token_is_no_session_and_a_session_is_no_refresh_token(browser: Browser):
    browser.cookies = {SESSION: browser.cookies[REFRESH], REFRESH: browser.cookies[SESSION]}
    assert browser.get(NOW, accept="application/json").status == 401
    bearer = f"Bearer {browser.cookies[SESSION]}"
    browser.cookies = {}
    assert browser.get(NOW, authorization=bearer).status == 401


def test_the_state_of_a_login_is_no_refresh_token(browser: Browser):
    sealer = sealed.Sealer([fields.state_key(key) for key in browser.parts.options.state_keys])
    forged = sealer.seal(b'["s",1,1,{}]', purpose=b"refresh")
    browser.cookies = {REFRESH: forged}
    assert browser.get(NOW, accept="application/json").status == 401


def test_whoever_is_taken_back_is_not_renewed(browser: Browser):
    other = Browser(browser.parts)
    other.log_in(NOW + 100)
    record = revocation.Record(kind="user", id=PERSON.userid, before=int(NOW) + 50, expires=int(NOW) + 10**6)
    assert browser.get(NOW + 60, **GATEWAY).status == 200
    browser.parts.ledger.add([record], NOW + 60)
    assert browser.get(NOW + 60, accept="application/json", **GATEWAY).status == 401
    assert browser.get(NOW + 700, accept="application/json", **GATEWAY).status == 401
    # Who logged in since is not concerned.
    assert other.get(NOW + 101, **GATEWAY).status == 200
    assert other.get(NOW + 800, **GATEWAY).status == 200


def test_rotated_keys_log_nobody_out(browser: Browser):
    keys = [{"kid": "new", "pem": pem()}]
    old = browser.parts.options.signing_keys[0]
    browser.parts = made(
        signing_keys=[*keys, {"kid": old.kid, "pem": old.pem.get_secret_value()}],
        state_keys=["A" * 43, STATE_KEY],
    )
    assert browser.get(NOW + 10, **GATEWAY).status == 200
    # Even without the old signing key the refresh token brings a new session.
    browser.parts = made(signing_keys=keys, state_keys=["A" * 43, STATE_KEY])
    given = browser.get(NOW + 20, **GATEWAY)
    assert (given.status, len(given.header("set-cookie"))) == (200, 2)
    browser.parts = made(signing_keys=keys, state_keys=["A" * 43])
    assert browser.get(NOW + 30, **GATEWAY).header("set-cookie") == []
    assert browser.get(NOW + 3000, **GATEWAY).status == 200


def test_an_identity_that_no_longer_fits_passes_and_is_not_renewed(monkeypatch: pytest.MonkeyPatch, browser: Browser):
    def fail(*_: object, **__: object) -> str:
        raise session.SessionTooLargeError

    monkeypatch.setattr(browser.parts.sessions, "mint", fail)
    given = browser.get(NOW + 700, accept="text/html", **GATEWAY)
    assert (given.status, given.header("set-cookie")) == (200, [])


def test_records_end_and_are_forgotten():
    ledger = revocation.Ledger()
    ledger.add([revocation.Record(kind="session", id=str(number), expires=int(NOW) + 1) for number in range(50)], NOW)
    ledger.add([revocation.Record(kind="user", id="u", before=int(NOW), expires=int(NOW) + 9)], NOW)
    assert ledger.covers(session="7", userid="", began=0)
    assert ledger.covers(session="", userid="u", began=NOW)
    assert not ledger.covers(session="", userid="u", began=NOW + 1)
    ledger.prune(NOW + 5)
    assert [record.id for record in ledger.records] == ["u"]
    assert ledger.add(ledger.records, NOW + 5) == []
    ledger.prune(NOW + 9)
    assert not ledger.covers(session="", userid="u", began=NOW)


@hypothesis.settings(deadline=None, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
@hypothesis.given(raw=strategies.binary(max_size=300) | strategies.text(max_size=300).map(str.encode))
def test_junk_is_refused_everywhere_and_raises_nothing_else(browser: Browser, raw: bytes):
    parts = browser.parts
    for verify in (parts.refreshes.verify, parts.sessions.verify, parts.api_tokens.verify):
        with pytest.raises(tokens.RefusedError):
            verify(raw, NOW)
    assert parts.peers.reply(head.Head(b"GET", b"/", [(b"x-gatekeeper-peer", raw)])) is None


def test_a_refresh_token_with_one_bit_changed_is_refused(browser: Browser):
    raw = browser.cookies[REFRESH].encode()
    for place in range(0, len(raw), 7):
        changed = bytes([*raw[:place], raw[place] ^ 1, *raw[place + 1 :]])
        with pytest.raises(tokens.RefusedError):
            browser.parts.refreshes.verify(changed, NOW)
