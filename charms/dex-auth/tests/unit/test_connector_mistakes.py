# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501 - the sentences stand here to the letter
"""Every mistake that we could think of, and to the letter what an operator is told."""

import json

import certificate
import connectors
import pytest

CALLBACK = "https://k.example.com/dex/callback"
PEM = certificate.made("CN=root")
ONE, TWO, HIDDEN = "secret:" + "a" * 20, "secret:" + "b" * 20, "secret:" + "c" * 20
CONTENTS = {"a" * 20: {"value": "s3cr3t\n"}, "b" * 20: {"user": "u", "password": "p"}, "c" * 20: None}
FACTS = connectors.Facts(contents=CONTENTS, now=certificate.START)


def of(kind: str, **config: object) -> dict:
    return {"id": "x", "name": "X", "type": kind, "config": config}


def ldap(**config: object) -> dict:
    base = {"host": "h", "userSearch": {"baseDN": "b", "username": "u"}}
    return {"id": "l", "name": "L", "type": "ldap", "config": {**base, **config}}


def client(kind: str, **config: object) -> dict:
    return of(kind, **{"clientID": "a", "clientSecret": ONE, **config})


def oidc(**config: object) -> dict:
    return client("oidc", **{"issuer": "https://i.example.com", **config})


def saml(**config: object) -> dict:
    base = {"ssoURL": "https://i.example.com", "usernameAttr": "n", "emailAttr": "e"}
    return of("saml", **{**base, "insecureSkipSignatureValidation": True, **config})


