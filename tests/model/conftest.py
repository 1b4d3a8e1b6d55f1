# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Makes the model tests quick, and keeps them in memory; nothing that they look at changes."""

import collections.abc
import http.client

import bcrypt
import pytest
import whole
import yaml


@pytest.fixture(scope="session", autouse=True)
def quick() -> collections.abc.Iterator[None]:
    """Hash with the least cost, and write with libyaml the metadata that ops.testing puts on disk for every hook."""
    gensalt = bcrypt.gensalt
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bcrypt, "gensalt", lambda rounds=4, prefix=b"2b": gensalt(4, prefix))
        patch.setattr(yaml, "SafeDumper", yaml.CSafeDumper)
        yield


@pytest.fixture(scope="session")
def wanted(quick: None) -> str:
    """Return the state in which every deployment of the bundle ends."""
    del quick
    return whole.settled(0).alike()


@pytest.fixture(scope="session", autouse=True)
def alone() -> collections.abc.Iterator[None]:
    """Let no charm reach what happens to listen on this machine: the gateway's self-test would."""

    def refuse(_: http.client.HTTPConnection) -> None:
        raise ConnectionRefusedError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(http.client.HTTPConnection, "connect", refuse)
        yield
