# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Compares a SAML connector with the metadata of its provider (SAML 2.0 Metadata, sections 2.4.1 and 2.4.3). Pure."""

import base64
import binascii
import collections.abc
import typing
from xml.etree import ElementTree

import certificates
import defusedxml
import ldap_probe
from cryptography import exceptions, x509
from cryptography.hazmat.primitives import serialization
from defusedxml import ElementTree as Hardened

_DER = serialization.Encoding.DER
_METADATA = "{urn:oasis:names:tc:SAML:2.0:metadata}"
_SIGNATURE = "{http://www.w3.org/2000/09/xmldsig#}"
# The only binding by which Dex sends people to a provider.
_POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"


def compare(notes: ldap_probe.Notes, document: bytes, config: collections.abc.Mapping[str, typing.Any]) -> None:
    """Note how a connector's configuration differs from what the provider says of itself.

    Args:
        notes: where findings go.
        document: the metadata, whose author is not trusted.
        config: the connector's.
    """
    try:
        root: ElementTree.Element = Hardened.fromstring(document, forbid_dtd=True)
    except (ElementTree.ParseError, defusedxml.DefusedXmlException, ValueError):
        notes.bad("the metadata cannot be read as XML, or has a DTD")
        return
    found = [entity for entity in root.iter(f"{_METADATA}EntityDescriptor") if _provider(entity) is not None]
    if not found:
        notes.bad("the metadata describes no identity provider")
        return
    wanted = config.get("ssoIssuer")
    entity = next((entity for entity in found if entity.get("entityID") == wanted), found[0])
    if wanted and entity.get("entityID") != wanted:
        notes.bad(f"ssoIssuer is {wanted!r}, the metadata says {(entity.get('entityID') or '')[:200]!r}")
        return
    notes.good(f"metadata of {(entity.get('entityID') or '')[:200]}")
    provider = _provider(entity)
    assert provider is not None
    _compare_urls(notes, provider, config)
    _compare_certificates(notes, provider, config)


def _provider(entity: ElementTree.Element) -> ElementTree.Element | None:
    return entity.find(f"{_METADATA}IDPSSODescriptor")


def _compare_urls(
    notes: ldap_probe.Notes, provider: ElementTree.Element, config: collections.abc.Mapping[str, typing.Any]
) -> None:
    services = provider.findall(f"{_METADATA}SingleSignOnService")
    places = [service.get("Location", "") for service in services if service.get("Binding") == _POST]
    if config["ssoURL"] in places:
        notes.good("ssoURL is where the metadata sends logins")
    elif places:
        notes.bad(f"ssoURL is {config['ssoURL']!r}, the metadata sends logins to {places[0][:200]!r}")
    else:
        notes.bad("the metadata offers no login by HTTP-POST, and Dex knows no other")


def _compare_certificates(
    notes: ldap_probe.Notes, provider: ElementTree.Element, config: collections.abc.Mapping[str, typing.Any]
) -> None:
    if not config.get("caData"):
        return
    trusted = {found.public_bytes(_DER) for found in certificates.read(certificates.decode(config["caData"]))}
    keys = [key for key in provider.findall(f"{_METADATA}KeyDescriptor") if key.get("use", "signing") == "signing"]
    texts = [element.text or "" for key in keys for element in key.iter(f"{_SIGNATURE}X509Certificate")]
    try:
        signing = [x509.load_der_x509_certificate(base64.b64decode("".join(text.split()))) for text in texts]
    except (binascii.Error, ValueError):
        notes.bad("a certificate in the metadata cannot be read")
        return
    unknown = [found for found in signing if found.public_bytes(_DER) not in trusted and not _issued(found, config)]
    for found in unknown:
        name = found.subject.rfc4514_string() or "without a name"
        notes.bad(f"the provider signs with the certificate {name}, which caData does not hold or vouch for")
    if signing and not unknown:
        notes.good("caData vouches for every certificate that the provider signs with")


def _issued(found: x509.Certificate, config: collections.abc.Mapping[str, typing.Any]) -> bool:
    """Return whether one of the certificates in caData issued another."""
    for authority in certificates.read(certificates.decode(config["caData"])):
        try:
            found.verify_directly_issued_by(authority)
        except (ValueError, TypeError, exceptions.InvalidSignature):
            continue
        return True
    return False
