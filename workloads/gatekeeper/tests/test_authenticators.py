# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Tokens that somebody else is asked about: service accounts of Kubernetes, and opaque access tokens."""

import base64
import collections.abc
import http.server
import json
import pathlib
import ssl
import threading
import time
import typing
import urllib.parse

import attacks
import httpx
import pytest
from gatekeeper_support import Provider, Running, certificate, wait
from joserfc import jwk, jws

KEY = jwk.ECKey.generate_key("P-256", {"kid": "cluster"})
OPAQUE = "an-opaque-access-token-1"


def service_account(**changes: object) -> str:
    claims = {"iss": "https://kubernetes.default.svc", "aud": ["kubeflow"], "exp": int(time.time()) + 600, **changes}
    return jws.serialize_compact({"alg": "ES256", "kid": "cluster"}, json.dumps(claims), KEY, ["ES256"])


class ApiServer:
    """Answers TokenReviews over https; what it says is up to the test."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.reviews: list[dict[str, typing.Any]] = []
        self.status = 201
        self.answer: object = None
        self.user: dict[str, object] = {"username": "system:serviceaccount:ml:ci", "groups": ["system:authenticated"]}
        self.ca = directory / "ca.crt"
        self.token = directory / "token"
        self.token.write_text("the-gatekeepers-own\n")
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *words: object) -> None:
                pass

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                assert self.path == "/apis/authentication.k8s.io/v1/tokenreviews"
                assert self.headers["authorization"] == "Bearer the-gatekeepers-own"
                api.reviews.append(body)
                status = {"authenticated": True, "user": api.user, "audiences": body["spec"]["audiences"]}
                data = json.dumps(
                    {"kind": "TokenReview", "status": status} if api.answer is None else api.answer
                ).encode()
                self.send_response(api.status)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate(directory, self.ca))
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Cluster(typing.NamedTuple):
    api: ApiServer
    running: Running

    def ask(self, token: str) -> httpx.Response:
        return httpx.get(f"{self.running.url}/x", headers={"authorization": f"Bearer {token}"}, trust_env=False)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> collections.abc.Iterator[Cluster]:
    directory = tmp_path_factory.mktemp("cluster")
    api = ApiServer(directory)
    place = {"url": api.url, "token_file": str(api.token), "ca_file": str(api.ca), "audiences": ["kubeflow"]}
    made = Running(
        directory, issuer=provider.issuer, kubernetes=place, authenticators=["kubernetes", "session", "id_token"]
    )
    yield Cluster(api, made)
    assert made.stop() == 0
    api.stop()


@pytest.fixture(autouse=True)
def plain(cluster: Cluster) -> None:
    cluster.api.status, cluster.api.answer, cluster.api.reviews = 201, None, []


def test_a_service_account_is_reviewed_once_and_then_known(cluster: Cluster):
    token = service_account()
    for _ in range(5):
        given = cluster.ask(token)
        assert (given.status_code, given.headers["kubeflow-userid"]) == (200, "system:serviceaccount:ml:ci")
        assert given.headers["kubeflow-groups"] == "system:authenticated"
    (review,) = cluster.api.reviews
    assert review["spec"] == {"token": token, "audiences": ["kubeflow"]}


def test_it_ends_when_the_token_does(cluster: Cluster):
    token = service_account(exp=int(time.time()) + 2)
    assert cluster.ask(token).status_code == 200
    wait(lambda: cluster.ask(token).status_code == 401, seconds=4)
    assert len(cluster.api.reviews) == 1


@pytest.mark.parametrize("answer", [
    {"status": {"authenticated": False}}, {"status": {"authenticated": True, "audiences": ["kubeflow"]}},
    {"status": {"authenticated": False, "user": {"username": "u"}, "audiences": ["kubeflow"]}},
    {"status": {"user": {}, "error": "invalid bearer token"}},
    {"status": {"authenticated": True, "user": {"username": "u"}, "audiences": ["other"]}},
    # From before audiences: such a token is for the API server itself.
    {"status": {"authenticated": True, "user": {"username": "u"}}},
    {"status": {"authenticated": True, "user": {"username": ""}, "audiences": ["kubeflow"]}},
    {"status": {"authenticated": True, "user": {"username": "a\nb"}, "audiences": ["kubeflow"]}},
    {"status": {"authenticated": "true", "user": {"username": "u"}, "audiences": ["kubeflow"]}}, {}, [], "x",
])  # fmt: skip
def test_whoever_is_not_proven_is_not_let_in(cluster: Cluster, answer: object):
    cluster.api.answer = answer
    assert cluster.ask(service_account(jti=json.dumps(answer))).status_code in (401, 403, 503)


@pytest.mark.parametrize("changes", [
    {"aud": "other"}, {"aud": None}, {"exp": 1}, {"exp": None}, {"exp": "soon"}, {"exp": 10**400},
    {"aud": [["kubeflow"]]},
])  # fmt: skip
def test_what_cannot_be_for_us_is_not_asked_about(cluster: Cluster, changes: dict[str, object]):
    assert cluster.ask(service_account(**changes)).status_code == 401
    assert cluster.api.reviews == []


def test_missing_rights_are_said_and_mended_without_a_restart(cluster: Cluster):
    cluster.api.status = 403
    token = service_account(jti="rights")
    given = cluster.ask(token)
    assert (given.status_code, given.headers["retry-after"]) == (503, "5")
    assert httpx.get(f"{cluster.running.management}/kubernetes").status_code == 503
    assert "not allowed to review tokens" in json.dumps(cluster.running.log())
    cluster.api.status = 201
    wait(lambda: cluster.ask(token).status_code == 200, seconds=4)
    assert httpx.get(f"{cluster.running.management}/kubernetes").status_code == 200
    assert token not in json.dumps(cluster.running.log())


class OAuth(Provider):
    """A provider with opaque access tokens."""

    active: typing.ClassVar[dict[str, typing.Any]] = {}

    def get(self, path: str) -> tuple[int, object]:
        return (401, {}) if path.endswith("/userinfo") else super().get(path)

    def post(self, form: dict[str, str], authorization: str) -> tuple[int, object]:
        if "token_type_hint" not in form:
            return super().post(form, authorization)
        assert authorization.startswith("Basic ")
        return 200, self.active.get(form["token"], {"active": False})


@pytest.mark.parametrize(("said", "status"), [
    ({"active": True, "client_id": "authservice-oidc", "email": "u@example.com"}, 200),
    ({"active": True, "aud": ["x", "authservice-oidc"], "email": "u@example.com", "exp": 2**33}, 200),
    ({"active": True, "client_id": "another", "email": "u@example.com"}, 401),
    ({"active": True, "email": "u@example.com"}, 401),
    ({"active": True, "client_id": "authservice-oidc", "email": "u@example.com", "exp": 5}, 401),
    ({"active": "true", "client_id": "authservice-oidc", "email": "u@example.com"}, 401),
    ({"active": False}, 401),
])  # fmt: skip
def test_an_access_token_is_introspected(oauth: tuple[OAuth, Running], said: dict[str, object], status: int):
    source, made = oauth
    token = f"opaque-token-{abs(hash(json.dumps(said)))}"
    source.active[token] = said
    asked = len(source.requests)
    for _ in range(3):
        given = httpx.get(f"{made.url}/x", headers={"authorization": f"Bearer {token}"})
        assert given.status_code == status
        assert status != 200 or given.headers["kubeflow-userid"] == "u@example.com"
    assert len([path for path in source.requests[asked:] if path.endswith("/introspect")]) == 1


@pytest.fixture(scope="module")
def oauth(tmp_path_factory: pytest.TempPathFactory) -> collections.abc.Iterator[tuple[OAuth, Running]]:
    source = OAuth()
    source.endpoints = {"introspection_endpoint": f"{source.issuer}/introspect"}
    names = ["access_token", "session", "id_token", "api_token"]
    made = Running(tmp_path_factory.mktemp("oauth"), issuer=source.issuer, authenticators=names)
    with made.client() as client:
        wait(lambda: client.get("/x").status_code == 302)
    yield source, made
    assert made.stop() == 0
    source.stop()


@pytest.mark.parametrize("token", ["short", "a b", "kfa_0000000000000000_" + "A" * 43, "x" * 3000, "a.b.c" * 9])
def test_what_is_no_opaque_token_is_not_asked_about(oauth: tuple[OAuth, Running], token: str):
    source, made = oauth
    asked = len(source.requests)
    assert httpx.get(f"{made.url}/x", headers={"authorization": f"Bearer {token}"}).status_code == 401
    assert [path for path in source.requests[asked:] if path.endswith("/introspect")] == []


def test_userinfo_is_asked_where_there_is_no_introspection(tmp_path: pathlib.Path):
    class Plain(Provider):
        def get(self, path: str) -> tuple[int, object]:
            if urllib.parse.urlsplit(path).path.endswith("/userinfo"):
                return answers.pop(0)
            return super().get(path)

    answers: list[tuple[int, object]] = [(500, {}), (401, {}), (200, {"sub": "1", "email": "u@example.com"})]
    source = Plain()
    source.endpoints = {"userinfo_endpoint": f"{source.issuer}/userinfo"}
    made = Running(tmp_path, issuer=source.issuer, authenticators=["access_token"])
    with made.client() as client:
        wait(lambda: client.get("/x").status_code == 302)
        for number, status in enumerate((503, 401, 200)):
            given = client.get("/x", headers={"authorization": f"Bearer {OPAQUE}{number}"})
            assert given.status_code == status
        assert given.headers["kubeflow-userid"] == "u@example.com"
    assert made.stop() == 0
    source.stop()


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> collections.abc.Iterator[Running]:
    """Run a service that lets in JWT access tokens for the audience kfp."""
    directory = tmp_path_factory.mktemp("api")
    names = ["access_token", "session", "id_token", "api_token"]
    made = Running(directory, issuer=provider.issuer, authenticators=names, access_token_audiences=["kfp", "other"])
    with made.client() as client:
        wait(lambda: client.get("/x").status_code == 302)
    yield made
    assert made.stop() == 0


def access_token(provider: Provider, *, kind: str | None = "at+jwt", **changes: object) -> str:
    payload = provider.id_token(**{"aud": "kfp", **changes}).split(".")[1]
    header = {"alg": "RS256", "kid": provider.key.kid} | ({"typ": kind} if kind is not None else {})
    claims = base64.urlsafe_b64decode(payload + "==").decode()
    return jws.serialize_compact(header, claims, provider.key, ["RS256"])


def bearer(running: Running, token: str) -> httpx.Response:
    return httpx.get(f"{running.url}/x", headers={"authorization": f"Bearer {token}"}, trust_env=False)


@pytest.mark.parametrize("changes", [{}, {"aud": ["a", "other"]}, {"kind": None}, {"kind": "JWT"}])
def test_a_jwt_access_token_for_a_named_audience_is_good(api: Running, provider: Provider, changes: dict[str, object]):
    asked = len(provider.requests)
    given = bearer(api, access_token(provider, **changes))
    assert (given.status_code, given.headers["kubeflow-userid"]) == (200, "user@example.com")
    assert provider.requests[asked:] == []


@pytest.mark.parametrize("changes", [
    {"aud": "someone-else"}, {"iss": "http://evil.example"}, {"exp": 1}, {"exp": None}, {"nbf": 2**33},
    {"kind": "logout+jwt"}, {"email": None},
])  # fmt: skip
def test_other_jwts_are_not(api: Running, provider: Provider, changes: dict[str, object]):
    assert bearer(api, access_token(provider, **changes)).status_code in (401, 403)


def test_forged_access_tokens_are_not(api: Running, provider: Provider):
    good = access_token(provider)
    assert bearer(api, good).status_code == 200
    for name, token in attacks.forged_of_a_provider(good, provider.key).items():
        assert bearer(api, token).status_code == 401, name


def test_an_access_token_without_the_option_is_not_good(running: Running, provider: Provider):
    assert bearer(running, access_token(provider)).status_code == 401


def test_id_tokens_and_api_tokens_are_good_beside_it(api: Running, provider: Provider):
    assert bearer(api, provider.id_token()).status_code == 200


def test_a_key_that_the_provider_no_longer_publishes_proves_nothing(api: Running, provider: Provider):
    token = access_token(provider)
    assert bearer(api, token).status_code == 200
    before = provider.key
    provider.rotate("p2")
    try:
        # Somebody comes with the new key: the provider is asked for its keys, and the old one is gone.
        wait(lambda: bearer(api, access_token(provider)).status_code == 200)
        wait(lambda: bearer(api, token).status_code == 401)
    finally:
        provider.key = before
        wait(lambda: bearer(api, access_token(provider, jti="back")).status_code == 200)
