# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Lets these tests import this charm's modules."""

import pathlib

import isolation
import pytest


def pytest_configure(config: pytest.Config) -> None:
    tests = pathlib.Path(__file__).parent
    config.pluginmanager.register(isolation.OwnModules(tests), f"modules of {tests}")