# What is typed, and everything that is said of it; the first sentence is the status.
MISTAKES: list[tuple[object, list[str]]] = [
    (
        "- id: ldap\n  name: x\n  type: ldap\n    host: h\n",
        [
            'connectors: line 4, column 9: mapping values are not allowed here (is "config:" missing under "type: ldap"?)'
        ],
    ),
    (
        '"id": "ldap",\n"name": "x"',
        [
            "connectors: line 1, column 13: expected <block end>, but found ',' (a JSON list begins with [ and each connector with {)"
        ],
    ),
    ("[]\n'", ["connectors: line 2, column 2: found unexpected end of stream (is there a stray quote?)"]),
    (
        "- id: ldap\n\tname: x",
        [
            "connectors: line 2, column 1: found character '\\t' that cannot start any token (YAML is indented with spaces, not with tabs)"
        ],
    ),
    ("test-connector", ["connectors: expected a list of connectors, got a string"]),
    ("42", ["connectors: expected a list of connectors, got a number"]),
    ("true", ["connectors: expected a list of connectors, got true or false"]),
    ("- *a", ["connectors: line 1, column 3: aliases are not accepted"]),
    ("- 1: x", ["connectors: line 1, column 3: the key 1 is not text"]),
    ("- {id: a, id: b}", ["connectors: line 1, column 11: the key 'id' stands there twice"]),
    (
        "[{",
        [
            "connectors: line 1, column 3: expected the node content, but found '<stream end>' (is a closing ] or } missing?)"
        ],
    ),
    ("[" * 30, ["connectors: line 1, column 21: it is nested too deeply"]),
    ("connectors: [x]\nmore: 1", ["connectors: expected a list of connectors, got a mapping"]),
    ("- !!bool x", ["connectors: it is neither YAML nor JSON, or a tag in it lies about its value"]),
    ([["x"]], ["connectors[0]: expected a mapping with id, name, type and config, got a list"]),
    ([None], ["connectors[0]: expected a mapping with id, name, type and config, got nothing"]),
    (["x"], ["connectors[0]: expected a mapping with id, name, type and config, got a string"]),
    ([{}], ["connectors[0].type is missing", "connectors[0].id is missing", "connectors[0].name is missing"]),
    ([{"id": "x", "name": "X", "config": {}}], ["connectors[0].type is missing"]),
    ([{"id": "x", "name": "X", "type": "ldapp"}], ["connectors[0].type: unknown type 'ldapp' (did you mean 'ldap'?)"]),
    ([{"id": "x", "name": "X", "type": "SAML2"}], ["connectors[0].type: unknown type 'SAML2' (did you mean 'saml'?)"]),
    (
        [{"id": "x", "name": "X", "type": "mockPassword"}],
        [
            "connectors[0].type: 'mockPassword' is not accepted (it lets anybody in; for tests: juju config dex-auth allow-mock-connectors=true)"
        ],
    ),
    ([{**ldap(), "id": 7}], ["connectors[0].id: expected text, got a number (put it in quotes)"]),
    ([{**ldap(), "id": ""}], ["connectors[0].id is missing"]),
    ([{**ldap(), "id": "local"}], ["connectors[0].id: 'local' is the static login's id, choose another"]),
    ([{**ldap(), "id": "a/b"}], ["connectors[0].id: it becomes a part of a URL: use letters, digits, - and _"]),
    ([ldap(), ldap()], ["connectors[1].id: 'l' is already connectors[0]"]),
    ([{**ldap(), "name": None}], ["connectors[0].name is missing"]),
    ([{**ldap(), "confg": {}}], ["connectors[0].confg: unknown field (did you mean 'config'?)"]),
    ([{**ldap(), "bindDN": "x"}], ['connectors[0].bindDN: unknown field (does it belong under "config:"?)']),
    ([{**ldap(), "config": "x"}], ["connectors[0].config: expected a mapping, got a string"]),
    ([{**ldap(), "ID": "x"}], ["connectors[0].ID: it stands there twice, also as 'id' in other letters"]),
    (
        [{**ldap(), "grantTypes": ["password"]}],
        ["connectors[0].grantTypes: Dex 2.46 or newer is needed, this one is 2.44"],
    ),
    (
        [of("ldap")],
        [
            "connectors[0].config.host is missing",
            "connectors[0].config.userSearch.baseDN is missing",
            "connectors[0].config.userSearch.username is missing",
        ],
    ),
    (
        [ldap(host="ldaps://h:636")],
        ["connectors[0].config.host: it is host and port, not a URL: leave out what stands before the host"],
    ),
    ([ldap(host="h:99999")], ["connectors[0].config.host: it is no host and port, write it like ldap.example.org:636"]),
    (
        [ldap(host="two hosts")],
        ["connectors[0].config.host: it is no host and port, write it like ldap.example.org:636"],
    ),
    ([ldap(baseDN="x")], ['connectors[0].config.baseDN: unknown field (does it belong under "userSearch:"?)']),
    ([ldap(bindDn="x", bindPw=5)], ["connectors[0].config.bindPW: expected text, got a number (put it in quotes)"]),
    ([ldap(bindDN="cn=a")], ["connectors[0].config.bindPW is missing, because bindDN is there"]),
    ([ldap(bindpw="x\x00y")], ["connectors[0].config.bindpw: it has a NUL character"]),
    ([ldap(clientCert="/a")], ["connectors[0].config.clientKey is missing, because clientCert is there"]),
    (
        [ldap(clientKey="key.pem", clientCert="/c")],
        ["connectors[0].config.clientKey: a path of a file in Dex's container is expected, and begins with /"],
    ),
    (
        [ldap(insecureNoSSL="true")],
        [
            "connectors[0].config.insecureNoSSL: expected true or false, got a string (write true or false without quotes)"
        ],
    ),
    (
        [ldap(insecureNoSSL=True, startTLS=True)],
        ["connectors[0].config: only one of insecureNoSSL and startTLS can be there"],
    ),
    ([ldap(startTLS=1)], ["connectors[0].config.startTLS: expected true or false, got a number"]),
    (
        [ldap(rootCAData="x")],
        ["connectors[0].config.rootCAData: it is neither a PEM certificate nor the base64 of one"],
    ),
    ([ldap(rootCAData="aGVsbG8=")], ["connectors[0].config.rootCAData: there is no PEM certificate in it"]),
    (
        [ldap(rootCAData=certificate.KEY_PEM)],
        ["connectors[0].config.rootCAData: there is a block EC PRIVATE KEY in it, where only certificates belong"],
    ),
    (
        [ldap(rootCAData=PEM.replace("\n", "", 3)[:200] + "\n-----END CERTIFICATE-----")],
        ["connectors[0].config.rootCAData: the PEM certificate cannot be read: is a part of it missing?"],
    ),
    (
        [ldap(rootCA=PEM)],
        [
            "connectors[0].config.rootCA: a path of a file is expected; PEM itself belongs under rootCAData, rootCAs or caData"
        ],
    ),
    ([ldap(userSearch={"baseDN": "b"})], ["connectors[0].config.userSearch.username is missing"]),
    (
        [ldap(userSearch={"baseDN": "b", "username": ["u"]})],
        ["connectors[0].config.userSearch.username: expected text, got a list"],
    ),
    (
        [ldap(userSearch={"baseDN": "b", "username": "u", "scope": "subtree"})],
        ["connectors[0].config.userSearch.scope: unknown value 'subtree' (did you mean 'sub'?)"],
    ),
    (
        [ldap(userSearch={"baseDN": "b", "username": "u", "filter": "objectClass=person"})],
        [
            "connectors[0].config.userSearch.filter: it is no LDAP filter in balanced brackets, write it like (objectClass=person)"
        ],
    ),
    (
        [ldap(userSearch={"baseDN": "b", "username": "u", "filter": "(&(a=b)(c=d)"})],
        [
            "connectors[0].config.userSearch.filter: it is no LDAP filter in balanced brackets, write it like (objectClass=person)"
        ],
    ),
    (
        [ldap(userSearch="b")],
        [
            "connectors[0].config.userSearch: expected a mapping, got a string (write it as a mapping with baseDN and username)"
        ],
    ),
    (
        [ldap(groupSearch={"baseDN": "b"})],
        [
            "connectors[0].config.groupSearch.nameAttr is missing, because groupSearch.baseDN is there",
            "connectors[0].config: one of groupSearch.userMatchers, groupSearch.userAttr must be there, because groupSearch.baseDN is there",
        ],
    ),
    (
        [ldap(groupSearch={"baseDN": "b", "nameAttr": "cn", "userMatchers": {"userAttr": "DN"}})],
        ["connectors[0].config.groupSearch.userMatchers: expected a list of mappings, got a mapping"],
    ),
    (
        [ldap(groupSearch={"baseDN": "b", "nameAttr": "cn", "userMatchers": [{"userAttr": "DN"}]})],
        ["connectors[0].config.groupSearch.userMatchers[0].groupAttr is missing"],
    ),
    (
        [ldap(groupSearch={"baseDN": "b", "nameAttr": "cn", "userAttr": "DN"})],
        ["connectors[0].config.groupSearch.groupAttr is missing, because groupSearch.userAttr is there"],
    ),
    (
        [ldap(kerberos={"enabled": True})],
        [
            "connectors[0].config.kerberos: Dex 2.46 or newer is needed, this one is 2.44",
            "connectors[0].config.kerberos.enabled: it has no fields",
        ],
    ),
    ([of("oidc")], ["connectors[0].config.clientID is missing", "connectors[0].config.issuer is missing"]),
    (
        [oidc(issuer="id.example.com")],
        [
            "connectors[0].config.issuer: 'id.example.com' must begin with http:// or https://, write it like https://id.example.com"
        ],
    ),
    (
        [oidc(issuer="https://u:p@i.example.com")],
        ["connectors[0].config.issuer: it must hold no user, write it like https://id.example.com"],
    ),
    (
        [oidc(issuer="https://i.example.com:0")],
        [
            "connectors[0].config.issuer: 'https://i.example.com:0' has no valid host and port, write it like https://id.example.com"
        ],
    ),
    (
        [oidc(scopes="email")],
        ["connectors[0].config.scopes: expected a list of texts, got a string (write it as a list: [...])"],
    ),
    ([oidc(scopes=["email", 5])], ["connectors[0].config.scopes[1]: expected text, got a number (put it in quotes)"]),
    (
        [oidc(hostedDomains=["x"])],
        [
            "connectors[0].config.hostedDomains: Dex has given this field up; use a connector of the type google, which has it"
        ],
    ),
    (
        [oidc(pkceChallenge="S256")],
        ["connectors[0].config.pkceChallenge: Dex 2.45 or newer is needed, this one is 2.44"],
    ),
    (
        [oidc(redirectURI="https://k.example.com/callback")],
        [
            "connectors[0].config.redirectURI: 'https://k.example.com/callback' must be 'https://k.example.com/dex/callback', or left out"
        ],
    ),
    (
        [oidc(claimMapping={"mail": "x"})],
        ["connectors[0].config.claimMapping.mail: unknown field (did you mean 'email'?)"],
    ),
    (
        [oidc(rootCAs=["ca.pem"])],
        ["connectors[0].config.rootCAs[0]: it is neither a PEM certificate nor the base64 of one"],
    ),
    ([oidc(userSearch={})], ["connectors[0].config.userSearch: unknown field (connectors of type ldap have it)"]),
    ([of("github")], ["connectors[0].config.clientID is missing", "connectors[0].config.clientSecret is missing"]),
    (
        [client("github", org="a", orgs=[{"name": "b"}])],
        ["connectors[0].config: only one of org and orgs can be there"],
    ),
    (
        [client("github", hostName="https://g.example.com/")],
        ["connectors[0].config.hostName: it is no host name, write it like github.example.com"],
    ),
    ([client("github", rootCA=PEM)], ["connectors[0].config.hostName is missing, because rootCA is there"]),
    (
        [client("github", teamNameField="slugs")],
        ["connectors[0].config.teamNameField: unknown value 'slugs' (did you mean 'slug'?)"],
    ),
    ([client("github", orgs=[{"teams": ["x"]}])], ["connectors[0].config.orgs[0].name is missing"]),
    (
        [client("github", orgs=["kubeflow"])],
        ["connectors[0].config.orgs[0]: expected a mapping, got a string (write it as a mapping with name)"],
    ),
    (
        [client("gitlab", baseUrl="gitlab.example.com")],
        [
            "connectors[0].config.baseURL: 'gitlab.example.com' must begin with http:// or https://, write it like https://id.example.com"
        ],
    ),
    (
        [client("gitlab", rootCAData=PEM)],
        ["connectors[0].config.rootCAData: Dex 2.45 or newer is needed, this one is 2.44"],
    ),
    (
        [client("google", serviceAccountFilePath="/a")],
        [
            "connectors[0].config: one of domainToAdminEmail, adminEmail must be there, because serviceAccountFilePath is there"
        ],
    ),
    (
        [client("google", domainToAdminEmail="x")],
        ["connectors[0].config.domainToAdminEmail: expected a mapping of texts, got a string"],
    ),
    (
        [client("microsoft", groupNameFormat="guid")],
        ["connectors[0].config.groupNameFormat: unknown value 'guid' (did you mean 'id'?)"],
    ),
    (
        [of("saml", ssoURL="https://i.example.com", usernameAttr="n", emailAttr="e")],
        ["connectors[0].config: one of caData, ca, insecureSkipSignatureValidation must be there"],
    ),
    (
        [saml(nameIDPolicyFormat="email")],
        [
            "connectors[0].config.nameIDPolicyFormat: unknown value 'email' (it is one of emailAddress, unspecified, X509SubjectName, WindowsDomainQualifiedName, encrypted, entity, kerberos, persistent, transient)"
        ],
    ),
    ([saml(ca="/a", caData=PEM)], ["connectors[0].config: only one of ca and caData can be there"]),
    (
        [saml(groupsDelimiter=",")],
        ["connectors[0].config.groupsDelimiter: unknown field (did you mean 'groupsDelim'?)"],
    ),
    (
        [client("oauth")],
        [
            "connectors[0].config.tokenURL is missing",
            "connectors[0].config.authorizationURL is missing",
            "connectors[0].config.userInfoURL is missing",
        ],
    ),
    (
        [of("keystone", keystoneHost="k:5000", domain="d", keystoneUsername="u", keystonePassword=ONE)],
        [
            "connectors[0].config.keystoneHost: 'k:5000' must begin with http:// or https://, write it like https://id.example.com"
        ],
    ),
    ([client("atlassian-crowd")], ["connectors[0].config.baseURL is missing"]),
    (
        [oidc(clientSecret=HIDDEN)],
        [
            "connectors[0].config.clientSecret: cannot read the secret cccccccccccccccccccc: juju grant-secret cccccccccccccccccccc dex-auth"
        ],
    ),
    (
        [oidc(clientSecret=TWO)],
        [
            "connectors[0].config.clientSecret: the secret bbbbbbbbbbbbbbbbbbbb has the keys password, user: write secret:bbbbbbbbbbbbbbbbbbbb#<key>"
        ],
    ),
    (
        [oidc(clientSecret=TWO + "#passwd")],
        [
            "connectors[0].config.clientSecret: the secret bbbbbbbbbbbbbbbbbbbb has no key 'passwd', it has password, user"
        ],
    ),
    (
        [oidc(clientSecret="secret:nonsense")],
        [
            "connectors[0].config.clientSecret: it begins with secret: and is no reference; write secret:<id> or secret:<id>#<key>"
        ],
    ),
    (
        [oidc(clientID="x-${secret:nope}")],
        [
            "connectors[0].config.clientID: what follows ${secret: is no reference; write ${secret:<id>} or ${secret:<id>#<key>}"
        ],
    ),
    (
        [ldap(userSearch={"baseDN": "b", "username": "u", "scope": ONE})],
        ["connectors[0].config.userSearch.scope: unknown value 'secret:aaaaaaaaaaaaaaaaaaaa' (it is one of sub, one)"],
    ),
    ([oidc(issuer=ONE)], ["connectors[0].config.issuer: what the secret holds does not fit here"]),
]


