# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The type and annotations of the application's Service, at a real API server, with no right but those of Juju."""

import collections.abc
import dataclasses
import pathlib

import ambassador
import charm
import cluster
import config
import kubernetes
import ops
import pytest
import service
from charmkit.interfaces import ingress, ingress_auth
from lightkube.models.rbac_v1 import PolicyRule
from lightkube.resources.core_v1 import Service
from lightkube.resources.rbac_authorization_v1 import Role
from lightkube.types import PatchType
from ops import testing

APP = "gateway"
PORTS = [{"name": "8080-tcp", "port": 8080, "protocol": "TCP", "targetPort": 8080}]


@dataclasses.dataclass
class Unit:
    """A namespace with the application's Service, as Juju makes it, and who looks at it."""

    kube: cluster.Cluster
    namespace: str

    def found(self) -> Service:
        return self.kube.client().get(Service, APP, namespace=self.namespace)

    @property
    def kind(self) -> str:
        spec = self.found().spec
        assert spec
        return spec.type or ""

    @property
    def annotations(self) -> dict[str, str]:
        metadata = self.found().metadata
        return dict((metadata and metadata.annotations) or {})

    def patch(self, change: dict[str, object]) -> None:
        """Change it as Juju or a person does."""
        self.kube.client().patch(
            Service, APP, change, namespace=self.namespace, patch_type=PatchType.MERGE, field_manager="juju"
        )

    def bring(self, kind: str, **annotations: str) -> str:
        return service.bring(self.namespace, APP, kind, annotations)


