# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import datetime
import pathlib
import re

import config
import hypothesis
import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import strategies

CHARMCRAFT = yaml.safe_load((pathlib.Path(__file__).parents[2] / "charmcraft.yaml").read_text())


def test_defaults_are_those_of_the_charm() -> None:
    defaults = {name.replace("-", "_"): option["default"] for name, option in CHARMCRAFT["config"]["options"].items()}
    assert config.Config(**defaults) == config.Config()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("client_id", ""),
        ("client_id", "a b"),
        ("client_id", "ä"),
        ("client_id", "a\n"),
        ("client_name", ""),
        ("client_name", "  "),
        ("client_name", "a\nb"),
        ("client_name", "a\x00"),
        ("oidc_scopes", 'openid "email"'),
        ("oidc_scopes", "openid em\\ail"),
        ("oidc_scopes", "openid émail"),
        ("userid_claim", ""),
        ("userid_claim", "e mail"),
        ("userid_claim", "email\n"),
        ("login_redirect_code", 200),
        ("login_redirect_code", 300),
        ("login_redirect_code", 308),
        ("session_lifetime", 0),
        ("session_lifetime", 59),
        ("session_lifetime", -1),
        ("session_lifetime", 2592001),
        ("refresh_lifetime", 59),
        ("refresh_lifetime", 2592001),
        ("refresh_idle_lifetime", 59),
        ("session_renewal", "both"),
        ("groups_claim", ""),
        ("userid_prefix", "a\nb"),
        ("userid_prefix", "ä"),
        ("userid_transformers", "{}"),
        ("userid_transformers", "[1]"),
        ("userid_transformers", "[" * 100_000),
        ("userid_transformers", '[{"matches": "("}]'),
        ("userid_transformers", '[{"matches": "(", "replaces": ""}]'),
        ("userid_transformers", '[{"matches": "a", "replaces": "$1"}]'),
        ("userid_transformers", '[{"matches": "a", "replaces": "", "x": 1}]'),
        ("skip_auth_urls", "/"),
        ("skip_auth_urls", "/a/../b"),
        ("skip_auth_urls", "/a,b"),
        ("skip_auth_urls", "/a%2fb"),
        ("userid_header", "a b"),
        ("userid_header", ""),
        ("identity_header", "kubeflow_identity"),
        ("userid_header", "x-request-id"),
        ("userid_header", "X-Forwarded-For"),
        ("groups_header", "cookie"),
        ("identity_header", "kubeflow-userid"),
        ("groups_header", "KUBEFLOW-USERID"),
        ("ca_bundle", "aaa"),
        ("authenticators", "password"),
        ("authenticators", "id_token"),
        ("public_url", "kubeflow"),
        ("public_url", "http://"),
        ("public_url", "http://a/b"),
        ("public_url", "http://u@a"),
        ("public_url", "http://a?"),
        ("public_url", "http://a#"),
        ("public_url", "http://a:b"),
        ("public_url", "http://a\\b"),
        ("public_url", "file:///etc"),
        ("after_logout_url", ""),
        ("after_logout_url", "bye"),
        ("after_logout_url", "//evil.example.com"),
        ("after_logout_url", "/\\evil.example.com"),
        ("after_logout_url", "javascript:alert(1)"),
        ("after_logout_url", "http:///evil"),
        ("after_logout_url", "HTTP://example.com"),
        ("after_logout_url", "/a b"),
        ("after_logout_url", "/\n"),
    ],
)
def test_wrong_option_is_named_with_what_would_be_right(option: str, value: str | int) -> None:
    with pytest.raises(ValueError, match=f"^{option.replace('_', '-')}: ") as caught:
        config.Config(**{option: value})  # type: ignore[arg-type]
    assert any(word in str(caught.value) for word in ("such as", "write", "must be"))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("client_id", "kubeflow-2"),
        ("client_name", 'Küb "flow" {{x}}'),
        ("login_redirect_code", 301),
        ("login_redirect_code", 303),
        ("login_redirect_code", 307),
        ("session_lifetime", 60),
        ("session_lifetime", 2592000),
        ("userid_claim", "https://example.com/claim"),
        ("after_logout_url", "/_/bye?x=1#y"),
        ("after_logout_url", "https://www.example.com/bye?x=1"),
        ("public_url", ""),
    ],
)
def test_right_option_is_taken(option: str, value: str | int) -> None:
    assert getattr(config.Config(**{option: value}), option) == value  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("openid profile email groups", ("openid", "profile", "email", "groups")),
        ("profile email groups", ("openid", "profile", "email", "groups")),
        ("email  openid\temail", ("openid", "email")),
        ("", ("openid",)),
    ],
)
def test_scopes_always_hold_openid_once(text: str, expected: tuple[str, ...]) -> None:
    assert config.Config(oidc_scopes=text).scopes == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("https://Kubeflow.example.com:443/", "https://kubeflow.example.com"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
    ],
)
def test_public_url_is_written_as_browsers_do(text: str, expected: str) -> None:
    assert config.Config(public_url=text).public_origin == expected


