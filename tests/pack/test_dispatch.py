# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""A packed charm runs with what is inside of it alone: no source tree and no package of the tests in reach."""

import collections.abc
import json
import os
import pathlib
import subprocess
import sys
import venv

import collector
import packing
import pytest
import yaml

# What Juju puts beside a charm: commands that answer in JSON, and that write down how they were called.
TOOL = """#!{python}
import json, pathlib, sys
answers = json.loads(pathlib.Path({answers!r}).read_text())
name = pathlib.Path(sys.argv[0]).name
with pathlib.Path({log!r}).open("a") as log:
    print(json.dumps([name, *sys.argv[1:]]), file=log)
if name in ("secret-get", "secret-info-get"):
    sys.exit("ERROR secret not found")
words = [name, *(word for word in sys.argv[1:] if word != "--format=json")]
print(json.dumps(answers.get(" ".join(words), answers.get(name))))
"""
TOOLS = (
    "action-fail", "action-get", "action-log", "action-set", "application-version-set", "close-port", "config-get",
    "credential-get", "goal-state", "is-leader", "juju-log", "juju-reboot", "network-get", "open-port", "opened-ports",
    "relation-get", "relation-ids", "relation-list", "relation-set", "resource-get", "secret-add", "secret-get",
    "secret-grant", "secret-ids", "secret-info-get", "secret-remove", "secret-revoke", "secret-set", "state-delete",
    "state-get", "state-set", "status-get", "status-set", "storage-get", "storage-list", "unit-get",
)  # fmt: skip


class Hooks:
    """Runs the hooks of an unpacked charm as Juju's agent does."""

    def __init__(self, home: pathlib.Path, charm: pathlib.Path) -> None:
        self.charm = charm
        self.log = home / "tools.log"
        self.python = home / "python"
        # A Python with nothing but its standard library.
        venv.create(self.python, symlinks=True)
        tools = home / "tools"
        tools.mkdir()
        options = yaml.safe_load((charm / "config.yaml").read_text())["options"]
        network = {"bind-addresses": [], "ingress-addresses": ["10.1.2.3"], "egress-subnets": ["10.1.2.3/32"]}
        # By command, or by command and arguments.
        self.answers: dict[str, object] = {
            "config-get": {name: option["default"] for name, option in options.items() if "default" in option},
            "is-leader": False, "relation-ids": [], "secret-ids": [], "opened-ports": [], "network-get": network,
            "status-get": {"status": "unknown", "message": ""},
        }  # fmt: skip
        for name in TOOLS:
            tool = tools / name
            tool.write_text(TOOL.format(python=sys.executable, answers=str(home / "answers.json"), log=str(self.log)))
            tool.chmod(0o755)
        self.home = home
        self.environment = {
            "PATH": f"{tools}{os.pathsep}{self.python / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin",
            "HOME": str(home),
            "CHARM_DIR": str(charm),
            "JUJU_CHARM_DIR": str(charm),
            "JUJU_MODEL_NAME": "kubeflow",
            "JUJU_MODEL_UUID": "6f8c2d0e-0f3a-4e38-8f0b-6b5f6b2f8a11",
            "JUJU_UNIT_NAME": f"{yaml.safe_load((charm / 'metadata.yaml').read_text())['name']}/0",
            "JUJU_VERSION": "3.6.0",
        }

    def run(self, hook: str) -> list[list[str]]:
        """Run one hook, and return the commands that the charm called."""
        self.log.write_text("")
        (self.home / "answers.json").write_text(json.dumps(self.answers))
        environment = {**self.environment, "JUJU_DISPATCH_PATH": f"hooks/{hook}", "JUJU_HOOK_NAME": hook}
        done = subprocess.run(
            [self.charm / "dispatch"], cwd=self.charm, env=environment, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + self.log.read_text()
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@pytest.fixture(params=[*packing.CHARMS, "dex-auth --without-storage"])
def hooks(
    request: pytest.FixtureRequest, tmp_path: pathlib.Path, unpacked: collections.abc.Callable[..., pathlib.Path]
) -> Hooks:
    return Hooks(tmp_path, unpacked(*request.param.split()))


@pytest.mark.parametrize("hook", ["install", "config-changed", "start", "update-status"])
def test_a_hook_ends_with_a_status(hooks: Hooks, hook: str):
    called = hooks.run(hook)
    statuses = [words for words in called if words[0] == "status-set"]
    assert statuses, called
    # In the first hooks nobody can say yet what is missing.
    wanted = {"maintenance"} if hook == "install" else {"waiting", "blocked"}
    assert wanted & set(statuses[-1]), statuses
    assert not [words for words in called if "Traceback" in str(words)]


def test_nothing_comes_from_outside_of_the_charm(hooks: Hooks):
    """Every module that a hook loads is the charm's own or the standard library's."""
    source = hooks.charm / "src" / "charm.py"
    source.write_text(
        source.read_text().replace(
            "    ops.main(", "    import atexit, sys\n    atexit.register(lambda: print('FILES', *{getattr(m, "
            "'__file__', None) or '' for m in list(sys.modules.values())}, file=open('loaded', 'w')))\n    ops.main("
        )
    )  # fmt: skip
    hooks.run("update-status")
    loaded = (hooks.charm / "loaded").read_text().split()[1:]
    assert any("charmkit" in path for path in loaded)
    library = pathlib.Path(os.__file__).parent
    outside = [path for path in loaded if not pathlib.Path(path).is_relative_to(hooks.charm)]
    assert outside
    assert [path for path in outside if not pathlib.Path(path).is_relative_to(library) or "site-packages" in path] == []


@pytest.fixture
def place() -> collections.abc.Iterator[tuple[str, list[tuple[str, str]]]]:
    with collector.running() as found:
        yield found


def test_traces_of_hooks_arrive_without_secrets(hooks: Hooks, place: tuple[str, list[tuple[str, str]]]):
    requires = yaml.safe_load((hooks.charm / "metadata.yaml").read_text()).get("requires", {})
    if "charm-tracing" not in requires:
        pytest.skip("this charm has no endpoint for its traces")
    url, came = place
    options = hooks.answers["config-get"]
    assert isinstance(options, dict)
    if "static-password" in options:
        options["static-password"] = "hunter2-hunter2"
    hooks.run("config-changed")
    assert came == []
    receivers = json.dumps([{"protocol": {"name": "otlp_http", "type": "http"}, "url": url}])
    hooks.answers |= {
        "relation-ids charm-tracing": ["charm-tracing:7"],
        "relation-list -r charm-tracing:7": ["tempo/0"],
        "relation-get -r charm-tracing:7 --app - tempo": {"receivers": receivers},
    }
    hooks.run("config-changed")
    assert {path for path, _ in came} == {"/v1/traces"}
    text = "".join(body for _, body in came)
    assert hooks.environment["JUJU_UNIT_NAME"] in text
    assert '"ops.main"' in text
    assert "hunter2" not in text
    hooks.answers["relation-ids charm-tracing"] = []
    hooks.run("config-changed")
    count = len(came)
    hooks.run("config-changed")
    assert len(came) == count
