# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""One model for each module, with packed charms and images that are arguments; pytest-jubilant adds --juju-... ones.

Juju is the one of PATH with its current controller, the cluster is the one of KUBECONFIG (else ~/.kube/config), and
this machine reaches the addresses of its Services, as every node does.
"""

import collections.abc
import pathlib
import shutil

import deployed
import directory
import jubilant
import live
import pytest
import receptions
from lightkube.models.core_v1 import ConfigMapVolumeSource, Container, PodSpec, ServicePort, ServiceSpec, Volume
from lightkube.models.core_v1 import EnvVar as Variable
from lightkube.models.core_v1 import VolumeMount as Mount
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Pod, Service

Charms = dict[str, dict]
_LDAP_PORT = 3890


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("bundle")
    group.addoption("--charms", help="directory with the packed charms (default: where tox -e pack puts them)")
    for resource in sorted({name for spec in deployed.BUNDLE.values() for name in spec["resources"]}):
        group.addoption(f"--{resource}", help=f"the {resource} (default: that of bundle.yaml)")
    group.addoption("--previous-charms", help="directory with charms packed before, to upgrade from")
    group.addoption("--previous-gatekeeper-image", help="the gatekeeper-image that goes with them (default: the same)")
    group.addoption("--ldap-image", help="an image with Debian's slapd; without it no directory is asked")
    group.addoption("--arch", default="amd64", help="of the charms (default: %(default)s)")


@pytest.fixture(scope="session")
def charms(request: pytest.FixtureRequest) -> Charms:
    """The charms to test, as an overlay of the bundle has them."""
    return _overlay(request, request.config.getoption("--charms"), deployed.APPLICATIONS)


@pytest.fixture(scope="module")
def everything(request: pytest.FixtureRequest, model: deployed.Deployed) -> Charms:
    """The charms to test, and the reception, which needs a cluster that knows profiles."""
    if not receptions.knows_profiles(model.kube):
        pytest.skip("the cluster knows no profiles: kubectl apply -f charms/reception/kubernetes/profiles.yaml")
    return _overlay(request, request.config.getoption("--charms"), deployed.BUNDLE)


@pytest.fixture(scope="session")
def previous(request: pytest.FixtureRequest) -> Charms:
    """The charms to upgrade from."""
    given = request.config.getoption("--previous-charms")
    if not given:
        pytest.skip("no charms to upgrade from: --previous-charms DIRECTORY")
    image = request.config.getoption("--previous-gatekeeper-image")
    found = _overlay(request, given, deployed.APPLICATIONS)
    if image:
        found["gatekeeper"]["resources"]["gatekeeper-image"] = image
    return found


def _overlay(request: pytest.FixtureRequest, given: str | None, names: collections.abc.Iterable[str]) -> Charms:
    found: Charms = {}
    for name in names:
        spec = deployed.BUNDLE[name]
        home = pathlib.Path(given).absolute() if given else live.ROOT / "charms" / name
        charm = home / f"{name}_{request.config.getoption('--arch')}.charm"
        assert charm.exists(), f"{charm} is missing: tox -e pack makes it"
        images = {key: request.config.getoption(f"--{key}") or image for key, image in spec["resources"].items()}
        found[name] = {"charm": str(charm), "resources": images}
    return found


@pytest.fixture(scope="module")
def scratch(request: pytest.FixtureRequest) -> collections.abc.Iterator[pathlib.Path]:
    """A directory that Juju can read also where it is a snap, which does not see /tmp."""
    path = live.ROOT / "build" / "integration" / request.module.__name__.rpartition(".")[2]
    path.mkdir(parents=True, exist_ok=True)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def model(juju: jubilant.Juju) -> collections.abc.Iterator[deployed.Deployed]:
    """A model, and the cluster that it is in."""
    found = deployed.Deployed(juju)
    with found.kube:
        yield found


@pytest.fixture(scope="module")
def ldap(model: deployed.Deployed, request: pytest.FixtureRequest) -> list[dict]:
    """A directory in a pod of the model, and the connectors that ask it."""
    image = request.config.getoption("--ldap-image")
    if not image:
        pytest.skip("no directory to ask: --ldap-image IMAGE, with Debian's slapd in it")
    labels = {"tests": "ldap"}
    files = {
        "slapd.conf": directory.configuration("/tmp/ldap"),
        "entries.ldif": directory.entries(group=True),
    }
    start = f"""mkdir -p /tmp/ldap/data
    slapadd -f /files/slapd.conf -l /files/entries.ldif
    exec slapd -d 0 -f /files/slapd.conf -h ldap://0.0.0.0:{_LDAP_PORT}"""
    container = Container(
        name="ldap",
        image=image,
        imagePullPolicy="IfNotPresent",
        command=["/bin/sh", "-ec", start],
        env=[Variable(name="PATH", value="/usr/sbin:/usr/bin:/sbin:/bin")],
        volumeMounts=[Mount(name="files", mountPath="/files")],
    )
    volume = Volume(name="files", configMap=ConfigMapVolumeSource(name="ldap"))
    ports = [ServicePort(389, targetPort=_LDAP_PORT)]
    for wanted in (
        ConfigMap(metadata=_named(model), data=files),
        Pod(metadata=_named(model, labels), spec=PodSpec(containers=[container], volumes=[volume])),
        Service(metadata=_named(model), spec=ServiceSpec(selector=labels, ports=ports)),
    ):
        model.kube.apply(wanted, field_manager="tests")
    model.kube.wait(Pod, "ldap", for_conditions=["Ready"], namespace=model.namespace)
    return directory.connector(f"ldap.{model.namespace}.svc.cluster.local:389")


def _named(model: deployed.Deployed, labels: dict[str, str] | None = None) -> ObjectMeta:
    return ObjectMeta(name="ldap", namespace=model.namespace, labels=labels)
