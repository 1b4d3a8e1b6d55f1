# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Whom to trust: what is said over both versions of certificate_transfer, and what is left of it when one goes."""

import dataclasses
import json
import pathlib

import directory
import ops
import pytest
from charmkit import authorities
from charmkit.interfaces import certificate_transfer, sdi
from ops import testing

META = {"name": "trusting-charm", "requires": {"receive-ca-cert": {"interface": "certificate_transfer"}}}
KEY = "-----BEGIN EC PRIVATE KEY-----\nMHcC\n-----END EC PRIVATE KEY-----"
BROKEN = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"


class Trusting(ops.CharmBase):
    """A charm that trusts whom it is told to, and logs the answer where a test can read it."""

    def __init__(self, framework: ops.Framework) -> None:
        super().__init__(framework)
        for event in (self.on.update_status, self.on["receive-ca-cert"].relation_broken):
            framework.observe(event, self._on_event)
        self.said = authorities.Authorities()

    def _on_event(self, _: ops.EventBase) -> None:
        self.said = authorities.read(self)


@pytest.fixture(scope="module")
def pems(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return certificates of three authorities, the way they are sorted."""
    made = (directory.certificates(tmp_path_factory.mktemp("ca")).strip() for _ in range(3))
    return sorted(made)


def read(*relations: testing.Relation, broken: testing.Relation | None = None, leader: bool = True):
    """Return what the charm trusts, and the databags that it wrote."""
    state = testing.State(leader=leader, relations=[*relations, *([broken] if broken else [])])
    with testing.Context(Trusting, meta=META) as ctx:
        event = ctx.on.relation_broken(broken) if broken else ctx.on.update_status()
        with ctx(event, state) as manager:
            out = manager.run()
            return manager.charm.said, [dict(found.local_app_data) for found in out.relations]


def v0(identifier: int, **bag: str) -> testing.Relation:
    return testing.Relation("receive-ca-cert", id=identifier, remote_app_name="old", remote_units_data={0: bag})


def v1(identifier: int, *pems: str) -> testing.Relation:
    bag = {"certificates": json.dumps(pems), "version": "1"}
    return testing.Relation("receive-ca-cert", id=identifier, remote_app_name="new", remote_app_data=bag)


def test_both_versions_of_several_applications_count_each_certificate_once(pems: list[str]):
    old = v0(1, certificate="own", ca=pems[0], chain=json.dumps([pems[0], pems[2]]), version="0")
    said, bags = read(old, v1(2, pems[0], f"Subject: CN=x\n{pems[1]}\n"))
    assert said.pem == "".join(f"{pem}\n" for pem in pems)
    assert said.complaints == ()
    assert bags == [{"version": "1"}, {"version": "1"}]


def test_whoever_says_nothing_yet_adds_nobody(pems: list[str]):
    silent = testing.Relation("receive-ca-cert", id=1)
    assert read()[0] == read(silent)[0] == authorities.Authorities()
    assert read(v0(1, ca=pems[0]))[0].pem == f"{pems[0]}\n"


def test_a_list_of_the_application_counts_more_than_what_its_units_said_before(pems: list[str]):
    both = dataclasses.replace(v1(1, pems[0]), remote_units_data={0: {"ca": pems[1]}})
    assert read(both)[0].pem == f"{pems[0]}\n"
    assert read(dataclasses.replace(both, remote_app_data={"certificates": "[]"}))[0].pem == ""


def test_a_relation_that_goes_takes_its_certificates_away(pems: list[str]):
    said, _ = read(v1(1, pems[0]), broken=v1(2, pems[1]))
    assert said.pem == f"{pems[0]}\n"


def test_only_the_leader_says_which_version_it_speaks(pems: list[str]):
    said, bags = read(v1(1, pems[0]), leader=False)
    assert said.pem
    assert bags == [{}]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("x", "certificates must be a JSON list of certificates"),
        ("{}", "certificates must be a JSON list of certificates"),
        ("[" * 100_000, "certificates must be a JSON list of certificates"),
        ("[3]", "certificates must hold texts, not int"),
        ('["aaa"]', "there is something among the certificates that is no PEM certificate"),
        (json.dumps([KEY]), "there is a block EC PRIVATE KEY among the certificates"),
        (json.dumps([BROKEN]), "one of the certificates cannot be read"),
        (json.dumps(["x" * 1_000_001]), "the certificates have more than 1000000 characters"),
    ],
)
def test_what_is_no_certificate_is_named_and_keeps_the_others(pems: list[str], text: str, complaint: str):
    wrong = testing.Relation("receive-ca-cert", id=1, remote_app_name="lego", remote_app_data={"certificates": text})
    said, _ = read(wrong, v1(2, pems[0]))
    assert said.complaints == (f"receive-ca-cert: lego sent what it must not: {complaint}",)
    assert said.pem == f"{pems[0]}\n"
    assert "MHcC" not in str(said)


def test_a_chain_of_a_unit_must_be_a_list(tmp_path: pathlib.Path):
    pem = directory.certificates(tmp_path)
    with pytest.raises(sdi.InterfaceError, match="chain must be a JSON list"):
        certificate_transfer.read({}, [{"ca": pem, "chain": "none"}])