@pytest.fixture
def unit(
    kube: cluster.Cluster, request: pytest.FixtureRequest, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> collections.abc.Iterator[Unit]:
    """The application, whose account's token is where Kubernetes puts it into the charm's container."""
    namespace = f"service-{abs(hash(request.node.name)) % 10**8}"
    ambassador.deploy(kube, namespace)
    (tmp_path / "token").write_text(kube.token(namespace, APP))
    (tmp_path / "ca.crt").write_bytes(kube.ca.read_bytes())
    (tmp_path / "namespace").write_text(namespace)
    monkeypatch.setattr(kubernetes, "ACCOUNT", str(tmp_path))
    host, _, port = kube.url.removeprefix("https://").partition(":")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", port)
    found = Unit(kube, namespace)
    found.patch({"spec": {"type": "ClusterIP", "ports": PORTS}, "metadata": {"annotations": {"juju.is/x": "theirs"}}})
    yield found


@pytest.mark.parametrize("kind", [kind for kind in config.SERVICES if kind != config.PLAIN_SERVICE])
def test_the_service_gets_its_type_and_goes_back(unit: Unit, kind: str) -> None:
    assert unit.bring(kind) == ""
    assert unit.kind == kind
    (port,) = ((spec := unit.found().spec) and spec.ports) or ()
    assert (port.port, port.targetPort) == (8080, 8080)
    assert port.nodePort
    assert unit.bring(config.PLAIN_SERVICE) == ""
    assert unit.kind == "ClusterIP"
    (port,) = ((spec := unit.found().spec) and spec.ports) or ()
    assert (port.port, port.nodePort) == (8080, None)


def test_what_juju_does_to_its_ports_and_to_its_type_is_no_quarrel(unit: Unit) -> None:
    assert unit.bring("LoadBalancer") == ""
    unit.patch({"spec": {"ports": [*PORTS, {"name": "8443-tcp", "port": 8443, "protocol": "TCP"}]}})
    assert unit.bring("LoadBalancer") == ""
    spec = unit.found().spec
    assert spec
    assert [port.port for port in spec.ports or ()] == [8080, 8443]
    unit.patch({"spec": {"type": "ClusterIP"}})
    assert unit.bring("LoadBalancer") == ""
    assert unit.kind == "LoadBalancer"


def test_bringing_it_twice_changes_nothing(unit: Unit) -> None:
    def version() -> str | None:
        metadata = unit.found().metadata
        return metadata.resourceVersion if metadata else None

    unit.bring("NodePort", a="b")
    before = version()
    assert unit.bring("NodePort", a="b") == ""
    assert version() == before


def test_a_type_that_a_person_chose_stays(unit: Unit) -> None:
    unit.patch({"spec": {"type": "LoadBalancer"}})
    assert unit.bring(config.PLAIN_SERVICE) == ""
    assert unit.kind == "LoadBalancer"


def test_annotations_stand_beside_those_of_others_and_go(unit: Unit) -> None:
    unit.bring("LoadBalancer", **{"example.com/a": "1", "b": "2"})
    assert unit.annotations == {"juju.is/x": "theirs", "example.com/a": "1", "b": "2"}
    unit.bring("LoadBalancer", b="3")
    assert unit.annotations == {"juju.is/x": "theirs", "b": "3"}
    unit.bring(config.PLAIN_SERVICE)
    assert (unit.annotations, unit.kind) == ({"juju.is/x": "theirs"}, "ClusterIP")


def test_a_missing_right_is_named_with_the_command(unit: Unit) -> None:
    role = Role(rules=[PolicyRule(apiGroups=[""], resources=["pods"], verbs=["get"])])
    client = unit.kube.client()
    client.patch(Role, APP, role, namespace=unit.namespace, patch_type=PatchType.MERGE)
    expected = f"Missing rights in namespace {unit.namespace}, get, patch services: "
    assert unit.bring("NodePort") == f"{expected}run juju trust {APP} --scope=cluster"
    # Whoever wishes nothing is not troubled.
    assert unit.bring(config.PLAIN_SERVICE) == ""


def test_what_the_api_server_refuses_is_told_in_its_words(unit: Unit) -> None:
    said = unit.bring("NodePort", **{"not an annotation": "x"})
    assert "not an annotation" in said
    assert said.endswith(f"run juju config {APP} --reset gateway_service_type")


def run(before: testing.State) -> testing.State:
    with testing.Context(charm.AmbassadorRouteCharm, app_name=APP) as context:
        return context.run(context.on.config_changed(), before)


def state(unit: Unit, **changes: object) -> testing.State:
    login = ingress_auth.Authorizer(service="g", port=80, request_headers=("cookie",), response_headers=("x-user",))
    asked = ingress.Request(prefix="/echo", rewrite="/", service="echo", port=80)
    plain = testing.State(
        leader=True,
        model=testing.Model(name=unit.namespace),
        config={"external-url": "http://gw", "gateway_service_type": "LoadBalancer", "annotations": "a=b, c=d=e"},
        containers={testing.Container("gateway")},
        relations={
            testing.Relation("ingress", id=1, remote_app_name="echo", remote_app_data=ingress.write_request(asked)),
            testing.Relation("ingress-auth", id=2, remote_app_name="g", remote_app_data=ingress_auth.write(login)),
        },
    )
    return dataclasses.replace(plain, **changes)


def test_the_charm_brings_it_and_another_unit_does_not(unit: Unit) -> None:
    run(state(unit, leader=False))
    assert unit.kind == "ClusterIP"
    after = run(state(unit))
    assert (unit.kind, unit.annotations) == ("LoadBalancer", {"juju.is/x": "theirs", "a": "b", "c": "d=e"})
    assert after.unit_status == ops.MaintenanceStatus("Waiting for the container")
    run(dataclasses.replace(after, config={"external-url": "http://gw"}))
    assert unit.kind == "ClusterIP"


def test_the_charm_says_what_is_missing(unit: Unit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubernetes, "ACCOUNT", "/nowhere")
    after = run(state(unit))
    command = f"run juju config {APP} --reset gateway_service_type"
    assert after.unit_status == ops.BlockedStatus(f"Not in a cluster: {command}")
    unwished = run(state(unit, config={"external-url": "http://gw"}))
    assert unwished.unit_status == ops.MaintenanceStatus("Waiting for the container")
