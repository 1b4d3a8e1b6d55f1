# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""A real OpenLDAP server on loopback with a directory of its own, in plain and over TLS with its own CA."""

import collections.abc
import contextlib
import datetime
import ipaddress
import os
import pathlib
import shutil
import subprocess
import time

import live
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

PEOPLE = {"jane": "jane-secret", "john": "john-secret"}
ADMIN = ("cn=admin,dc=example,dc=org", "admin")
_CONFIG = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
{tls}
pidfile {home}/slapd.pid
database mdb
suffix "dc=example,dc=org"
rootdn "{admin}"
rootpw {password}
directory {home}/data
overlay memberof
"""
_TLS = """
TLSCACertificateFile {home}/ca.pem
TLSCertificateFile {home}/server.pem
TLSCertificateKeyFile {home}/server.key
"""
_ENTRIES = """
dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
o: Example
dc: example

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people

dn: ou=groups,dc=example,dc=org
objectClass: organizationalUnit
ou: groups
"""
_PERSON = """
dn: cn={name},ou=people,dc=example,dc=org
objectClass: inetOrgPerson
cn: {name}
sn: {name}
mail: {name}@example.org
userPassword: {password}
"""
_GROUP = """
dn: cn=scientists,ou=groups,dc=example,dc=org
objectClass: groupOfNames
cn: scientists
member: cn=jane,ou=people,dc=example,dc=org
"""


@contextlib.contextmanager
def running(home: pathlib.Path) -> collections.abc.Iterator["Directory"]:
    """Run a directory server that keeps everything under a new directory."""
    server = Directory(home)
    server.start()
    try:
        yield server
    finally:
        server.stop()


class Directory:
    """slapd with two people, one of them in a group."""

    def __init__(self, home: pathlib.Path) -> None:
        self.port = live.free_port()
        self.tls_port = live.free_port()
        self._home = home
        self._process: subprocess.Popen[bytes] | None = None
        (home / "data").mkdir()
        (home / "slapd.conf").write_text(configuration(str(home), tls=_TLS.format(home=home)))
        (home / "entries.ldif").write_text(entries())
        self.ca = certificates(home)
        self._run("slapadd", "-f", str(home / "slapd.conf"), "-l", str(home / "entries.ldif"))

    def start(self) -> None:
        """Listen, and return when the server answers."""
        program = _program("slapd")
        command = [program, "-d", "0", "-f", str(self._home / "slapd.conf"), "-h"]
        command.append(f"ldap://127.0.0.1:{self.port} ldaps://127.0.0.1:{self.tls_port}")
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        live.wait(self._answers, hint="slapd answers")
        # By the running server, which notes it in memberOf of its members.
        words = ["ldapadd", "-c", "-x", "-H", f"ldap://127.0.0.1:{self.port}", "-D", ADMIN[0], "-w", ADMIN[1]]
        done = subprocess.run(words, input=_GROUP, capture_output=True, text=True)
        assert done.returncode in (0, 68), done.stderr

    def stop(self) -> None:
        """End the server; its entries stay."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=10)
            self._process = None
            time.sleep(0.1)

    def _answers(self) -> bool:
        command = ["ldapsearch", "-x", "-H", f"ldap://127.0.0.1:{self.port}", "-b", "dc=example,dc=org", "-s", "base"]
        return subprocess.run(command, capture_output=True).returncode == 0

    def _run(self, name: str, *arguments: str) -> None:
        subprocess.run([_program(name), *arguments], check=True, capture_output=True)

    def connector(self, **changes: object) -> list[dict]:
        """Return the OpenLDAP example of the guide, for this directory, with other fields under config."""
        return connector(f"127.0.0.1:{self.port}", **changes)

    def secured(self, **changes: object) -> list[dict]:
        """Return the same over TLS, with this directory's own CA."""
        given = {"host": f"127.0.0.1:{self.tls_port}", "insecureNoSSL": None, "rootCAData": self.ca, **changes}
        return self.connector(**given)


def configuration(home: str, *, tls: str = "") -> str:
    """Return slapd's configuration, for Debian's slapd, with everything it writes in a directory."""
    return _CONFIG.format(home=home, tls=tls, admin=ADMIN[0], password=ADMIN[1])


def entries(*, group: bool = False) -> str:
    """Return the people, and with group that they are in one, as LDIF."""
    people = "".join(_PERSON.format(name=name, password=password) for name, password in PEOPLE.items())
    return _ENTRIES + people + (_GROUP if group else "")


def connector(host: str, /, **changes: object) -> list[dict]:
    """Return the OpenLDAP example of the guide for a directory, with other fields under config; None leaves one out."""
    config = {
        "host": host,
        "insecureNoSSL": True,
        "bindDN": ADMIN[0],
        "bindPW": ADMIN[1],
        "usernamePrompt": "Email Address",
        "userSearch": {
            "baseDN": "ou=people,dc=example,dc=org",
            "filter": "(objectClass=inetOrgPerson)",
            "username": "mail",
            "idAttr": "DN",
            "emailAttr": "mail",
            "nameAttr": "cn",
        },
        "groupSearch": {
            "baseDN": "ou=groups,dc=example,dc=org",
            "filter": "(objectClass=groupOfNames)",
            "userMatchers": [{"userAttr": "DN", "groupAttr": "member"}],
            "nameAttr": "cn",
        },
        **changes,
    }
    fields = {name: value for name, value in config.items() if value is not None}
    return [{"id": "ldap", "name": "OpenLDAP", "type": "ldap", "config": fields}]


def _program(name: str) -> str:
    path = os.pathsep.join(["/usr/sbin", "/sbin", os.environ["PATH"]])
    program = shutil.which(name, path=path)
    assert program, f"{name} is missing: apt-get install slapd ldap-utils"
    return program


def certificates(home: pathlib.Path) -> str:
    """Write a CA's certificate and one of it for 127.0.0.1 that ends in twenty days, and return the former."""
    now = datetime.datetime.now(datetime.UTC)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name.from_rfc4514_string("CN=directory CA")
    begin = (
        x509.CertificateBuilder()
        .issuer_name(ca_name)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=20))
    )
    ca = (
        begin.subject_name(ca_name)
        .public_key(ca_key.public_key())
        .serial_number(1)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    server = (
        begin.subject_name(x509.Name.from_rfc4514_string("CN=directory"))
        .public_key(key.public_key())
        .serial_number(2)
        .add_extension(address, critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (home / "ca.pem").write_bytes(ca.public_bytes(pem))
    (home / "server.pem").write_bytes(server.public_bytes(pem))
    plain = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (home / "server.key").write_bytes(plain)
    return ca.public_bytes(pem).decode()
