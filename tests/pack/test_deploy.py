# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What `make deploy` says where something is missing, and that `make undeploy` removes what it made and nothing else.

Juju and MicroK8s are small scripts here that answer and remember what they were asked; tests/integration has real ones.
"""

import collections.abc
import dataclasses
import importlib.machinery
import importlib.util
import json
import pathlib
import socket
import stat
import sys
import types

import packing
import pytest
import yaml

CONTROLLERS = {"controllers": {"here": {"cloud": "k8s"}}, "current-controller": "here"}
APPLICATIONS = ["dex-auth", "gatekeeper", "ambassador-route"]


@dataclasses.dataclass
class Machine:
    """A machine with chosen programs on it."""

    home: pathlib.Path
    deploy: types.ModuleType
    registry: str
    stuck: bool = False

    def program(self, name: str, **answers: object) -> None:
        """Install a program that answers to its first word, and remembers what it was asked."""
        lines = ["#!/bin/sh", f'echo "{name} $*" >> {self.home}/asked', 'case "$1" in']
        if name == "juju" and not self.stuck:
            lines.append(f"destroy-model) echo '{{\"models\": []}}' > {self.home}/juju-models;;")
        for word, answer in answers.items():
            text = answer if isinstance(answer, str) else json.dumps(answer)
            (self.home / f"{name}-{word}").write_text(text)
            lines.append(f"{word}) /bin/cat {self.home}/{name}-{word};;")
        path = self.home / "bin" / name
        path.write_text("\n".join([*lines, "esac"]) + "\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def juju(self, *, models: collections.abc.Mapping[str, list[str]], **answers: object) -> None:
        """Install a Juju with models, of which the status shows the last one's applications."""
        answers.setdefault("version", "4.0.15-genericlinux-amd64")
        answers.setdefault("controllers", CONTROLLERS)
        answers.setdefault("storage", "")
        answers["models"] = {"models": [{"short-name": name} for name in models]}
        answers["status"] = {"applications": {name: {} for names in models.values() for name in names}}
        self.program("juju", **answers)

    def asked(self) -> list[str]:
        """Return what changed something."""
        asked = (self.home / "asked").read_text().splitlines()
        looks = ("version", "controllers", "models", "status", "storage")
        return [line for line in asked if line.split()[1] not in looks]

    def refusal(self) -> str:
        """Return why nothing can be deployed."""
        with pytest.raises(self.deploy.DeployError) as error:
            self.deploy.check("auth", self.registry)
        return str(error.value)


