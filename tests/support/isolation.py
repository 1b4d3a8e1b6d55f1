# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Lets a charm's unit tests import its modules, whose names other charms and packages use too."""

import collections.abc
import contextlib
import importlib
import pathlib
import sys
import types

import pytest


class OwnModules:
    """A pytest plugin: in the tests below a directory, the names of a charm's modules mean that charm's."""

    def __init__(self, tests: pathlib.Path, charm: pathlib.Path | None = None) -> None:
        """Find the modules.

        Args:
            tests: the directory of the tests, or one file of them.
            charm: the charm's directory, where that is not the one above.
        """
        self._tests = tests
        helpers = charm / "tests" / "unit" / "helpers" if charm else tests / "helpers"
        self._sources = ((charm or tests.parents[1]) / "src", helpers)
        self._names = tuple(path.stem for source in self._sources for path in source.glob("*.py"))
        self._modules: dict[str, types.ModuleType] = {}

    @contextlib.contextmanager
    def _own(self) -> collections.abc.Generator[None]:
        others = {name: module for name in self._names if (module := sys.modules.pop(name, None))}
        if not self._modules:
            sys.path[:0] = map(str, self._sources)
            self._modules.update({name: importlib.import_module(name) for name in self._names})
            del sys.path[: len(self._sources)]
        sys.modules.update(self._modules)
        try:
            yield
        finally:
            for name in self._names:
                del sys.modules[name]
            sys.modules.update(others)

    def _context(self, node: pytest.Item | pytest.Collector) -> contextlib.AbstractContextManager[None]:
        return self._own() if node.path.is_relative_to(self._tests) else contextlib.nullcontext()

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> collections.abc.Generator[None, object, object]:
        with self._context(collector):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> collections.abc.Generator[None, object, object]:
        with self._context(item):
            return (yield)
