# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""check-connectors and certificates: the whole chain of a server, and the metadata of a SAML provider."""

import base64
import collections.abc
import datetime
import http.server
import json
import pathlib
import ssl
import threading

import certificate
import connectors
import probes
import pytest

NOW = datetime.datetime.now(datetime.UTC)
LATE, SOON = NOW + datetime.timedelta(days=300), NOW + datetime.timedelta(days=20)
SSO = "https://idp.example.com/sso"
POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"


class Served(http.server.BaseHTTPRequestHandler):
    """Answers with a document of the test."""

    document = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.document)

    def log_message(self, *_: object) -> None:
        pass


class Place:
    """A server with TLS and a certificate of its own authority, and one without."""

    def __init__(self, home: pathlib.Path) -> None:
        self.handler = type("Handler", (Served,), {})
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler)
        self._other = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler)
        self._server.daemon_threads = self._other.daemon_threads = True
        self._home = home
        self.url = f"https://127.0.0.1:{self._server.server_port}"
        self.plain = f"http://127.0.0.1:{self._other.server_port}"
        self.authority = ""

    def start(self, *, leaf: datetime.datetime = LATE, authority: datetime.datetime = LATE) -> None:
        pem, self.authority = certificate.chain(leaf=leaf, authority=authority)
        (self._home / "chain.pem").write_text(pem + self.authority + certificate.KEY_PEM)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._home / "chain.pem")
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        for server in (self._server, self._other):
            threading.Thread(target=server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        for server in (self._server, self._other):
            server.shutdown()
            server.server_close()


@pytest.fixture
def place(tmp_path: pathlib.Path) -> collections.abc.Iterator[Place]:
    found = Place(tmp_path)
    yield found
    found.stop()


def lines(entry: dict, metadata: str = "") -> list[str]:
    found = connectors.parse(json.dumps([entry]), facts=connectors.Facts(now=NOW))
    (report,) = probes.check(found.entries, probes.Questions(saml_metadata=metadata), NOW).values()
    return report.lines


def test_the_end_of_every_certificate_in_the_chain_is_told(place: Place):
    place.start(authority=SOON)
    config = {"issuer": place.url, "clientID": "c", "clientSecret": "s", "rootCAs": [place.authority]}
    said = lines({"id": "o", "name": "O", "type": "oidc", "config": config})
    assert f"ok: the certificates are valid until {SOON:%Y-%m-%d}" in said
    assert f"warning: the certificate CN=Authority expires on {SOON:%Y-%m-%d}" in said


def saml(place: Place, **changed: object) -> dict:
    encoded = base64.b64encode(place.authority.encode()).decode()
    config = {"ssoURL": f"{place.url}/sso", "caData": encoded, "usernameAttr": "name", "emailAttr": "email"}
    return {"id": "s", "name": "S", "type": "saml", "config": config | changed}


def metadata(place: Place, pem: str, *, entity: str = "idp", binding: str = POST) -> bytes:
    body = "".join(pem.strip().splitlines()[1:-1])
    return f"""<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{entity}">
      <IDPSSODescriptor><KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data>
      <X509Certificate>{body}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>
      <SingleSignOnService Binding="{binding}" Location="{place.url}/sso"/></IDPSSODescriptor></EntityDescriptor>
    """.encode()


def said(place: Place, document: bytes, *, text: bool = False, **changed: object) -> list[str]:
    place.handler.document = document
    found = lines(saml(place, **changed), document.decode(errors="surrogateescape") if text else f"{place.plain}/m")
    return [line for line in found if "metadata" in line or "caData" in line or "XML" in line]


def test_metadata_that_fits(place: Place):
    place.start()
    leaf, _ = certificate.chain(leaf=LATE, authority=LATE)
    for text in (True, False):
        assert said(place, metadata(place, leaf), text=text, ssoIssuer="idp") == [
            "ok: metadata of idp",
            "ok: ssoURL is where the metadata sends logins",
            "ok: caData vouches for every certificate that the provider signs with",
        ]


def test_metadata_that_does_not_fit(place: Place):
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


def probes_of(place: Place, document: bytes, **changed: str) -> list[str]:
    """Return what the comparison alone says, where the provider itself cannot be asked."""
    report = probes.Report()
    probes.saml_metadata.compare(report, document, {**saml(place)["config"], **changed})
    return report.lines


BOMB = b"""<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><x>&b;</x>"""
OUTSIDE = b"""<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>"""


@pytest.mark.parametrize("document", [b"", b"no xml", b"<x>", BOMB, OUTSIDE, b"\xff\xfe", b"<x/>"])
def test_hostile_metadata_is_a_problem_and_no_more(place: Place, document: bytes):
    place.start()
    (line,) = said(place, document)
    assert line in (
        "problem: the metadata cannot be read as XML, or has a DTD",
        "problem: the metadata describes no identity provider",
    )
