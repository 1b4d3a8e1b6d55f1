# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Asks the systems behind connectors whether they answer, as Dex would ask them; every question has a time limit."""

import collections.abc
import dataclasses
import datetime
import json
import socket
import ssl
import threading
import typing

import addresses
import certificates
import connectors
import httpx
import ldap_probe
import saml_metadata
from cryptography import x509

# Seconds for one question, and for all connectors together, which are asked side by side.
STEP = 5.0
ALL = 20.0
_LARGEST = 1_000_000
# What OpenSSL's binding in Python calls this encoding.
_DER = 2
_SAML = ("saml", "samlExperimental")
_DISCOVERED = {
    "oidc": "openid-configuration",
    "google": "openid-configuration",
    "openshift": "oauth-authorization-server",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody who would log in; without a password only what the directory says of them is looked up."""

    username: str
    password: str = dataclasses.field(default="", repr=False)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Questions:
    """What else to ask.

    Attributes:
        person: somebody who would log in.
        saml_metadata: how the provider of SAML connectors describes itself, or the URL of that; empty to leave it out.
        authorities: certificates in PEM of whom Dex trusts beside the system's authorities.
    """

    person: Person | None = None
    saml_metadata: str = ""
    authorities: str = ""


class Report:
    """What was found, in order."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.problems = 0
        self.done = False

    def good(self, text: str) -> None:
        """Note what works."""
        self.lines.append(f"ok: {text}")

    def warning(self, text: str) -> None:
        """Note what works and should not stay so."""
        self.lines.append(f"warning: {text}")

    def bad(self, text: str) -> None:
        """Note what does not work."""
        self.lines.append(f"problem: {text}")
        self.problems += 1


def check(
    entries: collections.abc.Sequence[connectors.Connector],
    questions: Questions,
    now: datetime.datetime,
    *,
    limit: float = ALL,
) -> dict[str, Report]:
    """Ask about all connectors side by side, and return a report for each id when all have answered or time is up."""
    reports = {entry["id"]: Report() for entry in entries}
    # Daemons: one that waits for a name server does not keep the hook from ending.
    threads = [
        threading.Thread(target=_finish, args=(entry, questions, now, reports[entry["id"]]), daemon=True)
        for entry in entries
    ]
    for thread in threads:
        thread.start()
    end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=limit)
    for entry, thread in zip(entries, threads, strict=True):
        thread.join(max(0.0, (end - datetime.datetime.now(datetime.UTC)).total_seconds()))
        if thread.is_alive():
            late = Report()
            late.lines = list(reports[entry["id"]].lines)
            late.problems = reports[entry["id"]].problems
            late.bad(f"no answer within {limit:.0f} s")
            reports[entry["id"]] = late
        elif not reports[entry["id"]].done:
            reports[entry["id"]].bad("it could not be checked to the end: see juju debug-log")
    return reports


def _finish(entry: connectors.Connector, questions: Questions, now: datetime.datetime, report: Report) -> None:
    _check(entry, questions, now, report)
    report.done = True


def _check(entry: connectors.Connector, questions: Questions, now: datetime.datetime, report: Report) -> None:
    config, kind = entry["config"], entry["type"]
    if kind == "ldap":
        ldap = ldap_probe.Directory(config, STEP, questions.authorities)
        from_the_start = not ldap.plain and not ldap.start_tls
        if not from_the_start or _handshake(report, ldap.host, ldap.port, ldap.context(), now):
            ldap.ask(report, questions.person)
        return
    for url in addresses.urls(kind, config):
        host, port = addresses.place(url)
        try:
            context = trusting(config, questions.authorities) if url.startswith("https://") else None
        except (OSError, ValueError) as error:
            report.bad(f"the certificates to trust cannot be read: {error}")
            return
        if _handshake(report, host, port, context, now) and kind in _DISCOVERED:
            _discover(report, kind, url.rstrip("/"), config, context)
    if questions.saml_metadata and kind in _SAML:
        _compare(report, questions, config)


def _compare(report: Report, questions: Questions, config: connectors.Connector) -> None:
    given = questions.saml_metadata
    document = given.encode(errors="replace")
    if not given.lstrip().startswith("<"):
        try:
            # Verified as browsers do: the connector's certificates are those of signatures.
            document = _fetch(given, trusting({}, questions.authorities))
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            report.bad(f"{given[:200]}: {error}")
            return
    saml_metadata.compare(report, document, config)


