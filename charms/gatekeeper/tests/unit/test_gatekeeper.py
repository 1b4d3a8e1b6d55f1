# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import base64
import dataclasses
import json
import pathlib
import subprocess
import sys
import typing

import config
import gatekeeper
import hypothesis
import keys
import pytest
import revoked
import yaml
from charmkit.interfaces import dex_oidc_config, ingress, ingress_auth, oidc_client, redis
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import strategies
from joserfc import jwk

KEYS = keys.Keys(
    client_secret="c",
    signing=(keys.Key(kid="k", text="pem", since=1), keys.Key(kid="l", text="pem2")),
    sealing=(keys.Key(kid="m", text="s"),),
)
PROVIDER = dex_oidc_config.Provider(
    issuer_url="http://127.0.0.1:8080/dex", internal_url="http://dex-auth.kubeflow.svc.cluster.local:5556/dex"
)


def service(**changes: object) -> gatekeeper.Gatekeeper:
    plain = gatekeeper.Gatekeeper(
        options=config.Config(), public_url="http://127.0.0.1:8080", provider=PROVIDER, keys=KEYS
    )
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]


def document(**changes: object) -> dict[str, typing.Any]:
    (file,) = gatekeeper.configure(service(**changes)).files
    return json.loads(file.text)


def test_file_says_all_that_the_service_needs() -> None:
    assert document() == {
        "listen": "0.0.0.0:8080",
        "management": "0.0.0.0:8081",
        "drain_seconds": 1,
        "public_url": "http://127.0.0.1:8080",
        "prefix": "/authservice",
        "issuer": "http://127.0.0.1:8080/dex",
        "back_channel": "http://dex-auth.kubeflow.svc.cluster.local:5556/dex",
        "client_id": "authservice-oidc",
        "client_secret": "c",
        "device_client_id": "",
        "scopes": ["openid", "profile", "email", "groups"],
        "userid_claim": "email",
        "userid_prefix": "",
        "userid_transformers": [],
        "userid_lowercase": False,
        "groups_claim": "groups",
        "allowed_groups": [],
        "allowed_emails": [],
        "skip_auth": [],
        "identity_header": "",
        "ca_bundle": "",
        "authenticators": ["session", "id_token", "api_token"],
        "access_token_audiences": [],
        "kubernetes": None,
        "userid_header": "kubeflow-userid",
        "groups_header": "kubeflow-groups",
        "session_cookie": "authservice_session",
        "session_lifetime": 900,
        "session_renewal": "auto",
        "refresh_cookie": "authservice_refresh",
        "refresh_idle_lifetime": 86400,
        "refresh_lifetime": 604800,
        "login_redirect_code": 302,
        "reception": "",
        "after_logout_url": "/",
        "signing_keys": [{"kid": "k", "pem": "pem", "since": 1}, {"kid": "l", "pem": "pem2", "since": 0}],
        "state_keys": ["s"],
        "journal": "/var/lib/gatekeeper/journal",
        "watched_file": "/etc/gatekeeper/watched.json",
        "redis": None,
    }


def test_secrets_stand_in_a_private_file_only() -> None:
    state = gatekeeper.configure(service(keys=dataclasses.replace(KEYS, client_secret="hidden-secret")))
    assert [(file.path, file.mode) for file in state.files] == [("/etc/gatekeeper/config.json", 0o600)]
    assert "hidden-secret" not in json.dumps(state.layer)
    assert "hidden-secret" not in repr(KEYS) + repr(
        service(keys=dataclasses.replace(KEYS, client_secret="hidden-secret"))
    )


def test_service_restarts_exactly_when_its_file_changes() -> None:
    one, same = gatekeeper.configure(service()), gatekeeper.configure(service())
    other = gatekeeper.configure(service(keys=dataclasses.replace(KEYS, client_secret="d")))
    assert one.layer == same.layer
    assert one.layer != other.layer


def test_layer_runs_and_checks_the_service() -> None:
    layer = gatekeeper.configure(service()).layer
    command = layer["services"]["gatekeeper"]["command"]  # type: ignore[index]
    assert command == "/usr/local/bin/gatekeeper --config /etc/gatekeeper/config.json"
    assert layer["checks"]["ready"]["http"] == {"url": "http://localhost:8081/ready"}  # type: ignore[index]


