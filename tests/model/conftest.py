# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Makes the model tests quick, and keeps them in memory; nothing that they look at changes."""

import collections.abc
import functools
import http.client
import pickle

import bcrypt
import ops._private.yaml
import pytest
import whole
import yaml


@pytest.fixture(scope="session", autouse=True)
def quick() -> collections.abc.Iterator[None]:
    """Hash with the least cost; write and read only once the metadata that ops.testing puts on disk for every hook."""
    gensalt = bcrypt.gensalt
    dump, load = yaml.safe_dump, ops._private.yaml.safe_load

    @functools.cache
    def text(pickled: bytes) -> str:
        return dump(pickle.loads(pickled))

    @functools.cache
    def read(text: str) -> bytes:
        return pickle.dumps(load(text))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bcrypt, "gensalt", lambda rounds=4, prefix=b"2b": gensalt(4, prefix))
        patch.setattr(yaml, "SafeDumper", yaml.CSafeDumper)
        patch.setattr(yaml, "safe_dump", lambda data: text(pickle.dumps(data)))
        patch.setattr(ops._private.yaml, "safe_load", lambda stream: pickle.loads(read(stream)))
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
