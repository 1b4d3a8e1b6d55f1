# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import json

import certificate
import connector_types
import connectors
import hypothesis
import hypothesis.strategies as st
import pytest
import yaml

CALLBACK = "https://kubeflow.example.com/dex/callback"
LDAP = {
    "id": "ldap",
    "name": "OpenLDAP",
    "type": "ldap",
    "config": {
        "bindDN": "cn=admin,dc=example,dc=org",
        "bindPW": "admin",
        "groupSearch": {
            "baseDN": "cn=admin,dc=example,dc=org",
            "filter": "",
            "groupAttr": "DN",
            "nameAttr": "cn",
            "userAttr": "DN",
        },
        "host": "ldap-service.auth.svc.cluster.local:389",
        "insecureNoSSL": True,
        "userSearch": {
            "baseDN": "cn=admin,dc=example,dc=org",
            "emailAttr": "DN",
            "filter": "",
            "idAttr": "DN",
            "nameAttr": "cn",
            "username": "cn",
        },
        "usernamePrompt": "Email Address",
    },
}
AS_SCRAPED_YAML = """- id: ldap
  name: OpenLDAP
  type: ldap
    bindDN: cn=admin,dc=example,dc=org
"""
AS_SCRAPED_JSON = '    "id": "ldap",\n    "name": "OpenLDAP"'


def oidc(**config: object) -> dict:
    return {"id": "o", "name": "O", "type": "oidc", "config": {"issuer": "https://i", "clientID": "c", **config}}


def complaint(text: object, callback: str = "") -> str:
    with pytest.raises(connectors.ConnectorError) as error:
        connectors.parse(text if isinstance(text, str) else json.dumps(text), callback)
    return str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            AS_SCRAPED_YAML,
            "connectors: line 4, column 11: mapping values are not allowed here "
            '(is "config:" missing under "type: ldap"?)',
        ),
        (
            AS_SCRAPED_JSON,
            "connectors: line 1, column 17: expected <block end>, but found ',' "
            "(a JSON list begins with [ and each connector with {)",
        ),
        (
            json.dumps([LDAP]) + "\n'",
            "connectors: line 2, column 2: found unexpected end of stream (is there a stray quote?)",
        ),
        (
            "[{'id': 'ldap\n",
            "connectors: line 2, column 1: found unexpected end of stream (is there a stray quote?)",
        ),
        (
            "- id: ldap\n\tname: x",
            "connectors: line 2, column 1: found character '\\t' that cannot start any token "
            "(YAML is indented with spaces, not with tabs)",
        ),
        ("test-connector", "connectors: expected a list of connectors, got a string"),
        ("a: b", "connectors: expected a list of connectors, got a mapping"),
        ("true", "connectors: expected a list of connectors, got true or false"),
        ("- x", "connectors[0]: expected a mapping with id, name, type and config, got a string"),
        ("- id: a\n  id: b", "connectors: line 2, column 3: the key 'id' stands there twice"),
        ("- &a {id: x}\n- *a", "connectors: line 2, column 3: aliases are not accepted"),
        ("- 1: x", "connectors: line 1, column 3: the key 1 is not text"),
    ],
)
def test_a_mistake_in_the_text_is_named_with_its_place(text: str, message: str):
    assert complaint(text) == message


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"id": "x", "name": "X"}, "connectors[0].type is missing"),
        ({"type": "ldap", "name": "X"}, "connectors[0].id is missing"),
        (
            {**LDAP, "id": 7},
            "connectors[0].id: expected text, got a number (put it in quotes)",
        ),
        ({**LDAP, "type": "ldapp"}, "connectors[0].type: unknown type 'ldapp' (did you mean 'ldap'?)"),
        ({**LDAP, "confg": {}}, "connectors[0].confg: unknown field (did you mean 'config'?)"),
        ({**LDAP, "bindDN": "x"}, 'connectors[0].bindDN: unknown field (does it belong under "config:"?)'),
        ({**LDAP, "config": "x"}, "connectors[0].config: expected a mapping, got a string"),
        ({**LDAP, "config": {}}, "connectors[0].config.host is missing"),
        ({**LDAP, "config": {"host": "h"}}, "connectors[0].config.userSearch.baseDN is missing"),
        (
            {**LDAP, "config": {"host": "h", "userSearch": {"baseDN": 5}}},
            "connectors[0].config.userSearch.baseDN: expected text, got a number (put it in quotes)",
        ),
        (
            {**LDAP, "config": {**LDAP["config"], "bindPW": "a\0"}},
            "connectors[0].config.bindPW: it has a NUL character",
        ),
    ],
)
def test_a_mistake_in_an_entry_is_named_with_its_path(entry: dict, message: str):
    assert complaint([entry]) == message