def test_one_that_waits_for_its_end_is_not_ready_and_one_that_hangs_is_started_again() -> None:
    layer = typing.cast("dict[str, typing.Any]", gatekeeper.configure(service()).layer)
    checks = layer["checks"]
    assert (checks["ready"]["level"], checks["alive"]["level"]) == ("ready", "alive")
    assert checks["alive"]["http"] == {"url": "http://localhost:8081/live"}
    assert layer["services"]["gatekeeper"]["on-check-failure"] == {"alive": "restart"}
    assert document()["drain_seconds"] < int(layer["services"]["gatekeeper"]["kill-delay"].removesuffix("s"))


def test_several_workers_serve_when_they_are_asked_for() -> None:
    layer = gatekeeper.configure(service(options=config.Config(workers=4))).layer
    command = layer["services"]["gatekeeper"]["command"]  # type: ignore[index]
    assert command == "/usr/local/bin/gatekeeper --config /etc/gatekeeper/config.json --workers 4"


def test_audiences_of_access_tokens_and_ages_of_keys_reach_the_file() -> None:
    options = config.Config(authenticators="session access-token", access_token_audiences="kfp other")
    found = document(options=options)
    assert found["access_token_audiences"] == ["kfp", "other"]
    assert [key["since"] for key in found["signing_keys"]] == [key.since for key in KEYS.signing]


def test_rules_reach_the_file_and_headers_the_gateway() -> None:
    options = config.Config(
        userid_transformers='[{"matches": "@.*", "replaces": ""}]',
        userid_prefix="p-",
        userid_lowercase=True,
        allowed_groups="a b, c",
        allowed_emails="@example.com,u@example.org",
        skip_auth_urls="/dex/,/public",
        userid_header="X-User",
        identity_header="kubeflow-identity",
    )
    found = document(options=options)
    assert found["userid_transformers"] == [{"matches": "@.*", "replaces": ""}]
    assert (found["userid_prefix"], found["userid_lowercase"]) == ("p-", True)
    assert found["allowed_groups"] == ["a b", "c"]
    assert found["allowed_emails"] == ["@example.com", "u@example.org"]
    assert found["skip_auth"] == ["/dex/", "/public"]
    told = gatekeeper.authorizer("g", options, None).response_headers
    assert told == ("x-user", "kubeflow-groups", "kubeflow-identity")


def test_redis_is_where_the_relation_says() -> None:
    store = redis.Redis(host="redis-0", port=6380, user="u", password="hidden-password", tls=True, ca="pem")
    given = {"host": "redis-0", "port": 6380, "user": "u", "password": "hidden-password", "tls": True, "ca": "pem"}
    assert document(store=store)["redis"] == given
    assert "hidden-password" not in json.dumps(gatekeeper.configure(service(store=store)).layer)


READ = """
import json, pathlib, sys
from gatekeeper import journal
print(journal.Watch(sys.argv[1]).news().model_dump_json())
"""


def test_service_reads_where_the_others_are_and_who_was_logged_out(tmp_path: pathlib.Path) -> None:
    file = gatekeeper.watched(["10.0.0.1"], revoked.add((), "user@example.com", 1000))
    assert (file.path, file.mode, file.watched) == ("/etc/gatekeeper/watched.json", 0o600, True)
    (tmp_path / "watched.json").write_text(file.text)
    words = [sys.executable, "-c", READ, tmp_path / "watched.json"]
    found = json.loads(subprocess.run(words, capture_output=True, text=True, check=True, cwd=tmp_path).stdout)
    assert found["peers"] == ["10.0.0.1:8080"]
    (record,) = found["records"]
    assert (record["kind"], record["id"], record["before"]) == ("user", "user@example.com", 1000)
    assert record["expires"] >= 1000 + 2 * config.LONGEST


def test_what_was_ended_is_forgotten_when_no_session_can_be_so_old() -> None:
    known = revoked.add((), "one", 0)
    known = revoked.add(known, "two", 1000)
    known = revoked.add(known, "one", 2000)
    assert [(one.user, one.before) for one in known] == [("two", 1000), ("one", 2000)]
    assert revoked.read(revoked.write(known)) == known
    assert [one.user for one in revoked.add(known, "three", 1500 + 61 * 86400)] == ["one", "three"]
    assert revoked.read({}) == ()


def test_the_peer_databag_does_not_grow_without_end() -> None:
    known: tuple[revoked.Revoked, ...] = ()
    for number in range(1010):
        known = revoked.add(known, f"user-{number}", 1000)
    assert (len(known), known[0].user, known[-1].user) == (1000, "user-10", "user-1009")


