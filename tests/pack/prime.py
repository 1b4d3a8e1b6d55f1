# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Runs the parts of the charm in the working directory with charmcraft's own plugins: prime.py WORK.

Without LXD, and with the Python of the tests in place of the base's. It is a program of its own, because craft-parts
leaves files open.
"""

import pathlib
import sys

import craft_parts
import craft_parts.packages
import craft_parts.packages.base
import yaml
from charmcraft.models import project
from charmcraft.parts import plugins


def main() -> None:
    parts = project.PlatformCharm.unmarshal(yaml.safe_load(pathlib.Path("charmcraft.yaml").read_text())).parts
    # What a part needs of Debian is there already: the tests themselves run in a virtual environment.
    craft_parts.packages.Repository = craft_parts.packages.base.DummyRepository
    craft_parts.plugins.register({"python": plugins.PythonPlugin})
    work = pathlib.Path(sys.argv[1])
    lifecycle = craft_parts.LifecycleManager(
        {"parts": parts}, application_name="charmcraft", cache_dir=work / "cache", work_dir=work
    )
    with lifecycle.action_executor() as executor:
        executor.execute(lifecycle.plan(craft_parts.Step.PRIME))


if __name__ == "__main__":
    main()
