# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""axe-core, the engine that finds what keeps people out of a page, from npm: fetched once, its digest is pinned."""

import base64
import hashlib
import os
import pathlib
import subprocess
import tarfile
import tempfile

import playwright.sync_api

_PACKAGE = "axe-core@4.14.1"
_DIGEST = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
_CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "kubeflow-auth-sandbox"
_GRAVE = ("serious", "critical")


def script() -> str:
    """Return the source of axe-core."""
    kept = _CACHE / f"{_PACKAGE}.tgz"
    if not kept.exists():
        _CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=_CACHE) as made:
            command = ("npm", "pack", "--silent", "--pack-destination", made, _PACKAGE)
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True, cwd=made)
            (packed,) = pathlib.Path(made).glob("*.tgz")
            packed.replace(kept)
    digest = base64.b64encode(hashlib.sha512(kept.read_bytes()).digest()).decode()
    assert digest == _DIGEST, f"{kept} is not the package that was tried: {digest}"
    with tarfile.open(kept) as opened:
        found = opened.extractfile("package/axe.min.js")
        assert found
        return found.read().decode()


def grave(page: playwright.sync_api.Page) -> list[str]:
    """Return what axe-core finds on a page that is serious or worse."""
    # Not as a script of the page, which its policy would refuse.
    page.evaluate(script())
    found = page.evaluate("axe.run(document)")
    return [f"{one['id']}: {one['help']}" for one in found["violations"] if one["impact"] in _GRAVE]
