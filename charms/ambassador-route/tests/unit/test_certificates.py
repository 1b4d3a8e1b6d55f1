# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The charm with a certificate, of a relation or of an operator's secret."""

import collections.abc
import dataclasses
import json
import pathlib

import charm
import inputs
import ops
import pytest
import selftest
from authority import Authority
from ops import testing

CONFIG = {"external-url": "https://gw.example"}
Context = testing.Context[charm.AmbassadorRouteCharm]


@pytest.fixture
def ctx(monkeypatch: pytest.MonkeyPatch) -> collections.abc.Iterator[Context]:
    monkeypatch.setattr(selftest, "run", lambda *_: "")
    with testing.Context(charm.AmbassadorRouteCharm) as context:
        yield context


@pytest.fixture
def base(tmp_path: pathlib.Path) -> testing.State:
    container = testing.Container(
        "gateway",
        can_connect=True,
        mounts={"home": testing.Mount(location="/tmp/envoy", source=tmp_path)},
        execs={testing.Exec(["/usr/local/bin/envoy"])},
    )
    return testing.State(leader=True, containers={container}, config=CONFIG)  # type: ignore[arg-type]


def served(ctx: Context, state: testing.State) -> list[str]:
    """Return the certificate in use, and nothing without one."""
    root = state.get_container("gateway").get_filesystem(ctx) / "tmp/envoy"
    resources = json.loads((root / "secrets.json").read_text())["resources"]
    listeners = json.loads((root / "listeners.json").read_text())["resources"]
    assert len(listeners) == 1 + len(resources)
    return [resource["tls_certificate"]["certificate_chain"]["inline_string"] for resource in resources]


def answered(state: testing.State, relation: testing.Relation, authority: Authority) -> tuple[testing.Relation, str]:
    """Return the relation as the provider answers it, and the certificate."""
    found = state.get_relation(relation.id)
    (request,) = json.loads(found.local_unit_data["certificate_signing_requests"])
    text = request["certificate_signing_request"]
    certificate = authority.sign(text)
    answer = {
        "certificate": certificate,
        "certificate_signing_request": text,
        "ca": authority.certificate,
        "chain": [certificate, authority.certificate],
    }
    return dataclasses.replace(found, remote_app_data={"certificates": json.dumps([answer])}), certificate  # type: ignore[type-var]


def test_certificate_of_a_relation_is_waited_for_served_and_given_up(ctx: Context, base: testing.State) -> None:
    relation = testing.Relation("certificates", remote_app_name="self-signed-certificates")
    state = ctx.run(ctx.on.relation_created(relation), dataclasses.replace(base, relations={relation}))
    assert served(ctx, state) == []
    waiting = "Waiting for a certificate from self-signed-certificates: see juju status self-signed-certificates"
    with ctx(ctx.on.update_status(), state) as manager:
        manager.run()
        assert inputs.read(manager.charm, manager.charm._certificates).certificate.waiting == waiting
    authority = Authority()
    changed, certificate = answered(state, relation, authority)
    state = ctx.run(ctx.on.relation_changed(changed), dataclasses.replace(state, relations={changed}))
    (chain,) = served(ctx, state)
    assert chain == certificate + authority.certificate
    assert state.opened_ports == {testing.TCPPort(8080), testing.TCPPort(8443)}
    state = ctx.run(ctx.on.relation_broken(changed), state)
    assert served(ctx, state) == []
    assert state.opened_ports == {testing.TCPPort(8080)}


def test_certificate_that_is_being_renewed_goes_on_being_served(ctx: Context, base: testing.State) -> None:
    relation = testing.Relation("certificates", remote_app_name="ca")
    state = ctx.run(ctx.on.relation_created(relation), dataclasses.replace(base, relations={relation}))
    changed, _ = answered(state, relation, Authority())
    state = ctx.run(ctx.on.relation_changed(changed), dataclasses.replace(state, relations={changed}))
    before = served(ctx, state)
    silent = dataclasses.replace(state.get_relation(relation.id), remote_app_data={})  # type: ignore[type-var]
    state = ctx.run(ctx.on.relation_changed(silent), dataclasses.replace(state, relations={silent}))
    assert served(ctx, state) == before != []


def secret(certificate: str, key: str) -> testing.Secret:
    return testing.Secret({"tls-crt": certificate, "tls-key": key}, id="secret:d4hq0000000000000000")


def with_secret(ctx: Context, base: testing.State, found: testing.Secret | None) -> testing.State:
    secrets = {found} if found else set()
    config = {**CONFIG, "tls-secret-id": "secret:d4hq0000000000000000"}
    return ctx.run(ctx.on.config_changed(), dataclasses.replace(base, config=config, secrets=secrets))  # type: ignore[arg-type]


def test_certificate_of_an_operator_is_served(ctx: Context, base: testing.State) -> None:
    certificate, key = Authority().pair("gw")
    state = with_secret(ctx, base, secret(certificate, key))
    assert served(ctx, state) == [certificate]
    renewed = Authority().pair("gw")
    changed = dataclasses.replace(secret(*renewed))
    state = ctx.run(ctx.on.secret_changed(changed), dataclasses.replace(state, secrets={changed}))
    assert served(ctx, state) == [renewed[0]]


def test_secret_that_is_not_granted_or_wrong_blocks_and_changes_nothing(ctx: Context, base: testing.State) -> None:
    certificate, key = Authority().pair("gw")
    good = with_secret(ctx, base, secret(certificate, key))
    state = with_secret(ctx, good, None)
    assert state.unit_status == ops.BlockedStatus(
        "tls-secret-id: the secret cannot be read: run juju grant-secret d4hq0000000000000000 ambassador-route"
    )
    assert served(ctx, state) == [certificate]
    state = with_secret(ctx, good, secret(certificate, Authority().pair("gw")[1]))
    assert state.unit_status == ops.BlockedStatus(
        "tls-secret-id: the first certificate belongs to another private key: "
        "run juju update-secret d4hq0000000000000000 tls-crt#file=CHAIN.pem tls-key#file=KEY.pem"
    )
    assert served(ctx, state) == [certificate]