@hypothesis.given(strategies.text())
def test_any_accepted_destination_stays_on_this_host_or_is_a_whole_url(text: str) -> None:
    try:
        config.Config(after_logout_url=text)
    except ValueError:
        return
    assert text.startswith(("/", "http://", "https://"))
    assert not text.startswith(("//", "/\\"))
    assert not set(text) & set("\\\r\n\t ")


def test_service_accounts_need_an_audience() -> None:
    with pytest.raises(ValueError, match=r"^kubernetes-audiences: must be set"):
        config.Config(authenticators="kubernetes session")
    assert config.Config(authenticators="kubernetes", kubernetes_audiences="kubeflow")


@pytest.mark.parametrize("count", [0, -1, 65])
def test_a_senseless_number_of_workers_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=r"^workers: must be from 1 to 64 processes, not"):
        config.Config(workers=count)


def test_audiences_without_their_authenticator_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^access-token-audiences: add access-token to authenticators"):
        config.Config(access_token_audiences="kfp")


def authority() -> str:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.datetime.now(datetime.UTC)
    end = now + datetime.timedelta(days=1)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, end)
    ca = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True).sign(key, hashes.SHA256())
    return ca.public_bytes(serialization.Encoding.PEM).decode()


def test_a_bundle_has_comments_in_any_language() -> None:
    text = f"# Aussteller: Zürich, 東京\n{authority()}"
    assert config.Config(ca_bundle=text).ca_bundle == text
    with pytest.raises(ValueError, match=r"^ca-bundle: must be certificates in PEM"):
        config.Config(ca_bundle=text.replace("BEGIN", "START"))


# Of every track of oidc-gatekeeper.
THEIR_OPTIONS = {
    "client-id", "client-name", "client-secret", "oidc-scopes", "public-url", "port", "ca-bundle", "skip-auth-urls",
    "userid-claim",
}  # fmt: skip
THEIR_RELATIONS = {
    "oidc-client", "ingress", "ingress-auth", "dex-oidc-config", "forward-auth", "client-secret", "logging",
    "istio-ingress-route-unauthenticated", "service-mesh", "require-cmr-mesh", "provide-cmr-mesh",
}  # fmt: skip


def test_every_option_and_relation_of_oidc_gatekeeper_is_there_or_explained() -> None:
    text = (pathlib.Path(__file__).parents[4] / "docs" / "oidc-gatekeeper.md").read_text()
    said = [re.findall(r"^\| (`.*?) \| (.*) \|$", table, re.MULTILINE) for table in text.split("\n\n")]
    options, relations, settings = [
        {name: what for names, what in rows for name in re.findall(r"`([^`]+)`", names)} for rows in said if rows
    ]
    here = CHARMCRAFT["config"]["options"]
    related = {name for role in ("provides", "requires", "peers") for name in CHARMCRAFT[role]}
    assert set(options) == THEIR_OPTIONS
    assert set(relations) == THEIR_RELATIONS
    for explained, ours in ((options, here), (relations, related)):
        for name, what in explained.items():
            assert what.startswith("none: ") == (name not in ours), name
    for what in [*options.values(), *settings.values()]:
        for name in re.findall(r"`([a-z]+-[a-z-]+)`", what):
            assert name in {*here, *CHARMCRAFT["actions"]}, name