def test_rehearsal_checks_the_same_text_in_another_private_file() -> None:
    state = gatekeeper.configure(service())
    rehearsal = gatekeeper.rehearsal(state)
    (file,) = rehearsal.files
    assert (file.path, file.mode) == ("/etc/gatekeeper/candidate.json", 0o600)
    assert file.text == state.files[0].text
    assert rehearsal.command == ("/usr/local/bin/gatekeeper", "--config", "/etc/gatekeeper/candidate.json", "--check")


def check(path: pathlib.Path, text: str) -> subprocess.CompletedProcess[str]:
    """Let the real service check a configuration."""
    file = path / "candidate.json"
    file.write_text(text)
    program = pathlib.Path(sys.executable).with_name("gatekeeper")
    return subprocess.run([program, "--config", file, "--check"], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "options",
    [
        config.Config(),
        config.Config(
            userid_transformers=r'[{"matches": "^(.*)@(.*)$", "replaces": "$2/${1}"}]',
            skip_auth_urls="/a/,/b/c",
            allowed_groups="x, y z",
            authenticators="kubernetes access-token",
            kubernetes_audiences="kubeflow",
            allowed_emails="@example.com",
            userid_prefix="p:",
            identity_header="who",
        ),
        config.Config(session_lifetime=60, login_redirect_code=307, after_logout_url="https://example.com/bye?x=1"),
        config.Config(session_lifetime=2592000, login_redirect_code=301, after_logout_url="/bye", oidc_scopes="openid"),
    ],
)
def test_service_accepts_what_the_charm_accepts(tmp_path: pathlib.Path, options: config.Config) -> None:
    result = check(tmp_path, gatekeeper.configure(service(options=options, keys=keys.make(1))).files[0].text)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_service_refuses_keys_that_are_none(tmp_path: pathlib.Path) -> None:
    result = check(tmp_path, gatekeeper.configure(service()).files[0].text)
    assert result.returncode == 1
    assert "signing_keys" in result.stderr


def test_old_databags_are_kept_byte_for_byte() -> None:
    assert ingress.write_request(gatekeeper.ingress_request("oidc-gatekeeper")) == {
        "_supported_versions": "- v1\n",
        "data": "port: 8080\nprefix: /authservice\nrewrite: /\nservice: oidc-gatekeeper\n",
        "preserve-path": "true",
    }
    bag = ingress_auth.write(gatekeeper.authorizer("oidc-gatekeeper", config.Config(), None))
    data = yaml.safe_load(bag["data"])
    assert (data["service"], data["port"]) == ("oidc-gatekeeper", 8080)
    assert data["allowed-request-headers"][:2] == ["cookie", "X-Auth-Token"]
    assert data["allowed-response-headers"] == ["kubeflow-userid", "kubeflow-groups"]
    assert "jwks" not in bag


@pytest.mark.parametrize(
    ("public_url", "expected"),
    [
        ("", ["/authservice/oidc/callback"]),
        ("https://k.example.com", ["/authservice/oidc/callback", "https://k.example.com/authservice/oidc/callback"]),
    ],
)
def test_relative_redirect_uri_comes_first(public_url: str, expected: list[str]) -> None:
    bag = oidc_client.write_client(gatekeeper.client(config.Config(), public_url=public_url))
    assert yaml.safe_load(bag["data"])["redirectURIs"] == expected


def test_programs_have_a_client_of_their_own_unless_it_is_switched_off() -> None:
    on, off = config.Config(client_id="me"), config.Config(client_id="me", device_flow=False)
    assert gatekeeper.client(on, public_url="").device_id == "me-device"
    assert gatekeeper.client(off, public_url="").device_id == ""
    assert document(options=on, device_flow=True)["device_client_id"] == "me-device"
    assert document(options=on)["device_client_id"] == document(options=off, device_flow=True)["device_client_id"] == ""


def test_fresh_keys_are_what_the_service_expects() -> None:
    one, two = keys.make(5), keys.make(5)
    assert [key.since for key in (*one.signing, *one.sealing)] == [5, 0, 5, 0]
    for key in one.signing:
        private = serialization.load_pem_private_key(key.text.encode(), password=None)
        assert isinstance(private, ec.EllipticCurvePrivateKey)
        assert private.curve.name == "secp256r1"
        assert key.text.startswith("-----BEGIN PRIVATE KEY-----")
    assert all(len(base64.urlsafe_b64decode(key.text + "=")) == 32 for key in one.sealing)
    assert len(one.client_secret) >= 43
    made = [key for keys in (one, two) for key in (*keys.signing, *keys.sealing)]
    assert len({key.kid for key in made}) == len({key.text for key in made}) == 8
    assert one.client_secret != two.client_secret


