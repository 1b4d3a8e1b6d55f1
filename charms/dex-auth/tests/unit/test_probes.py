# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The action check-connectors and its questions, with a real slapd, a real Dex and servers that misbehave."""

import collections.abc
import dataclasses
import datetime
import http.server
import json
import os
import pathlib
import socket
import ssl
import subprocess
import threading
import time

import certificate
import charm
import connectors
import deployed
import dex
import directory
import live
import probes
import pytest
from ops import testing

Context = deployed.Context
NOW = datetime.datetime.now(datetime.UTC)


@pytest.fixture(scope="module")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> collections.abc.Iterator[directory.Directory]:
    with directory.running(tmp_path_factory.mktemp("slapd")) as server:
        yield server


@pytest.fixture
def ctx() -> collections.abc.Iterator[Context]:
    with testing.Context(charm.DexCharm, app_name="dex-auth") as context:
        yield context


def ask(
    given: list[dict], username: str = "", password: str = "", *, authorities: str = "", **options: float
) -> list[str]:
    found = connectors.parse(json.dumps(given))
    person = probes.Person(username=username, password=password) if username else None
    questions = probes.Questions(person=person, authorities=authorities)
    (report,) = probes.check(found.entries, questions, NOW, **options).values()
    assert report.problems == len([line for line in report.lines if line.startswith("problem: ")])
    return report.lines


def test_a_directory_in_plain(slapd: directory.Directory):
    assert ask(slapd.connector()) == [
        f"ok: bound as {directory.ADMIN[0]}",
        "ok: the user search finds somebody",
    ]


def test_what_a_person_would_be(slapd: directory.Directory):
    said = ask(slapd.secured(), "jane@example.org", "jane-secret")
    dn = "cn=jane,ou=people,dc=example,dc=org"
    end = f"{NOW + datetime.timedelta(days=20):%Y-%m-%d}"
    assert said == [
        f"ok: 127.0.0.1:{slapd.tls_port} accepts connections",
        "ok: TLSv1.3 with a certificate for CN=directory",
        f"ok: the certificates are valid until {end}",
        f"warning: the certificate CN=directory expires on {end}",
        f"warning: the certificate CN=directory CA expires on {end}",
        f"ok: bound as {directory.ADMIN[0]}",
        f"ok: found {dn}",
        f"ok: claim id: {dn}",
        "ok: claim email: jane@example.org",
        "ok: claim name: jane",
        "ok: kubeflow-userid: jane@example.org",
        "ok: the password is right",
        "ok: kubeflow-groups: scientists",
    ]


def test_groups_by_member_of(slapd: directory.Directory):
    matchers = [{"userAttr": "memberOf", "groupAttr": "DN"}]
    search = {**slapd.connector()[0]["config"]["groupSearch"], "userMatchers": matchers}
    entry = slapd.secured(groupSearch=search)
    # Dex asks (DN=...), which no server answers: there is no such attribute.
    assert ask(entry, "jane@example.org")[-1] == "ok: kubeflow-groups: none"
    people = {
        **slapd.connector()[0]["config"]["userSearch"],
        "filter": "(memberOf=cn=scientists,ou=groups,dc=example,dc=org)",
    }
    entry = slapd.secured(userSearch=people)
    assert "ok: kubeflow-userid: jane@example.org" in ask(entry, "jane@example.org")
    assert ask(entry, "john@example.org")[-1].startswith("problem: the user search finds nobody")


def test_start_tls(slapd: directory.Directory):
    entry = slapd.secured(host=f"127.0.0.1:{slapd.port}", startTLS=True)
    assert "ok: kubeflow-userid: john@example.org" in ask(entry, "john@example.org")
    assert ask(slapd.connector(insecureNoSSL=None, startTLS=True))[0].startswith("problem: cannot bind as cn=admin")


def people(base: str = "ou=people,dc=example,dc=org", **search: str) -> dict:
    return {"userSearch": {"baseDN": base, "username": "mail", **search}}


SEVERAL = people(username="objectClass", idAttr="cn")
NO_EMAIL = people(username="cn", idAttr="cn", emailAttr="title")
GROUPS = people("ou=groups,dc=example,dc=org", filter="(mail=*)")