def problems(given: object) -> list[str]:
    text = given if isinstance(given, str) else json.dumps(given)
    with pytest.raises(connectors.ConnectorError) as error:
        connectors.parse(text, CALLBACK, FACTS)
    assert str(error.value) == error.value.problems[0]
    return list(error.value.problems)


@pytest.mark.parametrize(("given", "said"), MISTAKES)
def test_a_mistake_is_named_with_its_place_and_what_would_be_right(given: object, said: list[str]):
    assert problems(given) == said


def test_the_table_is_long():
    assert len(MISTAKES) >= 60


def test_everything_wrong_is_said_at_once():
    one, two, three = ldap(host="ldap://h"), {**oidc(scopes="email"), "id": "l"}, of("github", clientID="a")
    assert [text.split(":")[0] for text in problems([one, two, three])] == [
        "connectors[0].config.host",
        "connectors[1].config.scopes",
        "connectors[2].config.clientSecret is missing",
        "connectors[1].id",
    ]


def test_no_secret_is_repeated():
    for field in ("issuer", "scopes", "promptType", "clientID", "redirectURI"):
        try:
            connectors.parse(json.dumps([oidc(**{field: ONE})]), CALLBACK, FACTS)
        except connectors.ConnectorError as error:
            assert "s3cr3t" not in " ".join(error.problems)
    assert "hunter2" not in " ".join(problems([oidc(clientSecret=["hunter2"])]))
