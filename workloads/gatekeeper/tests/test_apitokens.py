# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""API tokens: made on a page or by a command, good within their scope, shown once, and gone when they are revoked."""

import json
import pathlib
import re
import subprocess
import sys

import pytest
from gatekeeper import answer, apitokens, head, identity, revocation, service
from gatekeeper_support import NOW, Provider, Running, log_in, options, wait

PERSON = identity.Identity(userid="user@example.com", groups=("a", "b"), email="user@example.com")
PAGE = "/authservice/tokens"


def made(
    parts: service.Service, *, days: int = 1, paths: tuple[str, ...] = (), methods: tuple[str, ...] = ()
) -> tuple[str, revocation.Record]:
    token, record = apitokens.create(PERSON, apitokens.Wish(name="n", days=days, paths=paths, methods=methods), NOW)
    parts.ledger.add([record], NOW)
    return token, record


def ask(parts: service.Service, token: str, target: str = "/x", method: str = "GET", now: float = NOW) -> answer.Answer:
    lines = [(b"host", b"127.0.0.1:8080"), (b"authorization", f"Bearer {token}".encode())]
    given = parts.gate.decide(head.Head(method.encode(), target.encode(), lines), now)
    assert given is not None
    return given


@pytest.fixture
def parts() -> service.Service:
    return service.build(options(), clock=lambda: NOW)


def test_a_token_is_somebody_until_it_ends(parts: service.Service):
    token, _ = made(parts)
    given = ask(parts, token)
    assert (given.status, given.header("kubeflow-userid")) == (200, ["user@example.com"])
    assert given.header("kubeflow-groups") == ["a,b"]
    assert ask(parts, token, now=NOW + 86399).status == 200
    assert ask(parts, token, now=NOW + 86400).status == 401


@pytest.mark.parametrize(("paths", "methods", "target", "method", "status"), [
    (("/pipeline",), (), "/pipeline/apis", "POST", 200),
    (("/pipeline",), (), "/pipelines", "GET", 403),
    (("/pipeline",), (), "/pipeline/../admin", "GET", 403),
    (("/pipeline",), (), "/pipeline/%2e%2e/admin", "GET", 403),
    (("/a", "/b/c"), (), "/b/c?x=1", "GET", 200),
    ((), ("GET", "HEAD"), "/any", "HEAD", 200),
    ((), ("GET", "HEAD"), "/any", "POST", 403),
    (("/a",), ("GET",), "/a", "DELETE", 403),
])  # fmt: skip
def test_a_scope_is_kept_on_every_request(
    parts: service.Service, paths: tuple[str, ...], methods: tuple[str, ...], target: str, method: str, status: int
):
    token, _ = made(parts, paths=paths, methods=methods)
    for _ in range(2):
        given = ask(parts, token, target, method)
        assert given.status == status
        assert status == 200 or json.loads(given.body)["error"] == "insufficient_scope"


def test_only_the_whole_token_counts(parts: service.Service):
    token, record = made(parts)
    other, _ = made(parts)
    mixed = f"kfa_{record.id}_{other[-43:]}"
    assert ask(parts, token).status == 200
    for wrong in (token[:-1], token + "x", token.upper(), mixed, f"kfa_{record.id}_", f"kfa_{'0' * 16}_{'A' * 43}"):
        assert ask(parts, wrong).status == 401, wrong
    assert record.token is not None
    assert token.split("_", 2)[2] not in record.model_dump_json()


def test_a_token_that_another_unit_just_made_is_not_refused_for_good(parts: service.Service):
    token, record = apitokens.create(PERSON, apitokens.Wish(name="n", days=1), NOW)
    assert ask(parts, token).status == 401
    parts.ledger.add([record], NOW)
    assert ask(parts, token).status == 200


@pytest.mark.parametrize("how", ["token", "user"])
def test_a_token_that_is_revoked_is_refused_at_once(parts: service.Service, how: str):
    token, record = made(parts)
    assert ask(parts, token).status == 200
    user = revocation.Record(kind="user", id=PERSON.userid, before=int(NOW), expires=int(NOW) + 10**6)
    parts.ledger.add([apitokens.revoke(record) if how == "token" else user], NOW)
    assert ask(parts, token).status == 401
    assert apitokens.live(parts.ledger, NOW) == []


def test_rules_that_change_hold_for_tokens_too():
    parts = service.build(options(allowed_groups=["c"]), clock=lambda: NOW)
    token, _ = made(parts)
    assert ask(parts, token).status == 403


@pytest.mark.parametrize(("wish", "word"), [
    ({"name": " ", "days": 1}, "name"), ({"name": "a\nb", "days": 1}, "name"), ({"name": "n", "days": 0}, "days"),
    ({"name": "n", "days": 367}, "days"), ({"name": "n", "days": 1, "paths": ("x",)}, "paths"),
    ({"name": "n", "days": 1, "paths": ("/a/../b",)}, "paths"), ({"name": "n", "days": 1, "paths": ("/",)}, "paths"),
    ({"name": "n", "days": 1, "methods": ("get it",)}, "methods"),
    ({"name": "n", "days": 1, "paths": tuple(f"/{number}" for number in range(21))}, "paths"),
])  # fmt: skip
def test_wishes_that_cannot_be_are_named(wish: dict[str, object], word: str):
    with pytest.raises(apitokens.ScopeError, match=f"^{word}: "):
        apitokens.Wish(**wish)  # type: ignore[arg-type]


