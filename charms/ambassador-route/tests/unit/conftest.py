# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Lets these tests import this charm's modules, and gives those of one file a real Envoy."""

import collections.abc
import pathlib
import typing

import isolation
import pytest

if typing.TYPE_CHECKING:
    from worlds import World


def pytest_configure(config: pytest.Config) -> None:
    tests = pathlib.Path(__file__).parent
    config.pluginmanager.register(isolation.OwnModules(tests), f"modules of {tests}")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> "collections.abc.Iterator[World]":
    # Only while one of these tests runs is this charm's the module of that name.
    import worlds

    with worlds.World.running(tmp_path_factory.mktemp("envoy")) as world:
        yield world
