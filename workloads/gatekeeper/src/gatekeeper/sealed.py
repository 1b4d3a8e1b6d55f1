# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Short texts that travel through browsers, encrypted and authenticated with AES-GCM under a ring of keys."""

import base64
import binascii
import collections.abc
import hashlib
import hmac
import os

import cryptography.exceptions
from cryptography.hazmat.primitives.ciphers import aead

_SALT = 16
_NONCE = 12
_LABEL = b"gatekeeper sealed text, version 1"
_LONGEST = 8192


class Sealer:
    """Seals with the first key, and opens with any.

    Every text has a key of its own, derived from a random salt, so that no number of anonymous requests can wear out
    the random nonces of one key.
    """

    def __init__(self, keys: collections.abc.Sequence[bytes]) -> None:
        self._keys = tuple(keys)

    def seal(self, text: bytes, *, purpose: bytes) -> str:
        """Return the text sealed for one purpose, as base64url."""
        salt, nonce = os.urandom(_SALT), os.urandom(_NONCE)
        sealed = _cipher(self._keys[0], salt).encrypt(nonce, text, purpose)
        return base64.urlsafe_b64encode(salt + nonce + sealed).rstrip(b"=").decode("ascii")

    def open(self, sealed: str | bytes, *, purpose: bytes, longest: int = _LONGEST) -> bytes | None:
        """Return the text, or None if no key of the ring sealed it for this purpose."""
        data = _decode(sealed.encode("utf-8", "replace") if isinstance(sealed, str) else sealed, longest)
        salt, nonce, box = data[:_SALT], data[_SALT : _SALT + _NONCE], data[_SALT + _NONCE :]
        for key in self._keys if box else ():
            try:
                return _cipher(key, salt).decrypt(nonce, box, purpose)
            except cryptography.exceptions.InvalidTag:
                continue
        return None


def _cipher(key: bytes, salt: bytes) -> aead.AESGCM:
    return aead.AESGCM(hmac.digest(key, _LABEL + salt, hashlib.sha256))


def _decode(sealed: bytes, longest: int) -> bytes:
    if len(sealed) > longest:
        return b""
    try:
        data = base64.urlsafe_b64decode(sealed + b"=" * (-len(sealed) % 4))
    except (ValueError, binascii.Error):
        return b""
    # There is one way to write it: a decoder also takes + and /, bits that are not used, and what is no base64 at all.
    return data if base64.urlsafe_b64encode(data).rstrip(b"=") == sealed else b""
