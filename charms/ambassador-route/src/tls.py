# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Certificates: whether a chain and a key belong together, and what to ask for. Pure; repeats nothing of a key."""

import collections.abc
import ipaddress
import urllib.parse

import model
from charmlibs.interfaces import tls_certificates
from cryptography import x509
from cryptography.hazmat.primitives import serialization


def own(content: dict[str, str], port: int) -> model.Tls:
    """Return the certificate of an operator's secret.

    Raises:
        ValueError: a key of the secret is missing, or its values do not belong together.
    """
    missing = [name for name in ("tls-crt", "tls-key") if not content.get(name)]
    if missing:
        raise ValueError(f"the secret has no {' and no '.join(missing)}")
    return checked(content["tls-crt"], content["tls-key"], port)


def checked(certificate: str, key: str, port: int) -> model.Tls:
    """Return a chain and its key, once they are known to belong together.

    Raises:
        ValueError: they do not, or are no PEM.
    """
    try:
        chain = x509.load_pem_x509_certificates(certificate.encode())
    except ValueError:
        raise ValueError("the certificate is no PEM") from None
    try:
        private = serialization.load_pem_private_key(key.encode(), password=None)
    except (ValueError, TypeError):
        raise ValueError("the private key is no PEM, or has a password") from None
    if _public(chain[0].public_key()) != _public(private.public_key()):
        raise ValueError("the first certificate belongs to another private key")
    return model.Tls(port=port, certificate=certificate.strip() + "\n", key=key.strip() + "\n")


def _public(key: object) -> bytes:
    encode = getattr(key, "public_bytes")  # noqa: B009 - every kind of public key has it, their common type has not
    return encode(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def requests(
    url: str, domain: str, others: collections.abc.Collection[str] = ()
) -> list[tls_certificates.CertificateRequestAttributes]:
    """Return what to ask a certificate authority for.

    Args:
        url: the public one, whose host the certificate is for.
        domain: what the operator named instead of that host; empty for nothing.
        others: the hosts of single applications.
    """
    host = domain or urllib.parse.urlsplit(url).hostname or ""
    if not host:
        return []
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return [tls_certificates.CertificateRequestAttributes(common_name=host[:64], sans_dns=[host, *others])]
    return [tls_certificates.CertificateRequestAttributes(common_name=host, sans_ip=[host], sans_dns=others)]