def test_public_keys_are_those_of_the_ring_and_nothing_private() -> None:
    made = keys.make(1)
    published = json.loads(keys.public_set(made))["keys"]
    assert [key["kid"] for key in published] == [key.kid for key in made.signing]
    for key, entry in zip(made.signing, published, strict=True):
        parameters = {"kid": key.kid, "use": "sig", "alg": "ES256"}
        assert entry == jwk.ECKey.import_key(key.text, parameters).as_dict(private=False)


def test_the_key_that_comes_into_use_was_published_before() -> None:
    first = keys.make(0)
    second = keys.rotate(first, 1000, signed=60, sealed=600)
    third = keys.rotate(second, 1500, signed=60, sealed=600)
    for name, kept in (("signing", 1), ("sealing", 2)):
        one, two, three = (getattr(found, name) for found in (first, second, third))
        assert (two[0].kid, two[0].since) == (one[1].kid, 1000)
        assert [key.kid for key in two[2:]] == [one[0].kid]
        assert (three[0].kid, three[0].since) == (two[1].kid, 1500)
        # What is over with its last token leaves the ring; what is not stays, however often the keys are rotated.
        assert [key.kid for key in three[2:]] == [two[0].kid, one[0].kid][:kept]
    assert third.client_secret == first.client_secret


def test_a_ring_does_not_grow_without_end() -> None:
    found = keys.make(0)
    for now in range(100):
        found = keys.rotate(found, now, signed=1000, sealed=1000)
    assert len(found.signing) == len(found.sealing) == 12


def test_keys_survive_their_juju_secret() -> None:
    made = keys.rotate(keys.make(1), 2, signed=9, sealed=9)
    content = keys.write(made)
    assert keys.read(content) == made
    assert all(len(key) >= 3 and key.replace("-", "").isalpha() and key.islower() for key in content)
    assert keys.read({}) is None


def test_rotation_replaces_the_client_secret_alone() -> None:
    rotated = keys.rotate_client_secret(KEYS)
    assert rotated.client_secret != KEYS.client_secret
    assert dataclasses.replace(rotated, client_secret="c") == KEYS


TEXT = strategies.text(
    alphabet=strategies.one_of(
        strategies.sampled_from("\"\\\n\r\t{}[]:,%/'<>#&!|- \x00\x1f\x7f\x85\u2028\u2029\ufeff"),
        strategies.characters(exclude_categories=["Cs"]),
    ),
    max_size=20,
)


RING = strategies.tuples(strategies.builds(keys.Key, kid=TEXT, text=TEXT))


def options(name: str, claim: str, scopes: list[str], url: str) -> config.Config:
    """Return options that skipped their checks, so that any text gets to the file."""
    unchecked = object.__new__(config.Config)
    values = {"client_id": name, "client_name": name, "oidc_scopes": " ".join(scopes), "userid_claim": claim}
    for field, value in {**dataclasses.asdict(config.Config()), **values, "after_logout_url": url}.items():
        object.__setattr__(unchecked, field, value)
    return unchecked


@hypothesis.settings(deadline=None)
@hypothesis.given(
    strategies.builds(options, TEXT, TEXT, strategies.lists(TEXT, max_size=3), TEXT),
    strategies.builds(dex_oidc_config.Provider, issuer_url=TEXT, internal_url=TEXT),
    strategies.builds(keys.Keys, client_secret=TEXT, signing=RING, sealing=RING),
    TEXT,
)
def test_no_value_breaks_out_of_the_file(
    given: config.Config, provider: dex_oidc_config.Provider, secret: keys.Keys, url: str
) -> None:
    changed = service(options=given, provider=provider, keys=secret, public_url=url)
    (file,) = gatekeeper.configure(changed).files
    found = json.loads(file.text)
    assert found == yaml.safe_load(file.text)
    assert found == {
        **document(),
        "public_url": url,
        "issuer": provider.issuer_url,
        "back_channel": provider.internal_url,
        "client_id": given.client_id,
        "client_secret": secret.client_secret,
        "scopes": list(given.scopes),
        "userid_claim": given.userid_claim,
        "after_logout_url": given.after_logout_url,
        "signing_keys": [{"kid": key.kid, "pem": key.text, "since": key.since} for key in secret.signing],
        "state_keys": [key.text for key in secret.sealing],
    }