def test_mock_connectors_need_an_option_of_their_own():
    entry = {"id": "m", "name": "M", "type": "mockCallback"}
    assert complaint([entry]) == (
        "connectors[0].type: 'mockCallback' is not accepted (it lets anybody in; for tests: "
        "juju config dex-auth allow-mock-connectors=true)"
    )
    found = connectors.parse(json.dumps([entry]), facts=connectors.Facts(mock=True))
    assert found.entries == ({**entry, "config": {}},)
    assert connectors.trust(connectors.keep(found)).entries == ()


def test_two_entries_with_one_id():
    assert complaint([LDAP, LDAP]) == "connectors[1].id: 'ldap' is already connectors[0]"


@pytest.mark.parametrize(
    "text",
    [json.dumps([LDAP]), yaml.safe_dump([LDAP]), yaml.safe_dump({"connectors": [LDAP]}), json.dumps([LDAP], indent=4)],
)
def test_yaml_json_and_the_mapping_form_mean_the_same(text: str):
    assert connectors.parse(text).entries == (LDAP,)


@pytest.mark.parametrize("text", ["", " ", "[]", "null", "connectors:", "connectors: []", "# nothing"])
def test_nothing_means_no_connectors(text: str):
    assert connectors.parse(text) == connectors.Connectors()


def test_the_example_of_the_guide_is_accepted_with_warnings():
    warnings = connectors.parse(json.dumps([LDAP])).warnings
    assert warnings == (
        "connectors[0].config.insecureNoSSL: passwords cross the network unencrypted",
        "connectors[0].config.userSearch.emailAttr: user ids will be DNs, profiles need e-mail addresses",
    )


def test_redirect_uri_is_filled_in():
    (entry,) = connectors.parse(json.dumps([oidc()]), CALLBACK).entries
    assert entry["config"]["redirectURI"] == CALLBACK


def test_another_redirect_uri_is_refused():
    wrong = "https://kubeflow.example.com/callback"
    assert complaint([oidc(redirectURI=wrong)], CALLBACK) == (
        f"connectors[0].config.redirectURI: {wrong!r} must be {CALLBACK!r}, or left out"
    )


def test_ldap_gets_no_redirect_uri():
    (entry,) = connectors.parse(json.dumps([LDAP]), CALLBACK).entries
    assert "redirectURI" not in entry["config"]


def test_a_dollar_is_a_dollar():
    (entry,) = connectors.parse(json.dumps([oidc(clientSecret="pa$$word ${HOME}")])).entries
    assert entry["config"]["clientSecret"] == "pa$$word ${HOME}"


@pytest.mark.parametrize("text", ["[" * 200, "- " * 100 + "x", "{a: " * 100, "- .nan", "- " + "x" * 300_000])
def test_hostile_text_is_refused(text: str):
    assert complaint(text).startswith("connectors")


@pytest.mark.parametrize("value", [".nan", ".inf", "!!binary aGk=", "!!set {a}", "!!python/object:os.system {}"])
def test_values_that_json_cannot_carry_are_refused(value: str):
    text = f"- id: x\n  name: X\n  type: oidc\n  config: {{issuer: i, clientID: c, extra: {value}}}"
    assert complaint(text).startswith("connectors")


@pytest.mark.parametrize(
    "text",
    ["!!bool hunter2", "!!int ''", "!!int hunter2", "!!float hunter2", "- {id: !!int hunter2}"],
)
def test_a_tag_that_lies_is_refused_without_its_value(text: str):
    assert "hunter2" not in complaint(text)


def test_no_value_of_a_connector_is_repeated():
    for entry in (["hunter2"], {"id": ["hunter2"]}, {"id": "x", "name": "X", "type": "ldap", "config": "hunter2"}):
        assert "hunter2" not in complaint([entry])


def test_more_than_a_secret_can_hold_is_refused():
    assert complaint("# " + "ü" * 25_000) == "connectors: 50002 bytes are too many, 40000 are accepted"


def test_dates_are_text():
    text = "- {id: x, name: X, type: oidc, config: {issuer: https://i, clientID: 2020-01-01}}"
    (entry,) = connectors.parse(text).entries
    assert entry["config"]["clientID"] == "2020-01-01"


@hypothesis.given(st.text())
def test_no_text_crashes(text: str):
    try:
        connectors.parse(text)
    except connectors.ConnectorError as error:
        assert str(error).startswith("connectors")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@hypothesis.given(st.lists(st.dictionaries(st.sampled_from(["id", "name", "type", "config", "x"]), VALUES), max_size=3))
def test_no_structure_crashes(data: list):
    try:
        connectors.parse(yaml.safe_dump(data, allow_unicode=True))
    except connectors.ConnectorError as error:
        assert str(error).startswith("connectors")


