# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""check-connectors and certificates: the whole chain of a server, and the metadata of a SAML provider."""

import base64
import collections.abc
import datetime
import json
import pathlib

import certificate
import connectors
import places
import probes
import pytest

NOW = places.NOW
LATE, SOON = places.LATE, NOW + datetime.timedelta(days=20)
SSO = "https://idp.example.com/sso"
POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"


@pytest.fixture
def place(tmp_path: pathlib.Path) -> collections.abc.Iterator[places.Place]:
    found = places.Place(tmp_path, places.Served)
    yield found
    found.stop()


def lines(entry: dict, metadata: str = "", authorities: str = "") -> list[str]:
    found = connectors.parse(json.dumps([entry]), facts=connectors.Facts(now=NOW))
    (report,) = probes.check(
        found.entries, probes.Questions(saml_metadata=metadata, authorities=authorities), NOW
    ).values()
    return report.lines


def test_the_end_of_every_certificate_in_the_chain_is_told(place: places.Place):
    place.start(authority=SOON)
    config = {"issuer": place.url, "clientID": "c", "clientSecret": "s", "rootCAs": [place.authority]}
    said = lines({"id": "o", "name": "O", "type": "oidc", "config": config})
    assert f"ok: the certificates are valid until {SOON:%Y-%m-%d}" in said
    assert f"warning: the certificate CN=Authority expires on {SOON:%Y-%m-%d}" in said


def test_an_authority_of_another_application_is_trusted(place: places.Place):
    place.start()
    place.handler.document = metadata(place, place.authority)
    entry = {
        "id": "o",
        "name": "O",
        "type": "oidc",
        "config": {"issuer": place.url, "clientID": "c", "clientSecret": "s"},
    }
    unknown = f"problem: TLS with {place.url.removeprefix('https://')}: "
    assert any(line.startswith(unknown) for line in lines(entry))
    assert not any(line.startswith(unknown) for line in lines(entry, authorities=place.authority))
    provider = f"{place.url}/metadata"
    assert any("metadata: " in line and "problem" in line for line in lines(saml(place), provider))
    assert "ok: metadata of idp" in lines(saml(place), provider, place.authority)


def saml(place: places.Place, **changed: object) -> dict:
    encoded = base64.b64encode(place.authority.encode()).decode()
    config = {"ssoURL": f"{place.url}/sso", "caData": encoded, "usernameAttr": "name", "emailAttr": "email"}
    return {"id": "s", "name": "S", "type": "saml", "config": config | changed}


def metadata(place: places.Place, pem: str, *, entity: str = "idp", binding: str = POST) -> bytes:
    body = "".join(pem.strip().splitlines()[1:-1])
    return f"""<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{entity}">
      <IDPSSODescriptor><KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data>
      <X509Certificate>{body}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>
      <SingleSignOnService Binding="{binding}" Location="{place.url}/sso"/></IDPSSODescriptor></EntityDescriptor>
    """.encode()


def said(place: places.Place, document: bytes, *, text: bool = False, **changed: object) -> list[str]:
    place.handler.document = document
    found = lines(saml(place, **changed), document.decode(errors="surrogateescape") if text else f"{place.plain}/m")
    return [line for line in found if "metadata" in line or "caData" in line or "XML" in line]


def test_metadata_that_fits(place: places.Place):
    place.start()
    leaf, _ = certificate.chain(leaf=LATE, authority=LATE)
    for text in (True, False):
        assert said(place, metadata(place, leaf), text=text, ssoIssuer="idp") == [
            "ok: metadata of idp",
            "ok: ssoURL is where the metadata sends logins",
            "ok: caData vouches for every certificate that the provider signs with",
        ]


def test_metadata_that_does_not_fit(place: places.Place):
    place.start()
    good = metadata(place, place.authority)
    assert "problem: ssoIssuer is 'other', the metadata says 'idp'" in said(place, good, ssoIssuer="other")
    wrong = f"problem: ssoURL is '{SSO}', the metadata sends logins to '{place.url}/sso'"
    assert wrong in probes_of(place, good, ssoURL=SSO)
    other = metadata(place, certificate.made("CN=Other"))
    assert said(place, other)[-1] == (
        "problem: the provider signs with the certificate CN=Other, which caData does not hold or vouch for"
    )
    redirected = metadata(place, place.authority, binding=POST.replace("POST", "Redirect"))
    assert "problem: the metadata offers no login by HTTP-POST, and Dex knows no other" in said(place, redirected)


def probes_of(place: places.Place, document: bytes, **changed: str) -> list[str]:
    """Return what the comparison alone says, where the provider itself cannot be asked."""
    report = probes.Report()
    probes.saml_metadata.compare(report, document, {**saml(place)["config"], **changed})
    return report.lines


BOMB = b"""<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><x>&b;</x>"""
OUTSIDE = b"""<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>"""


@pytest.mark.parametrize("document", [b"", b"no xml", b"<x>", BOMB, OUTSIDE, b"\xff\xfe", b"<x/>"])
def test_hostile_metadata_is_a_problem_and_no_more(place: places.Place, document: bytes):
    place.start()
    (line,) = said(place, document)
    assert line in (
        "problem: the metadata cannot be read as XML, or has a DTD",
        "problem: the metadata describes no identity provider",
    )