def test_a_person_makes_uses_and_revokes_a_token(running: Running, provider: Provider):
    with log_in(running, provider) as client:
        headers = {"origin": running.url}
        assert client.get(PAGE).status_code == 200
        form = {"name": "<b>nightly</b>", "days": "7", "paths": "/x", "methods": "get"}
        page = client.post(PAGE, data=form, headers=headers)
        (token,) = set(re.findall(r"kfa_[0-9a-f]{16}_[A-Za-z0-9_-]{43}", page.text))
        assert "<b>nightly" not in page.text
        again = client.get(PAGE).text
        assert token not in again
        assert "&lt;b&gt;nightly" in again
        assert "cache-control" in page.headers
        with running.client() as script:
            bearer = {"authorization": f"Bearer {token}"}
            assert script.get("/x/y", headers=bearer).headers["kubeflow-userid"] == "user@example.com"
            assert script.get("/z", headers=bearer).status_code == 403
            identifier = token.split("_")[1]
            # A token makes no tokens.
            assert script.post(PAGE, data=form, headers={**bearer, **headers}).status_code == 401
            client.post(PAGE, data={"revoke": identifier}, headers=headers)
            assert script.get("/x/y", headers=bearer).status_code == 401
    assert token.split("_", 2)[2] not in json.dumps(running.log())
    assert [line["event"] for line in running.log() if line.get("token") == identifier] == [
        "token_created", "token_revoked",
    ]  # fmt: skip


@pytest.mark.parametrize("headers", [{}, {"origin": "https://evil.example"}, {"sec-fetch-site": "same-site"}])
def test_another_site_makes_no_token(running: Running, provider: Provider, headers: dict[str, str]):
    with log_in(running, provider) as client:
        page = client.post(PAGE, data={"name": "n", "days": "1"}, headers=headers)
        assert page.status_code == 403
        assert "kfa_" not in page.text


@pytest.mark.parametrize("form", [{}, {"name": "n", "days": "x"}, {"name": "n", "days": "1", "other": "x" * 9000}])
def test_a_form_that_makes_no_sense_makes_no_token(running: Running, provider: Provider, form: dict[str, str]):
    with log_in(running, provider) as client:
        page = client.post(PAGE, data=form, headers={"origin": running.url})
        assert page.status_code == 400
        assert "kfa_" not in page.text


def test_the_page_asks_for_a_login_and_comes_back(running: Running, provider: Provider):
    with running.client() as client:
        assert client.get(PAGE, headers={"accept": "application/json"}).status_code == 401
        location = client.get(PAGE).headers["location"]
        assert client.get(provider.agree(location)).headers["location"] == PAGE
        assert client.get(PAGE).status_code == 200


def test_nobody_sees_or_revokes_the_tokens_of_another(running: Running, provider: Provider):
    with log_in(running, provider) as client:
        client.post(PAGE, data={"name": "mine alone", "days": "1"}, headers={"origin": running.url})
        found = re.search(r'value="([0-9a-f]{16})"', client.get(PAGE).text)
        assert found
    old = provider.claims
    provider.claims = {"email": "other@example.com"}
    try:
        with log_in(running, provider) as other:
            page = other.post(PAGE, data={"revoke": found[1]}, headers={"origin": running.url})
            assert "mine alone" not in page.text
    finally:
        provider.claims = old
    with log_in(running, provider) as client:
        assert "mine alone" in client.get(PAGE).text


def command(running: Running, *words: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "gatekeeper", "--config", running.file, *words]
    return subprocess.run(program, capture_output=True, text=True, timeout=30)


def test_commands_make_list_and_revoke_tokens_of_the_running_service(tmp_path: pathlib.Path):
    made = Running(tmp_path, issuer="http://127.0.0.1:1/dex", journal=str(tmp_path / "journal"))
    words = (
        "create-token",
        "--user=ci@example.com",
        "--groups=ci, x",
        "--name=nightly",
        "--days=2",
        "--methods=get,post",
    )
    created = json.loads(command(made, *words).stdout)
    bearer = {"authorization": f"Bearer {created['token']}"}
    with made.client() as client:
        # At once: whoever has just been given a token uses it.
        assert client.get("/x", headers=bearer).status_code == 200
        assert client.get("/x", headers=bearer).headers["kubeflow-groups"] == "ci,x"
        (listed,) = json.loads(command(made, "list-tokens").stdout)["tokens"]
        assert listed == {key: value for key, value in created.items() if key != "token"}
        assert json.loads(command(made, "list-tokens", "--user=nobody").stdout)["tokens"] == []
        assert json.loads(command(made, "revoke-token", f"--id={created['id']}").stdout) == {"revoked": created["id"]}
        wait(lambda: client.get("/x", headers=bearer).status_code == 401, seconds=2)
    assert created["token"].split("_", 2)[2] not in (tmp_path / "journal").read_text()
    for wrong, word in (
        (("revoke-token", "--id=nothing"), "there is no token"),
        (("create-token", "--user=u", "--name=n", "--days=0"), "days: must be from 1 to 366"),
        (("create-token", "--user=a\nb", "--name=n", "--days=1"), "cannot be a user id"),
    ):
        done = command(made, *wrong)
        assert (done.returncode, done.stdout) == (1, "")
        assert word in done.stderr
    made.stop()


def test_a_journal_that_cannot_be_written_is_said(running: Running):
    done = command(running, "create-token", "--user=u", "--name=n", "--days=1")
    assert done.returncode == 1
    assert "cannot keep it" in done.stderr
