# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Certificates for tests."""

import datetime
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
KEY = ec.generate_private_key(ec.SECP256R1())
KEY_PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
).decode()


def made(name: str, *, days: int = 3650) -> str:
    """Return a self-signed certificate in PEM that is valid for some days from 2026 on."""
    subject = x509.Name.from_rfc4514_string(name)
    builder = x509.CertificateBuilder(
        issuer_name=subject,
        subject_name=subject,
        public_key=KEY.public_key(),
        serial_number=7,
        not_valid_before=START,
        not_valid_after=START + datetime.timedelta(days=days),
    )
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def chain(*, leaf: datetime.datetime, authority: datetime.datetime) -> tuple[str, str]:
    """Return a certificate for 127.0.0.1 and that of the authority that issued it, which end at these times."""
    issuer, subject = x509.Name.from_rfc4514_string("CN=Authority"), x509.Name.from_rfc4514_string("CN=Leaf")
    base = x509.CertificateBuilder(issuer_name=issuer, public_key=KEY.public_key()).not_valid_before(START)
    upper = (
        base.subject_name(issuer)
        .serial_number(1)
        .not_valid_after(authority)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    lower = (
        base.subject_name(subject)
        .serial_number(2)
        .not_valid_after(leaf)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
    )
    pems = [builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.PEM) for builder in (lower, upper)]
    return pems[0].decode(), pems[1].decode()