@pytest.mark.parametrize(
    ("changes", "username", "password", "said"),
    [
        ({"bindPW": "wrong"}, "", "", "cannot bind as cn=admin,dc=example,dc=org: LDAPInvalidCredentialsResult"),
        (people("ou=nowhere,dc=example,dc=org"), "", "", "cannot search: LDAPNoSuchObject"),
        (GROUPS, "", "", "the user search finds nobody under ou=groups"),
        ({}, "nobody@example.org", "", "the user search finds nobody with mail='nobody@example.org'"),
        ({}, "*", "", "the user search finds nobody with mail='*'"),
        ({}, "jane@example.org", "wrong", "the password is wrong"),
        (SEVERAL, "inetOrgPerson", "", "the user search finds several entries"),
        (NO_EMAIL, "jane", "", "cn=jane,ou=people,dc=example,dc=org has no attribute title"),
    ],
)
def test_what_is_wrong_with_a_directory(
    slapd: directory.Directory, changes: dict, username: str, password: str, said: str
):
    assert any(line.startswith(f"problem: {said}") for line in ask(slapd.secured(**changes), username, password))


def test_a_directory_whose_ca_is_not_known(slapd: directory.Directory):
    assert ask(slapd.secured(rootCAData=None)) == [
        f"ok: 127.0.0.1:{slapd.tls_port} accepts connections",
        f"problem: TLS with 127.0.0.1:{slapd.tls_port}: self-signed certificate in certificate chain",
    ]
    assert ask(slapd.secured(rootCAData=None, insecureSkipVerify=True))[-1] == "ok: the user search finds somebody"


def test_a_directory_whose_ca_another_application_tells(slapd: directory.Directory):
    entry = slapd.secured(rootCAData=None)
    assert ask(entry, authorities=slapd.ca)[-1] == "ok: the user search finds somebody"
    # Dex trusts nobody else where a connector has an authority of its own.
    own = slapd.secured(rootCAData=certificate.made("CN=another"))
    assert any(line.startswith("problem: TLS with") for line in ask(own, authorities=slapd.ca))


def test_nobody_listens():
    port = live.free_port()
    entry = {"id": "x", "name": "X", "type": "gitlab", "config": {"clientID": "a", "clientSecret": "b"}}
    entry["config"]["baseURL"] = f"https://127.0.0.1:{port}"
    assert ask([entry]) == [f"problem: cannot connect to 127.0.0.1:{port}: Connection refused"]


class Server(http.server.BaseHTTPRequestHandler):
    """Answers with what the test says."""

    answer = b""
    status = 200
    slow = 0.0

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()
        for start in range(0, len(self.answer), 65536):
            time.sleep(self.slow)
            self.wfile.write(self.answer[start : start + 65536])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def served() -> collections.abc.Iterator[tuple[str, type[Server]]]:
    handler = type("Handler", (Server,), {})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", handler
    server.shutdown()
    server.server_close()
    thread.join()


def oidc(issuer: str, **config: object) -> list[dict]:
    return [{"id": "o", "name": "O", "type": "oidc", "config": {"issuer": issuer, "clientID": "c", **config}}]


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        (b"{}", 200, "says that the issuer is 'None', which must be"),
        (b'{"issuer": "https://other"}', 200, "says that the issuer is 'https://other', which must be"),
        (b"no json", 200, "Expecting value"),
        (b"[]", 200, "the answer is no JSON document with fields"),
        (b"", 404, "it answers 404"),
        (b" " * 3_000_000, 200, "the answer is too long"),
    ],
)
def test_what_is_wrong_with_a_provider(served: tuple[str, type[Server]], answer: bytes, status: int, said: str):
    url, handler = served
    handler.answer, handler.status = answer, status
    assert said in ask(oidc(url))[-1]


def test_a_provider_without_endpoints(served: tuple[str, type[Server]]):
    url, handler = served
    handler.answer = json.dumps({"issuer": url}).encode()
    assert ask(oidc(url))[-1].endswith("has no authorization_endpoint")