def trusting(config: connectors.Connector, authorities: str = "") -> ssl.SSLContext:
    """Return how Dex verifies a server with this configuration, and authorities beside those of the system.

    Raises:
        ValueError: what stands there is no certificate.
    """
    context = ssl.create_default_context()
    if config.get("insecureSkipVerify") or config.get("insecureCA"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    given = [*config.get("rootCAs", ()), config.get("rootCA"), config.get("rootCAData"), authorities]
    for text in given:
        # A path is one in Dex's container, which is not this one.
        if text and not text.startswith("/"):
            context.load_verify_locations(cadata=certificates.decode(text).decode())
    return context


def _handshake(report: Report, host: str, port: int, context: ssl.SSLContext | None, now: datetime.datetime) -> bool:
    """Connect, speak TLS where a context is given, and tell when the certificates end."""
    try:
        with socket.create_connection((host, port), timeout=STEP) as plain:
            report.good(f"{host}:{port} accepts connections")
            if context is None:
                report.warning("no TLS")
                return True
            with context.wrap_socket(plain, server_hostname=host) as secured:
                chain = _chain(secured)
                report.good(f"{secured.version()} with a certificate for {chain[0].subject.rfc4514_string()}")
                ends = min(certificate.not_valid_after_utc for certificate in chain)
                report.good(f"the certificates are valid until {ends:%Y-%m-%d}")
                for text in certificates.ending(chain, now):
                    report.warning(text)
                return True
    except ssl.SSLCertVerificationError as error:
        report.bad(f"TLS with {host}:{port}: {error.verify_message}")
    except OSError as error:
        report.bad(f"cannot connect to {host}:{port}: {error.strerror or error}")
    return False


def _chain(secured: ssl.SSLSocket) -> tuple[x509.Certificate, ...]:
    """Return the certificates that the server sent, its own first."""
    get = getattr(secured, "get_unverified_chain", None)
    if get:
        found: list[bytes] = get()
    else:
        # Python 3.10 to 3.12 have it, one layer below, with certificates that are objects.
        found = [der.public_bytes(_DER) for der in typing.cast("typing.Any", secured)._sslobj.get_unverified_chain()]
    return tuple(x509.load_der_x509_certificate(der) for der in found)


def _discover(
    report: Report, kind: str, issuer: str, config: connectors.Connector, context: ssl.SSLContext | None
) -> None:
    url = f"{issuer}/.well-known/{_DISCOVERED[kind]}"
    try:
        metadata = _get(url, context)
    except (httpx.HTTPError, ValueError) as error:
        report.bad(f"{url}: {error}")
        return
    given = metadata.get("issuer")
    wanted = config.get("issuerAlias") or config.get("issuer") or issuer
    if kind == "oidc" and given != wanted:
        report.bad(f"{url} says that the issuer is {str(given)[:200]!r}, which must be {wanted!r} to the letter")
        return
    missing = [name for name in ("authorization_endpoint", "token_endpoint") if not metadata.get(name)]
    if missing:
        report.bad(f"{url} has no {missing[0]}")
        return
    report.good(f"discovery at {url}")


def _get(url: str, context: ssl.SSLContext | None) -> dict[str, typing.Any]:
    """Return a JSON document.

    Raises:
        httpx.HTTPError: there is no good answer.
        ValueError: it is no JSON document.
    """
    found = json.loads(_fetch(url, context))
    if not isinstance(found, dict):
        raise ValueError("the answer is no JSON document with fields")
    return typing.cast("dict[str, typing.Any]", found)


def _fetch(url: str, context: ssl.SSLContext | None) -> bytes:
    """Return a document of limited size.

    Raises:
        httpx.HTTPError: there is no good answer.
        ValueError: there is one that is not good.
    """
    client = httpx.Client(verify=context or True, timeout=STEP, follow_redirects=True, max_redirects=3, trust_env=False)
    with client, client.stream("GET", url) as answer:
        if answer.status_code != 200:
            raise ValueError(f"it answers {answer.status_code}")
        text = b""
        for piece in answer.iter_bytes():
            text += piece
            if len(text) > _LARGEST:
                raise ValueError("the answer is too long")
    return text