NAMES = sorted({
    name
    for found in connector_types.TYPES.values()
    for key, field in found.fields.items()
    for name in (key, *field.fields)
})  # fmt: skip
SETTINGS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["", "DN", "https://h", "secret:x", "${secret:", "$X"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=8,
)


@hypothesis.given(
    st.sampled_from(sorted(connector_types.TYPES)), st.dictionaries(st.sampled_from(NAMES), SETTINGS, max_size=6)
)
def test_no_configuration_of_any_type_crashes(kind: str, config: dict):
    facts = connectors.Facts(contents={}, mock=True)
    try:
        found = connectors.parse(
            json.dumps([{"id": "x", "name": "X", "type": kind, "config": config}]), CALLBACK, facts
        )
    except connectors.ConnectorError as error:
        assert all(problem.startswith("connectors") for problem in error.problems)
    else:
        assert (
            connectors.redirect(connectors.trust(connectors.keep(found), mock=True), CALLBACK).entries == found.entries
        )


def warnings(kind: str, **config: object) -> tuple[str, ...]:
    facts = connectors.Facts(contents={}, now=certificate.START)
    entry = {"id": "x", "name": "X", "type": kind, "config": config}
    return connectors.parse(json.dumps([entry]), CALLBACK, facts).warnings


def test_a_plain_secret_is_accepted_with_the_commands_that_mend_it():
    assert warnings("github", clientID="a", clientSecret="b") == (
        "connectors[0].config.clientSecret: a secret in plain text; juju add-secret dex-clientsecret value#file=FILE "
        "&& juju grant-secret dex-clientsecret dex-auth, and write the secret:... that this prints here",
    )


def test_a_variable_that_dex_will_not_expand():
    (warning,) = warnings("github", clientID="a", clientSecret="$GITHUB_CLIENT_SECRET")
    assert warning.startswith("connectors[0].config.clientSecret: variables are not expanded")


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (31, []),
        (29, ["the certificate CN=root expires on 2026-01-30"]),
        (0, ["the certificate CN=root expired on 2026-01-01"]),
    ],
)
def test_a_certificate_that_ends_soon(days: int, said: list[str]):
    search = {"baseDN": "b", "username": "u"}
    found = warnings("ldap", host="h", userSearch=search, rootCAData=certificate.made("CN=root", days=days))
    assert found == tuple(f"connectors[0].config.rootCAData: {text}" for text in said)


@pytest.mark.parametrize(
    ("kind", "config", "said"),
    [
        ("oidc", {"issuer": "http://i", "clientID": "a"}, "config.issuer: no TLS"),
        ("oidc", {"issuer": "https://i", "clientID": "a", "scopes": ["openid"]}, "config.scopes: without email"),
        (
            "oidc",
            {"issuer": "https://i", "clientID": "a", "insecureSkipVerify": True},
            "config.insecureSkipVerify: who",
        ),
        ("authproxy", {}, "config: whoever reaches Dex with the header"),
        (
            "github",
            {"clientID": "a", "clientSecret": "$X", "hostName": "h", "rootCA": "/ca"},
            "config.rootCA: Dex's image",
        ),
    ],
)
def test_what_is_unwise_is_accepted_with_a_warning(kind: str, config: dict, said: str):
    assert any(text.startswith(f"connectors[0].{said}") for text in warnings(kind, **config))


def test_references_are_resolved_and_not_kept():
    secrets = {"a" * 20: {"value": "s3cr3t\n"}, "b" * 20: {"name": "jane", "key": "k3y"}}
    text = json.dumps([oidc(clientSecret="secret:" + "a" * 20, clientID="id-${secret:" + "b" * 20 + "#name}-$HOME")])
    found = connectors.parse(text, CALLBACK, connectors.Facts(contents=secrets))
    assert found.entries[0]["config"]["clientSecret"] == "s3cr3t"
    assert found.entries[0]["config"]["clientID"] == "id-jane-$HOME"
    assert found.secrets == {"s3cr3t", "id-jane-$HOME"}
    assert found.warnings == ()
    assert "s3cr3t" not in repr(found)
    again = connectors.redirect(connectors.trust(connectors.keep(found)), CALLBACK)
    assert again.entries == found.entries


def test_what_a_secret_says_is_no_reference_again():
    text = json.dumps([oidc(clientSecret="secret:" + "a" * 20)])
    found = connectors.parse(text, facts=connectors.Facts(contents={"a" * 20: {"value": "secret:" + "b" * 20}}))
    assert connectors.trust(connectors.keep(found)).entries[0]["config"]["clientSecret"] == "secret:" + "b" * 20
