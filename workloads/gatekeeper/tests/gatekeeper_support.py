# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What the tests share: a configuration, the running service on loopback, and a provider that can be made to fail."""

import base64
import collections.abc
import contextlib
import datetime
import http.server
import ipaddress
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time
import typing
import urllib.parse

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from gatekeeper import settings
from joserfc import jwk, jws

SECRET = "a-client-secret-of-the-tests"
NOW = 1_800_000_000.0


def pem() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


PEM = pem()
STATE_KEY = base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")


def document(**changes: object) -> dict[str, typing.Any]:
    content = {
        "listen": "127.0.0.1:8080",
        "public_url": "http://127.0.0.1:8080",
        "issuer": "http://127.0.0.1:8080/dex",
        "client_id": "authservice-oidc",
        "client_secret": SECRET,
        "signing_keys": [{"kid": "k1", "pem": PEM}],
        "state_keys": [STATE_KEY],
    }
    return {**content, **changes}


def options(**changes: object) -> settings.Settings:
    return settings.parse(json.dumps(document(**changes)))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Running:
    """The service as a process of its own."""

    def __init__(self, directory: pathlib.Path, *, arguments: tuple[str, ...] = (), **changes: object) -> None:
        self._arguments = arguments
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        fixed = {"listen": f"127.0.0.1:{self.port}", "public_url": self.url}
        content = document(**{"management": f"127.0.0.1:{free_port()}", **fixed, **changes})
        self.management = f"http://{content['management']}"
        self.options = settings.parse(json.dumps(content))
        directory.mkdir(parents=True, exist_ok=True)
        self.file = directory / "config.json"
        self.file.write_text(json.dumps(content))
        self._log = directory / "log"
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "gatekeeper", "--config", self.file, *self._arguments]
        with self._log.open("a") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        wait(lambda: answers(self.management + "/ready"), seconds=60)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)

    def client(self, **words: typing.Any) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=10, trust_env=False, **words)

    def log(self) -> list[dict[str, typing.Any]]:
        return [json.loads(line) for line in self._log.read_text().splitlines()]

    def raw(self, data: bytes, *, seconds: float = 0.3) -> bytes:
        """Send bytes on a connection of their own, and return what comes until it is quiet or closed."""
        received = b""
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.settimeout(seconds)
            connection.sendall(data)
            try:
                while chunk := connection.recv(65536):
                    received += chunk
            except TimeoutError:
                return received
        return received + b"<closed>"


def answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def wait(what: collections.abc.Callable[[], object], *, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.03)


def certificate(directory: pathlib.Path, ca: pathlib.Path) -> pathlib.Path:
    """Write a certificate for 127.0.0.1 that is its own authority, and return the file that holds its key as well."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tests")])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    ca.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    both = directory / "server.pem"
    both.write_bytes(private + ca.read_bytes())
    return both


class Provider:
    """An OpenID Connect provider that logs everybody in, or fails as told."""

    def __init__(self) -> None:
        self.port = free_port()
        self.issuer = f"http://127.0.0.1:{self.port}/dex"
        self.announced = self.issuer
        self.endpoints: dict[str, str] = {}
        self.claims: dict[str, typing.Any] = {"email": "user@example.com", "groups": ["a", "b"], "name": "A User"}
        self.status = 200
        self.token_error: tuple[int, str] | None = None
        self.requests: list[str] = []
        self.nonces: dict[str, str] = {}
        self.rotate("p1")
        self._server: http.server.ThreadingHTTPServer | None = None
        self.start()

    def rotate(self, kid: str) -> None:
        self.key = jwk.RSAKey.generate_key(2048, {"kid": kid, "use": "sig", "alg": "RS256"})

    def start(self) -> None:
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *words: object) -> None:
                pass

            def do_GET(self) -> None:
                provider.requests.append(self.path)
                status, content = provider.get(self.path)
                self.reply(status, content)

            def do_POST(self) -> None:
                provider.requests.append(self.path)
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                self.reply(*provider.post(dict(urllib.parse.parse_qsl(body)), self.headers["authorization"] or ""))

            def reply(self, status: int, content: object) -> None:
                data = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def get(self, path: str) -> tuple[int, object]:
        if self.status != 200:
            return self.status, {}
        if path.endswith("/keys"):
            return 200, {"keys": [self.key.as_dict(private=False)]}
        base = self.announced
        return 200, {
            "issuer": base,
            "authorization_endpoint": f"{self.issuer}/auth",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            **self.endpoints,
        }

    def post(self, form: dict[str, str], authorization: str) -> tuple[int, object]:
        if self.token_error:
            return self.token_error[0], {"error": self.token_error[1]}
        expected = "Basic " + base64.b64encode(f"authservice-oidc:{SECRET}".encode()).decode()
        assert authorization == expected
        assert form["code_verifier"]
        return 200, {"id_token": self.id_token(nonce=self.nonces[form["code"]])}

    def id_token(self, **changes: object) -> str:
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": "authservice-oidc", "sub": "subject", "iat": now, "exp": now + 600}
        payload = json.dumps({**claims, **self.claims, **changes})
        return jws.serialize_compact({"alg": "RS256", "kid": self.key.kid}, payload, self.key, ["RS256"])

    def agree(self, location: str) -> str:
        """Log in as a person would, and return where the provider sends the browser."""
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(location).query))
        code = f"code-{len(self.nonces)}"
        self.nonces[code] = query["nonce"]
        return f"{query['redirect_uri']}?{urllib.parse.urlencode({'code': code, 'state': query['state']})}"


@contextlib.contextmanager
def log_in(running: Running, provider: Provider, path: str = "/page") -> collections.abc.Generator[httpx.Client]:
    """Give a client that has a session."""
    with running.client() as client:
        location = client.get(path).headers["location"]
        answer = client.get(provider.agree(location))
        assert answer.status_code == 302, answer.text
        yield client
