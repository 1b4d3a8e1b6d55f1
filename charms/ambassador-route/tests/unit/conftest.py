# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Lets these tests import this charm's modules, whose names other charms use too."""

import collections.abc
import contextlib
import importlib
import pathlib
import sys
import types

import pytest

_HERE = pathlib.Path(__file__).parent
_SOURCES = (_HERE.parents[1] / "src", _HERE / "helpers")
_NAMES = tuple(path.stem for source in _SOURCES for path in source.glob("*.py"))
_modules: dict[str, types.ModuleType] = {}


@contextlib.contextmanager
def _own_modules() -> collections.abc.Iterator[None]:
    """Let the names of this charm's modules mean them, and afterwards what they meant before."""
    others = {name: module for name in _NAMES if (module := sys.modules.pop(name, None))}
    if not _modules:
        sys.path[:0] = map(str, _SOURCES)
        _modules.update({name: importlib.import_module(name) for name in _NAMES})
        del sys.path[: len(_SOURCES)]
    sys.modules.update(_modules)
    try:
        yield
    finally:
        for name in _NAMES:
            del sys.modules[name]
        sys.modules.update(others)


def _context(node: pytest.Item | pytest.Collector) -> contextlib.AbstractContextManager[None]:
    return _own_modules() if node.path.is_relative_to(_HERE) else contextlib.nullcontext()


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> collections.abc.Generator[None, object, object]:
    with _context(collector):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> collections.abc.Generator[None, object, object]:
    with _context(item):
        return (yield)
