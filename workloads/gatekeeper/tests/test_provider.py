# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Provider: whatever it sends, the service stays up, says what is wrong, and follows when it is mended."""

import asyncio
import base64
import collections.abc
import contextlib
import json
import socket
import threading
import time
import warnings

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from gatekeeper import backchannel, check, guard, idtoken, policy, provider, revocation
from gatekeeper_support import NOW, Provider, Running, log_in, options, wait
from joserfc import jwk, jws

RSA = jwk.RSAKey.generate_key(2048, {"kid": "a"}).as_dict(private=False)
EC = jwk.ECKey.generate_key("P-256", {"kid": "b"}).as_dict(private=False)


@pytest.mark.parametrize("url", [
    "http://127.0.0.1:99999/keys", "http://127.0.0.1:-1/keys", "http://xn--/keys", "http://[::1/keys", "http://h:x/keys",
    "http://%00/keys", "http:///keys", f"http://{'a' * 70}/keys", "http://127.0.0.1:1/keys",
])  # fmt: skip
def test_an_address_that_cannot_be_asked_is_trouble_and_no_failure(url: str):
    async def ask() -> str:
        source = provider.Provider(options())
        try:
            await source._channel.document(url)
        except backchannel.ProviderError as error:
            return error.reason
        finally:
            await source.close()
        return ""

    assert asyncio.run(ask()) == "provider_unreachable"


@pytest.mark.parametrize("entry", [
    {**RSA, "kid": [1]}, {**RSA, "kid": ""}, {**RSA, "n": ""}, {**RSA, "n": 5}, {**RSA, "e": None},
    {**RSA, "use": "enc"},
    {**RSA, "alg": "HS256"}, {**RSA, "alg": "RS512"}, {**RSA, "use": ["sig"]}, {**EC, "crv": "P-999"},
    {**EC, "crv": ["P-256"]}, {**EC, "x": "!!"}, {**EC, "alg": "RS256"}, {"kty": "oct", "kid": "c", "k": "AAAA"},
    {"kty": ["RSA"]}, {"kty": "EC"}, None, 1, [],
])  # fmt: skip
def test_a_key_that_cannot_be_used_is_passed_over(entry: object):
    assert set(idtoken.read_keys({"keys": [entry, EC]})) <= {"b"}
    assert "b" in idtoken.read_keys({"keys": [entry, EC]}) or entry == EC


@pytest.mark.parametrize("content", [None, [], {}, {"keys": None}, {"keys": {}}, "keys"])
def test_what_is_no_key_set_holds_no_key(content: object):
    assert idtoken.read_keys(content) == {}


def test_a_weak_key_is_no_key():
    number = rsa.generate_private_key(65537, 1024).public_key().public_numbers().n
    text = base64.urlsafe_b64encode(number.to_bytes(128)).decode().rstrip("=")
    with warnings.catch_warnings(action="ignore"):
        assert set(idtoken.read_keys({"keys": [{**RSA, "n": text}, EC]})) == {"b"}


@pytest.mark.parametrize("changes", [
    {"jwks_uri": "http://xn--/keys"}, {"authorization_endpoint": "javascript:alert(1)"},
])  # fmt: skip
def test_a_garbage_discovery_is_outlived(tmp_path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object]):
    source = Provider()
    good = source.get
    monkeypatch.setattr(source, "get", lambda path: (200, {**good("/discovery")[1], **changes}))
    made = Running(tmp_path, issuer=source.issuer)
    with made.client() as client:
        wait(lambda: len(source.requests) >= 2)
        assert client.get("/page", headers={"accept": "text/html"}).status_code == 503
        assert made.process.poll() is None
        monkeypatch.setattr(source, "get", good)
        wait(lambda: client.get("/page").status_code == 302)
    assert made.stop() == 0
    source.stop()


@contextlib.contextmanager
def dripping() -> collections.abc.Generator[int]:
    """Serve an answer that never ends, a byte at a time; yields the port."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
                while not stop.wait(0.05):
                    try:
                        connection.sendall(b" ")
                    except OSError:
                        return

        listener.settimeout(5)
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            stop.set()
            thread.join()


def test_an_answer_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(backchannel, "_WHOLE", 0.4)

    async def ask(port: int) -> float:
        source = provider.Provider(options())
        begin = time.monotonic()
        with pytest.raises(backchannel.ProviderError, match="provider_unreachable"):
            await asyncio.wait_for(source._channel.get(f"http://127.0.0.1:{port}/"), 3)
        await source.close()
        return time.monotonic() - begin

    with dripping() as port:
        assert asyncio.run(ask(port)) < 2


@pytest.mark.parametrize(("curve", "fit"), [("P-256", True), ("P-384", False), ("P-521", False), ("secp256k1", False)])
def test_a_key_on_another_curve_is_no_key(curve: str, fit: bool):
    key = jwk.ECKey.generate_key(curve, {"kid": "k"}).as_dict(private=False)
    assert ("k" in idtoken.read_keys({"keys": [key]})) is fit


class Source:
    """Keys as a test sets them."""

    def __init__(self) -> None:
        self.keys: dict[str, jwk.RSAKey | jwk.ECKey] | None = None
        self.learns = False

    def may_learn(self, now: float) -> bool:
        return self.learns


def test_a_token_whose_key_comes_later_is_not_refused_for_good():
    key = jwk.RSAKey.generate_key(2048, {"kid": "later"})
    claims = {"iss": options().issuer, "aud": "authservice-oidc", "email": "user@example.com", "exp": NOW + 9}
    raw = jws.serialize_compact({"alg": "RS256", "kid": "later"}, json.dumps(claims), key, ["RS256"]).encode()
    source = Source()
    id_tokens = idtoken.IdTokens(
        options=options(), source=source, policy=policy.Policy(options()), ledger=revocation.Ledger()
    )
    ward = guard.Guard(id_tokens, check.allowing(options(), lambda proof, now: ""))
    assert ward.ask(raw, NOW) == "provider_unreachable"
    source.keys = {}
    assert ward.ask(raw, NOW) == "token_unknown_key"
    source.learns = True
    assert ward.ask(raw, NOW) is None
    source.keys = {"later": key}
    assert isinstance(ward.ask(raw, NOW), guard.Pass)
    assert isinstance(ward.ask(raw, NOW + 8), guard.Pass)
    assert ward.ask(raw, NOW + 9) == "token_expired"


def test_a_login_with_an_unverified_address_ends_nowhere(running: Running, provider: Provider):
    for word in (False, "false", "False"):
        provider.claims = {"email": "victim@example.com", "email_verified": word}
        with running.client() as client:
            answer = client.get(provider.agree(client.get("/page").headers["location"]))
            assert (answer.status_code, "authservice_session" in client.cookies) == (403, False), word
    for word in (True, "true"):
        provider.claims = {"email": "user@example.com", "email_verified": word}
        with log_in(running, provider) as client:
            assert client.get("/x").headers["kubeflow-userid"] == "user@example.com"


def test_an_answer_without_end_is_not_read():
    """A provider, or whoever answers in its place, must not be able to fill the memory."""
    sent = 0
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            nonlocal sent
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(4000)
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                while sent < 100 << 20:
                    sent += connection.send(b" " * 65536)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        source = provider.Provider(options(issuer=f"http://127.0.0.1:{server.getsockname()[1]}/dex"))
        asyncio.run(learn_and_close(source))
        thread.join(5)
    assert source.trouble == "provider_invalid"
    assert sent < 20 << 20


async def learn_and_close(source: provider.Provider) -> None:
    await source.learn()
    await source.close()
