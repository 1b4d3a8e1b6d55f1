# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""A Python like that of the gatekeeper's image."""

import collections.abc
import pathlib
import subprocess
import sys


def environment(root: pathlib.Path, say: collections.abc.Callable[[str], None]) -> pathlib.Path:
    """Return a Python that has what the gatekeeper's image has, and nothing else."""
    place, lock = root / "build" / "bench", root / "workloads" / "gatekeeper" / "requirements.txt"
    python, mark = place / "bin" / "python", place / "lock"
    if not mark.exists() or mark.read_bytes() != lock.read_bytes():
        say("installing what the gatekeeper's image holds")
        pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([sys.executable, "-m", "venv", "--clear", place], check=True)
        subprocess.run([python, *pip, "--require-hashes", "--requirement", lock], check=True)
        mark.write_bytes(lock.read_bytes())
    source = root / "workloads" / "gatekeeper" / "src"
    (site,) = place.glob("lib/python3.*/site-packages")
    (site / "gatekeeper.pth").write_text(f"{source}\n")
    # As in the image: compiled before it starts.
    subprocess.run([python, "-m", "compileall", "-q", source, site], check=True)
    return python
