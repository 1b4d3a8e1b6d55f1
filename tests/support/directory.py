# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""A real OpenLDAP server on loopback with a directory of its own."""

import os
import pathlib
import shutil
import subprocess
import time

import live

PEOPLE = {"jane": "jane-secret", "john": "john-secret"}
ADMIN = ("cn=admin,dc=example,dc=org", "admin")
_CONFIG = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {home}/slapd.pid
database mdb
suffix "dc=example,dc=org"
rootdn "{admin}"
rootpw {password}
directory {home}/data
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


class Directory:
    """slapd with two people, one of them in a group."""

    def __init__(self, home: pathlib.Path) -> None:
        self.port = live.free_port()
        self._home = home
        self._process: subprocess.Popen[bytes] | None = None
        (home / "data").mkdir()
        config = _CONFIG.format(home=home, admin=ADMIN[0], password=ADMIN[1])
        (home / "slapd.conf").write_text(config)
        people = "".join(_PERSON.format(name=name, password=password) for name, password in PEOPLE.items())
        (home / "entries.ldif").write_text(_ENTRIES + people + _GROUP)
        self._run("slapadd", "-f", str(home / "slapd.conf"), "-l", str(home / "entries.ldif"))

    def start(self) -> None:
        """Listen, and return when the server answers."""
        program = _program("slapd")
        command = [program, "-d", "0", "-f", str(self._home / "slapd.conf"), "-h", f"ldap://127.0.0.1:{self.port}"]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        live.wait(self._answers, hint="slapd answers")

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

    def connector(self) -> list[dict]:
        """Return the OpenLDAP example of the guide, for this directory."""
        return [
            {
                "id": "ldap",
                "name": "OpenLDAP",
                "type": "ldap",
                "config": {
                    "host": f"127.0.0.1:{self.port}",
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
                },
            }
        ]


def _program(name: str) -> str:
    path = os.pathsep.join(["/usr/sbin", "/sbin", os.environ["PATH"]])
    program = shutil.which(name, path=path)
    assert program, f"{name} is missing: apt-get install slapd ldap-utils"
    return program
