# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Reads the certificates of a connector, and says when they end. Pure."""

import base64
import binascii
import datetime
import re

from cryptography import x509

_SOON = datetime.timedelta(days=30)
_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)


def is_pem(text: str) -> bool:
    """Return whether a text is PEM, and not a path or base64."""
    return "-----BEGIN " in text


def decode(text: str) -> bytes:
    """Return PEM out of PEM, or out of PEM in base64.

    Raises:
        ValueError: it is neither; the text says so.
    """
    if is_pem(text):
        return text.encode()
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("it is neither a PEM certificate nor the base64 of one") from None


def encode(pem: bytes) -> str:
    """Return the base64 of the PEM blocks alone: Dex refuses what tools like to print around them."""
    return base64.b64encode(b"\n".join(found[0] for found in _BLOCK.finditer(pem))).decode()


def read(pem: bytes) -> tuple[x509.Certificate, ...]:
    """Return the certificates of a PEM text.

    Raises:
        ValueError: there is none, one cannot be read, or there is a key among them.
    """
    kinds = [found[1].decode() for found in _BLOCK.finditer(pem)]
    if not kinds:
        raise ValueError("there is no PEM certificate in it")
    other = [kind for kind in kinds if kind != "CERTIFICATE"]
    if other:
        raise ValueError(f"there is a block {other[0]} in it, where only certificates belong")
    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except ValueError:
        raise ValueError("the PEM certificate cannot be read: is a part of it missing?") from None


def ending(found: tuple[x509.Certificate, ...], now: datetime.datetime) -> tuple[str, ...]:
    """Return a sentence for each certificate that has ended or soon will."""
    sentences: list[str] = []
    for certificate in found:
        end = certificate.not_valid_after_utc
        if end - now <= _SOON:
            word = "expired" if end <= now else "expires"
            name = certificate.subject.rfc4514_string() or "without a name"
            sentences.append(f"the certificate {name} {word} on {end:%Y-%m-%d}")
    return tuple(sentences)
