# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import envoy
import model
import pytest
import tls
from authority import Authority


def test_chain_and_key_that_belong_together_are_used() -> None:
    certificate, key = Authority().pair("gw")
    assert tls.own({"tls-crt": certificate, "tls-key": key}, 8443) == model.Tls(
        port=8443, certificate=certificate, key=key
    )


@pytest.mark.parametrize(
    ("certificate", "key", "words"),
    [
        (0, 1, "the first certificate belongs to another private key"),
        (None, 0, "the certificate is no PEM"),
        (0, None, "the private key is no PEM, or has a password"),
    ],
)
def test_what_does_not_belong_together_is_refused_and_not_repeated(
    certificate: int | None, key: int | None, words: str
) -> None:
    pairs = [Authority().pair("one"), Authority().pair("two")]
    texts = ("sensitive" if n is None else pairs[n][part] for part, n in enumerate((certificate, key)))
    with pytest.raises(ValueError) as caught:
        tls.checked(*texts, 8443)
    assert str(caught.value) == words


def test_keys_that_a_secret_lacks_are_named() -> None:
    with pytest.raises(ValueError, match="the secret has no tls-crt and no tls-key"):
        tls.own({"key": "x"}, 1)


def test_private_key_is_not_shown() -> None:
    assert "sensitive" not in repr(model.Tls(port=1, certificate="c", key="sensitive"))


def test_certificate_in_use_is_found_again() -> None:
    held = model.Tls(port=8443, certificate="c\n", key="k\n")
    for one in (held, None):
        gateway = model.Gateway(name="gw", port=8080, tls=one)
        (text,) = [file.text for file in envoy.configure(gateway).files if file.path == envoy.SECRETS]
        assert envoy.held(text, 8443) == one


def test_only_the_owner_may_read_the_private_key() -> None:
    gateway = model.Gateway(name="gw", port=8080, tls=model.Tls(port=8443, certificate="c", key="sensitive"))
    for file in envoy.configure(gateway).files:
        assert ("sensitive" in file.text) == (file.path == envoy.SECRETS)
        assert file.mode == (0o600 if file.path == envoy.SECRETS else 0o644)


def test_a_renewed_certificate_changes_no_route() -> None:
    one, other, moved = (
        envoy.configure(model.Gateway(name="gw", port=8080, tls=model.Tls(port=port, certificate=text, key=text)))
        for port, text in ((8443, "old"), (8443, "new"), (8444, "new"))
    )
    assert envoy.version(one) == envoy.version(other) != envoy.version(moved)


@pytest.mark.parametrize(
    ("url", "domain", "names", "addresses"),
    [
        ("https://gw.example:8443", "", {"gw.example"}, None),
        ("https://gw.example", "other.example", {"other.example"}, None),
        ("http://192.0.2.7:8080", "", None, {"192.0.2.7"}),
        ("http://[2001:db8::1]:8080", "", None, {"2001:db8::1"}),
    ],
)
def test_certificate_is_asked_for_the_public_host(
    url: str, domain: str, names: set[str] | None, addresses: set[str] | None
) -> None:
    (request,) = tls.requests(url, domain)
    assert (request.sans_dns, request.sans_ip) == (names, addresses)


def test_certificate_is_asked_for_the_hosts_of_applications_too() -> None:
    (named,) = tls.requests("https://gw.example", "", ("minio.example",))
    assert (named.common_name, named.sans_dns) == ("gw.example", {"gw.example", "minio.example"})
    (addressed,) = tls.requests("https://192.0.2.7", "", ("minio.example",))
    assert (addressed.sans_ip, addressed.sans_dns) == ({"192.0.2.7"}, {"minio.example"})


def test_nothing_is_asked_for_without_a_host() -> None:
    assert tls.requests("", "") == []