def test_a_provider_that_never_ends_is_given_up(served: tuple[str, type[Server]]):
    url, handler = served
    handler.answer, handler.slow = b" " * 900_000, 0.5
    began = time.monotonic()
    assert ask(oidc(url), limit=1.0)[-1] == "problem: no answer within 1 s"
    assert time.monotonic() - began < 3


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def provider(tmp_path: pathlib.Path) -> collections.abc.Iterator[str]:
    if not os.environ.get("DEX"):
        pytest.skip("DEX does not name a Dex: discovery is not tried with the real one here")
    issuer = f"http://127.0.0.1:{live.free_port()}/dex"
    port = int(issuer.split(":")[2].split("/")[0])
    user = dex.User(username="a@b", hash="$2b$10$2b2cU8CPhOTaGrs1HRQuAueS7JTT5ZHsHSzYiFPm1leZck7Mc8T4W", id="1")
    (file,) = dex.configure(dex.Inputs(issuer=issuer, port=port, users=(user,))).files
    (tmp_path / "config.yaml").write_text(file.text.replace("0.0.0.0:5558", "127.0.0.1:0"))
    command = [os.environ["DEX"], "serve", tmp_path / "config.yaml"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        live.wait(lambda: listens(port), hint="Dex answers")
        yield issuer
        process.terminate()


def test_a_real_provider(provider: str):
    assert ask(oidc(provider))[-1] == f"ok: discovery at {provider}/.well-known/openid-configuration"
    other = provider.replace("127.0.0.1", "localhost")
    assert ask(oidc(other))[-1].endswith(f"says that the issuer is {provider!r}, which must be {other!r} to the letter")


def test_the_action_answers_and_shows_no_secret(ctx: Context, slapd: directory.Directory, tmp_path: pathlib.Path):
    bind, own = testing.Secret({"value": directory.ADMIN[1] + "\n"}), testing.Secret({"password": "jane-secret"})
    text = json.dumps(slapd.secured(bindPW=bind.id))
    base = dataclasses.replace(deployed.deployed(tmp_path), secrets=[bind, own], config={"connectors": text})
    params = {"username": "jane@example.org", "password-secret": own.id}
    ctx.run(ctx.on.action("check-connectors", params=params), base)
    checks = json.loads((ctx.action_results or {})["checks"])
    assert "ok: the password is right" in checks["ldap"]
    assert "jane-secret" not in str(ctx.action_results) + str(ctx.juju_log)


def test_what_a_secret_says_is_hidden_in_every_line(ctx: Context, slapd: directory.Directory, tmp_path: pathlib.Path):
    name = testing.Secret({"value": directory.ADMIN[0]})
    text = json.dumps(slapd.secured(bindDN=name.id))
    state = dataclasses.replace(deployed.deployed(tmp_path), secrets=[name], config={"connectors": text})
    ctx.run(ctx.on.action("check-connectors"), state)
    assert "ok: bound as ******" in json.loads((ctx.action_results or {})["checks"])["ldap"]
    assert directory.ADMIN[0] not in str(ctx.action_results)


def test_the_action_trusts_whom_dex_trusts(ctx: Context, slapd: directory.Directory, tmp_path: pathlib.Path):
    bag = {"certificates": json.dumps([slapd.ca])}
    relation = testing.Relation("receive-ca-cert", id=9, remote_app_name="ca", remote_app_data=bag)
    state = deployed.with_relation(deployed.deployed(tmp_path), relation)
    ctx.run(ctx.on.action("check-connectors", params={"content": json.dumps(slapd.secured(rootCAData=None))}), state)
    assert "ok: the user search finds somebody" in ctx.action_results["checks"]


def test_the_action_applies_nothing(ctx: Context, slapd: directory.Directory, tmp_path: pathlib.Path):
    state = deployed.run(ctx, deployed.deployed(tmp_path))
    before = deployed.dex(ctx, state)
    params = {"content": json.dumps(slapd.connector())}
    out = ctx.run(ctx.on.action("check-connectors", params=params), state)
    assert deployed.dex(ctx, out) == before
    assert "a secret in plain text" in (ctx.action_results or {})["warnings"]


def test_the_action_names_every_mistake(ctx: Context, tmp_path: pathlib.Path):
    state = deployed.deployed(tmp_path)
    with pytest.raises(testing.ActionFailed) as error:
        ctx.run(ctx.on.action("check-connectors", params={"content": '[{"id": "x", "type": "ldap"}]'}), state)
    assert error.value.message == "connectors[0].name is missing"
    assert (ctx.action_results or {})["problems"].splitlines() == [
        "connectors[0].name is missing",
        "connectors[0].config.host is missing",
        "connectors[0].config.userSearch.baseDN is missing",
        "connectors[0].config.userSearch.username is missing",
    ]


def test_the_action_fails_where_a_server_does(ctx: Context, slapd: directory.Directory, tmp_path: pathlib.Path):
    params = {"content": json.dumps(slapd.secured(bindPW="hunter2-hunter2"))}
    with pytest.raises(testing.ActionFailed, match="cannot bind as cn=admin"):
        ctx.run(ctx.on.action("check-connectors", params=params), deployed.deployed(tmp_path))
    assert "hunter2" not in str(ctx.action_results)


def test_a_password_is_never_a_parameter(ctx: Context, tmp_path: pathlib.Path):
    params = {"username": "jane", "password-secret": "hunter2"}
    with pytest.raises(testing.ActionFailed) as error:
        ctx.run(ctx.on.action("check-connectors", params=params), deployed.deployed(tmp_path))
    assert "hunter2" not in error.value.message


def test_certificates_that_dex_would_trust():
    context = probes.trusting({"rootCAs": [certificate.made("CN=root"), "/tmp/dex/ca.pem"]})
    assert context.cert_store_stats()["x509"] == ssl.create_default_context().cert_store_stats()["x509"] + 1
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert probes.trusting({"insecureCA": True}).verify_mode == ssl.CERT_NONE
