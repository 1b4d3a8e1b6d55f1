# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What the documentation promises is shown by tests that exist."""

import ast
import re

import pytest
import whole
import yaml

_NAMED = re.compile(r"`([\w/-]+\.py)::(\w+)`")
_PAGE = (whole.ROOT / "docs" / "juju.md").read_text()


@pytest.mark.parametrize(("path", "name"), sorted(set(_NAMED.findall(_PAGE))))
def test_a_named_test_exists(path: str, name: str):
    tree = ast.parse((whole.ROOT / path).read_text())
    assert name in [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]


def test_every_row_says_what_shows_it():
    rows = [line for line in _PAGE.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 20
    assert [row for row in rows if not _NAMED.search(row)] == []


@pytest.mark.parametrize("charm", ["dex-auth", "gatekeeper"])
def test_dex_and_gatekeeper_cannot_change_the_cluster(charm: str):
    """No client of Kubernetes is packed with them, and Juju gives them no right to use one."""
    lock = (whole.ROOT / "charms" / charm / "requirements.txt").read_text()
    assert re.findall(r"^ops==", lock, re.MULTILINE)
    assert re.findall(r"^(lightkube|kubernetes)\S*==", lock, re.MULTILINE) == []
    spec = yaml.safe_load((whole.ROOT / "bundle.yaml").read_text())
    assert "trust" not in spec["applications"][charm]


def test_the_receptions_rights_have_no_name_that_juju_gives():
    """Juju calls an application's ClusterRole <model>-<application>, and brings it to what trust says."""
    text = (whole.ROOT / "charms/reception/kubernetes/access.yaml").read_text()
    names = {found["metadata"]["name"] for found in yaml.safe_load_all(text)}
    # No name of a model or an application has a colon.
    assert {name for name in names if ":" not in name} == set()
