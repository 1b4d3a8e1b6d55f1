# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import pytest
from charmkit.interfaces import postgresql_client, sdi

# What the provider of Canonical's PostgreSQL charm writes, with and without secrets.
SECRETS = {
    "user": {"username": "relation_id_4", "password": "p", "uris": "postgresql://..."},
    "tls": {"tls": "True", "tls-ca": "PEM"},
}
BAG = {
    "data": '{"database": "dex"}',
    "endpoints": "postgresql-k8s-primary.db.svc.cluster.local:5432,other:5432",
    "secret-user": "secret:u",
    "secret-tls": "secret:t",
    "version": "14.15",
}
PLAIN = {"endpoints": "10.1.2.3:6432", "username": "u", "password": "p", "database": "kubeflow", "tls": "False"}


def test_a_request_asks_for_secrets():
    assert postgresql_client.write_request("dex") == {
        "database": "dex",
        "requested-secrets": '["username", "password", "tls", "tls-ca", "uris"]',
    }


def test_an_answer_with_secrets():
    assert postgresql_client.secret_ids(BAG) == {"user": "secret:u", "tls": "secret:t"}
    found = postgresql_client.read(BAG, SECRETS, name="dex")
    assert found == postgresql_client.Database(
        host="postgresql-k8s-primary.db.svc.cluster.local", port=5432, name="dex",
        user="relation_id_4", password="p", tls=True, ca="PEM",
    )  # fmt: skip
    assert "'p'" not in repr(found)


def test_an_answer_in_plain_text():
    assert postgresql_client.read(PLAIN, {}, name="dex") == postgresql_client.Database(
        host="10.1.2.3", port=6432, name="kubeflow", user="u", password="p"
    )


@pytest.mark.parametrize("missing", ["endpoints", "username", "password"])
def test_an_answer_that_is_not_complete_is_none_yet(missing: str):
    assert postgresql_client.read({**PLAIN, missing: ""}, {}, name="dex") is None


def test_a_secret_that_cannot_be_read_is_none_yet():
    assert postgresql_client.read(BAG, {"user": None, "tls": None}, name="dex") is None


def test_an_address_without_a_port_and_one_of_version_6():
    assert postgresql_client.read({**PLAIN, "endpoints": "db"}, {}, name="dex").port == 5432  # type: ignore[union-attr]
    found = postgresql_client.read({**PLAIN, "endpoints": "[::1]:5433"}, {}, name="dex")
    assert (found.host, found.port) == ("::1", 5433)  # type: ignore[union-attr]


def test_nonsense_is_refused():
    with pytest.raises(sdi.InterfaceError, match="port must be a port number"):
        postgresql_client.read({**PLAIN, "endpoints": "db:x"}, {}, name="dex")