@pytest.fixture
def machine(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> collections.abc.Iterator[Machine]:
    loader = importlib.machinery.SourceFileLoader("deploy", str(packing.ROOT / "tools/deploy"))
    spec = importlib.util.spec_from_loader("deploy", loader)
    assert spec
    deploy = importlib.util.module_from_spec(spec)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    loader.exec_module(deploy)
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(deploy, "RECORD", tmp_path / "deployed.json")
    with socket.create_server(("127.0.0.1", 0)) as registry:
        yield Machine(tmp_path, deploy, f"127.0.0.1:{registry.getsockname()[1]}")


def test_a_machine_with_everything_is_ready(machine: Machine):
    machine.juju(models={"other": []})
    machine.program("skopeo")
    machine.deploy.check("auth", machine.registry)
    machine.juju(models={"auth": ["postgresql-k8s"]})
    machine.deploy.check("auth", machine.registry)


def test_what_is_missing_is_named_with_the_command_that_brings_it(machine: Machine):
    assert machine.refusal() == "juju is missing: sudo snap install juju --channel 3.6/stable"
    machine.juju(models={}, version="3.5.4-genericlinux-amd64")
    assert "juju 3.5.4-genericlinux-amd64 is too old: sudo snap refresh juju" in machine.refusal()
    machine.juju(models={}, controllers={"controllers": None})
    assert machine.refusal() == "skopeo is missing, which brings images to a registry: sudo apt-get install skopeo"
    machine.program("skopeo")
    assert machine.refusal() == "there is no Juju controller: juju bootstrap NAME (after juju add-k8s NAME)"
    machine.juju(models={}, controllers={"controllers": {"here": {}}})
    assert machine.refusal() == "no Juju controller is chosen: juju switch here"


def test_a_registry_that_does_not_answer_is_named_with_both_ways_out(machine: Machine):
    machine.juju(models={})
    machine.program("skopeo")
    machine.registry = "127.0.0.1:1"
    assert "no registry answers at 127.0.0.1:1: REGISTRY=HOST:PORT" in machine.refusal()
    machine.registry = "127.0.0.1:word"
    assert "IMAGE=NAME an image that the cluster has" in machine.refusal()
    machine.deploy.check("auth", "")


@pytest.mark.parametrize(
    ("enabled", "registry", "missing"),
    [
        ([], "localhost:32000", "dns hostpath-storage registry"),
        (["dns", "registry"], "localhost:32000", "hostpath-storage"),
        (["dns"], "registry.example.org:443", "hostpath-storage"),
    ],
)
def test_each_add_on_that_microk8s_lacks_is_named(machine: Machine, enabled: list[str], registry: str, missing: str):
    machine.juju(models={})
    addons = [
        {"name": name, "status": "enabled" if name in enabled else "disabled"}
        for name in ("dns", "hostpath-storage", "registry", "rbac")
    ]
    machine.program("microk8s", status=yaml.safe_dump({"microk8s": {"running": True}, "addons": addons}))
    machine.registry = registry
    assert machine.refusal() == f"MicroK8s lacks add-ons: sudo microk8s enable {missing}"


def test_a_microk8s_that_is_stopped_is_to_be_started(machine: Machine):
    machine.juju(models={})
    machine.program("microk8s", status=yaml.safe_dump({"microk8s": {"running": False}, "addons": []}))
    assert machine.refusal() == "MicroK8s does not run: sudo microk8s start"


def test_what_is_there_already_is_left_alone(machine: Machine):
    machine.juju(models={"auth": ["dex-auth", "other"]})
    machine.program("skopeo")
    assert machine.refusal().startswith("the model auth has dex-auth already: make undeploy")
    machine.deploy.RECORD.write_text(json.dumps({"model": "before", "made": True, "applications": APPLICATIONS}))
    assert machine.refusal() == "what was deployed from here is in the model before: make undeploy"


@pytest.mark.parametrize(
    ("made", "there", "removal"),
    [
        (True, APPLICATIONS, ["juju destroy-model --no-prompt --destroy-storage auth"]),
        (
            True,
            [*APPLICATIONS, "other"],
            ["juju remove-application --no-prompt --destroy-storage --model auth dex-auth gatekeeper ambassador-route"],
        ),
        (
            False,
            ["dex-auth"],
            ["juju remove-application --no-prompt --destroy-storage --model auth dex-auth"],
        ),
        (False, ["other"], []),
    ],
    ids=["a model of ours", "somebody moved in", "a model of theirs", "ours are gone"],
)
def test_what_was_made_is_removed_and_nothing_else(machine: Machine, made: bool, there: list[str], removal: list[str]):
    machine.deploy.RECORD.write_text(json.dumps({"model": "auth", "made": made, "applications": APPLICATIONS}))
    machine.juju(models={"auth": there})
    machine.deploy.undeploy()
    assert machine.asked() == removal
    with pytest.raises(machine.deploy.DeployError, match="nothing was deployed from here"):
        machine.deploy.undeploy()


def test_volumes_that_no_unit_has_go_before_their_model(machine: Machine):
    """A scaled-down gatekeeper leaves them, and Juju 4.0.15 never ends with a model that has any."""
    machine.deploy.RECORD.write_text(json.dumps({"model": "auth", "made": True, "applications": APPLICATIONS}))
    volumes = {"state/0": {"attachments": {"units": {"gatekeeper/0": {}}}}, "state/2": {"persistent": False}}
    machine.juju(models={"auth": APPLICATIONS}, storage={"storage": volumes})
    machine.deploy.undeploy()
    removal = "juju destroy-model --no-prompt --destroy-storage auth"
    assert machine.asked() == ["juju remove-storage --model auth state/2", removal]


def test_a_model_that_is_not_gone_yet_is_remembered(machine: Machine):
    machine.deploy.RECORD.write_text(json.dumps({"model": "auth", "made": True, "applications": APPLICATIONS}))
    machine.stuck = True
    machine.juju(models={"auth": APPLICATIONS})
    with pytest.raises(machine.deploy.DeployError, match="the model auth is not gone yet"):
        machine.deploy.undeploy()
    assert machine.deploy.RECORD.exists()


def test_a_model_that_is_gone_is_forgotten(machine: Machine):
    machine.deploy.RECORD.write_text(json.dumps({"model": "auth", "made": True, "applications": APPLICATIONS}))
    machine.juju(models={})
    machine.deploy.undeploy()
    assert machine.asked() == []
