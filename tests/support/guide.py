# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What the guide has an operator type, and how it goes wrong."""

import json
import pathlib

import yaml

# Never dialled: Dex speaks to an LDAP server when somebody logs in, not before.
LDAP: list[dict] = [
    {
        "id": "ldap",
        "name": "OpenLDAP",
        "type": "ldap",
        "config": {
            "host": "ldap-service.auth.svc.cluster.local:389",
            "insecureNoSSL": True,
            "bindDN": "cn=admin,dc=example,dc=org",
            "bindPW": "admin",
            "usernamePrompt": "Email Address",
            "userSearch": {
                "baseDN": "cn=admin,dc=example,dc=org",
                "filter": "",
                "username": "cn",
                "idAttr": "DN",
                "emailAttr": "DN",
                "nameAttr": "cn",
            },
            "groupSearch": {
                "baseDN": "cn=admin,dc=example,dc=org",
                "filter": "",
                "userAttr": "DN",
                "groupAttr": "DN",
                "nameAttr": "cn",
            },
        },
    }
]
UNREACHABLE = {
    "id": "x",
    "name": "X",
    "type": "oidc",
    "config": {"issuer": "http://127.0.0.1:9", "clientID": "a", "clientSecret": "b"},
}
MISSING_CONFIG = """- id: ldap
  name: OpenLDAP
  type: ldap
    bindDN: cn=admin,dc=example,dc=org
    bindPW: admin
"""
BROKEN = {
    "YAML without config": (MISSING_CONFIG, "line 4, column"),
    "JSON without brackets": ('"id": "ldap",\n"name": "OpenLDAP",\n"type": "ldap"', "line 1, column"),
    "stray quote": (json.dumps(LDAP) + "\n'", "line 2"),
    "tab": ("- id: ldap\n\tname: OpenLDAP", "line 2, column 1"),
    "text": ("test-connector", "expected a list"),
    "unknown type": (json.dumps([{**LDAP[0], "type": "ldapp"}]), "connectors[0].type"),
    "refused by Dex": (json.dumps([{"id": "x", "name": "X", "type": "saml", "config": {}}]), "connectors"),
    "provider that does not answer": (json.dumps([UNREACHABLE]), "connector 'x': Dex cannot open it"),
}


def forms(path: pathlib.Path) -> dict[str, str]:
    """Return the ways in which an operator gives the list of connectors; one of them is a file at this path."""
    path.write_text(yaml.safe_dump(LDAP))
    return {
        "yaml": yaml.safe_dump(LDAP),
        "json": json.dumps(LDAP),
        "file": f"@{path}",
        "mapping": yaml.safe_dump({"connectors": LDAP}),
    }
