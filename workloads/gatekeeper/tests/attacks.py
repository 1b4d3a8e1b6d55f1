# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Every known way to forge a token, and paths that look like others."""

import base64
import json
import posixpath
import re
import typing
import urllib.parse

import gatekeeper_support
from cryptography.hazmat.primitives import hashes, hmac
from joserfc import jwk, jws


def b64(data: bytes | dict[str, typing.Any]) -> str:
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def parts(token: str) -> tuple[dict[str, typing.Any], dict[str, typing.Any]]:
    header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2])
    return header, claims


def sign(header: dict[str, typing.Any], claims: dict[str, typing.Any], pem_text: str) -> bytes:
    return sign_text(header, json.dumps(claims), pem_text)


def sign_text(header: dict[str, typing.Any], claims: str, pem_text: str) -> bytes:
    registry = jws.JWSRegistry(algorithms=["ES256"], strict_check_header=False)
    key = jwk.ECKey.import_key(pem_text)
    return jws.serialize_compact(header, claims, key, registry=registry).encode()


def forged(token: str, pem_text: str) -> dict[str, str]:
    """Return every known way to forge a session, made from a good one and the key that signed it."""
    header, claims = parts(token)
    start, body, signature = token.split(".")
    secret = jwk.ECKey.import_key(pem_text).as_pem(private=False)
    mac = hmac.HMAC(secret, hashes.SHA256())
    signed = f"{b64({**header, 'alg': 'HS256'})}.{body}"
    mac.update(signed.encode())
    foreign = gatekeeper_support.pem()
    embedded = jwk.ECKey.import_key(foreign).as_dict(private=False)
    return {
        "none": f"{b64({**header, 'alg': 'none'})}.{body}.",
        "none, signed": f"{b64({**header, 'alg': 'none'})}.{body}.{signature}",
        "None": f"{b64({**header, 'alg': 'None'})}.{body}.{signature}",
        "public key as secret": f"{signed}.{b64(mac.finalize())}",
        "other key": sign(header, claims, foreign).decode(),
        "embedded key": sign({**header, "jwk": embedded}, claims, foreign).decode(),
        "key from elsewhere": sign({**header, "jku": "https://evil.example/keys"}, claims, foreign).decode(),
        "wrong kid": sign({**header, "kid": "k2"}, claims, pem_text).decode(),
        "path as kid": sign({**header, "kid": "../../dev/null"}, claims, pem_text).decode(),
        "kid no text": f"{b64({**header, 'kid': ['k1']})}.{body}.{signature}",
        "no kid": sign({"alg": "ES256", "typ": "JWT"}, claims, pem_text).decode(),
        "other type": sign({**header, "typ": "at+jwt"}, claims, pem_text).decode(),
        "critical": f"{b64({**header, 'crit': ['b64'], 'b64': False})}.{body}.{signature}",
        "other user": f"{start}.{b64({**claims, 'userid': 'root@example.com'})}.{signature}",
        "zero signature": f"{start}.{body}.{b64(bytes(64))}",
        "cut": token[:-4],
        "lengthened": token + "A",
        "padded": token + "==",
        "four parts": token + ".x",
        "two parts": f"{start}.{body}",
        "empty": "",
        "dots": "..",
        "text": "not-a-token",
        "huge": "x" * 1_000_000,
        "deep": f"{start}.{b64(b'[' * 900)}.{signature}",
        "claims no object": f"{start}.{b64(b'[]')}.{signature}",
        "header no object": f"{b64(b'1')}.{body}.{signature}",
    }


def forged_of_a_provider(token: str, key: jwk.RSAKey) -> dict[str, str]:
    """Return ways to forge a provider's token, made from a good one and the key that signed it (RS256)."""
    header, _ = parts(token)
    start, body, signature = token.split(".")
    payload = base64.urlsafe_b64decode(body + "==")
    foreign = jwk.RSAKey.generate_key(2048)
    # The same key, free to be used with any algorithm.
    unbound = jwk.RSAKey.import_key(key.as_pem(private=True))
    # What fools those who let the token choose the algorithm.
    mac = hmac.HMAC(key.as_pem(private=False), hashes.SHA256())
    signed = f"{b64({**header, 'alg': 'HS256'})}.{body}"
    mac.update(signed.encode())
    embedded = {**header, "jwk": foreign.as_dict(private=False)}
    return {
        "none": f"{b64({**header, 'alg': 'none'})}.{body}.",
        "public key as secret": f"{signed}.{b64(mac.finalize())}",
        "other key": jws.serialize_compact(header, payload, foreign, ["RS256"]),
        "embedded key": jws.serialize_compact(embedded, payload, foreign, ["RS256"]),
        "other algorithm": jws.serialize_compact({**header, "alg": "RS512"}, payload, unbound, ["RS512"]),
        "other user": f"{start}.{b64({**json.loads(payload), 'email': 'root@example.com'})}.{signature}",
        "cut": f"{start}.{body}.{signature[:-6]}",
    }


# Pieces of which servers make different paths.
PIECES = [
    b"/public", b"/public/", b"public", b"/", b"//", b"..", b".", b"%2e", b"%2E%2e", b"%2f", b"%5c", b"\\", b";",
    b";x=1",
    b"%252e", b"%25", b"?", b"#", b"%3b", b"%3f", b"%23", b"%00", b"\x01", b"%0a", b"a", b"secret", b"/../", b"/./",
    b"%",
    b"%70ublic", b"PUBLIC", b"%c0%ae", b"\xc0\xae", b"...", b"~", b"%09", b" ",
]  # fmt: skip


def readings(path: bytes) -> list[str]:
    """Return the paths that other servers may take this one for."""
    text = path.partition(b"?")[0].partition(b"#")[0].decode("latin-1")
    found = {text}
    for _ in range(3):
        for one in list(found):
            found |= {
                urllib.parse.unquote(one, "latin-1"), one.replace("\\", "/"), re.sub("/+", "/", one),
                re.sub(r";[^/]*", "", one), posixpath.normpath(re.sub("/+", "/", one)), one.split("?")[0].split("#")[0],
            }  # fmt: skip
    return sorted(found)
