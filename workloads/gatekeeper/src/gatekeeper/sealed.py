# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Seals small values so that only this service can read or make them: AES-256-GCM with a ring of keys."""

import base64
import binascii
import collections.abc
import secrets

import cryptography.exceptions
import cryptography.hazmat.primitives.ciphers.aead as aead

_NONCE = 12


class Sealer:
    """Seals with its first key, and opens with any of them."""

    def __init__(self, keys: collections.abc.Iterable[str]) -> None:
        """Take keys of 32 bytes each, in base64url."""
        self._keys = [aead.AESGCM(decode(key)) for key in keys]

    def seal(self, data: bytes, context: str) -> str:
        """Return data sealed as base64url text; it opens only in the same context."""
        nonce = secrets.token_bytes(_NONCE)
        return encode(nonce + self._keys[0].encrypt(nonce, data, context.encode()))

    def open(self, text: str, context: str) -> bytes | None:
        """Return what was sealed, or None when it was not sealed here, for this context."""
        try:
            raw = decode(text)
        except (ValueError, binascii.Error):
            return None
        for key in self._keys:
            try:
                return key.decrypt(raw[:_NONCE], raw[_NONCE:], context.encode())
            except (cryptography.exceptions.InvalidTag, ValueError):
                continue
        return None


def encode(data: bytes) -> str:
    """Return bytes as base64url without padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def decode(text: str) -> bytes:
    """Return the bytes of base64url text.

    Raises:
        ValueError: it is none.
    """
    if not text.isascii():
        raise ValueError("not base64url")
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
