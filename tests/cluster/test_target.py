# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Target cluster: Emissary's resources as objects of a real API server, whose definitions of them are written here."""

import collections.abc
import dataclasses
import json
import os
import pathlib
import ssl
import typing

import ambassador
import charm
import emissary
import httpx
import incluster
import kubernetes
import lightkube
import lightkube.types
import live
import loopback
import model
import ops
import peers
import pytest
import routes
import selftest
import servers
import table
import worlds
from charmkit.interfaces import ingress, ingress_auth
from lightkube import generic_resource
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.models.rbac_v1 import PolicyRule, RoleRef, Subject
from lightkube.resources.core_v1 import Namespace, Secret, ServiceAccount
from lightkube.resources.rbac_authorization_v1 import Role, RoleBinding
from ops import testing

GROUP = "getambassador.io"
APP = "ambassador-route"
TEXT, FLAG, NUMBER = {"type": "string"}, {"type": "boolean"}, {"type": "integer"}
TEXTS = {"type": "array", "items": TEXT}
ANY: dict[str, object] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
CHANGES = {"type": "object", "additionalProperties": {
    "type": "object", "required": ["value"], "properties": {"value": TEXT, "append": FLAG}
}}  # fmt: skip
# What an Emissary-ingress 4.1 says of its resources, as far as this charm uses them.
FIELDS: dict[str, tuple[list[str], dict[str, object]]] = {
    "AuthService": (["auth_service"], {
        "auth_service": TEXT, "proto": {"type": "string", "enum": ["http", "grpc"]}, "timeout_ms": NUMBER,
        "status_on_error": {"type": "object", "properties": {"code": NUMBER}}, "allowed_request_headers": TEXTS,
        "allowed_authorization_headers": TEXTS, "add_auth_headers": {"type": "object", "additionalProperties": TEXT},
    }),
    "Module": ([], {"config": ANY}),
    "Host": ([], {
        "hostname": TEXT, "tlsSecret": {"type": "object", "properties": {"name": TEXT}},
        "requestPolicy": {"type": "object", "properties": {"insecure": {"type": "object", "properties": {
            "action": {"type": "string", "enum": ["Redirect", "Reject", "Route"]}
        }}}},
    }),
    "Listener": (["port", "hostBinding"], {
        "port": {"type": "integer", "minimum": 1, "maximum": 65535}, "l7Depth": NUMBER, "hostBinding": ANY,
        "protocol": {"type": "string", "enum": ["HTTP", "HTTPS", "HTTPPROXY", "HTTPSPROXY", "TCP", "TLS", "UDP"]},
        "securityModel": {"type": "string", "enum": ["XFP", "SECURE", "INSECURE"]},
    }),
    "Mapping": (["prefix", "service"], {
        "hostname": TEXT, "prefix": TEXT, "rewrite": TEXT, "service": TEXT, "bypass_auth": FLAG, "timeout_ms": NUMBER,
        "regex_rewrite": {"type": "object", "properties": {"pattern": TEXT, "substitution": TEXT}},
        # What earlier versions used.
        "prefix_exact": FLAG,
        "grpc": FLAG, "cluster_tag": TEXT, "allow_upgrade": TEXTS,
        "regex_headers": {"type": "object", "additionalProperties": TEXT}, "remove_request_headers": TEXTS,
        "add_request_headers": CHANGES, "add_response_headers": CHANGES, "cors": ANY,
        "retry_policy": {"type": "object", "properties": {
            "retry_on": {"type": "string", "enum": ["5xx", "gateway-error", "connect-failure", "retriable-4xx"]},
            "num_retries": NUMBER,
        }},
        "circuit_breakers": {"type": "array", "items": {"type": "object", "properties": {"max_retries": NUMBER}}},
    }),
}  # fmt: skip
Definition = generic_resource.create_global_resource(
    "apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions"
)
KINDS = {
    kind: generic_resource.create_namespaced_resource(GROUP, "v3alpha1", kind, f"{kind.lower()}s") for kind in FIELDS
}
AUTH = routes.Auth(host="g.m.svc.cluster.local", port=80, request_headers=("cookie",), response_headers=("x-user",))
TLS = model.Tls(port=8443, certificate="certificate", key="key")


def route(prefix: str, application: str = "app", **changes: object) -> routes.Route:
    plain = routes.Route(
        application=application, relation=1, prefix=prefix, rewrite=prefix, host="x.m.svc.cluster.local", port=80,
        protected=True,
    )  # fmt: skip
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]


def definition(kind: str) -> object:
    required, fields = FIELDS[kind]
    spec = {"type": "object", "required": required, "properties": {"ambassador_id": TEXTS, **fields}}
    schema = {"openAPIV3Schema": {"type": "object", "required": ["spec"], "properties": {"spec": spec}}}
    plural = f"{kind.lower()}s"
    return Definition.from_dict(
        {
            "metadata": {"name": f"{plural}.{GROUP}"},
            "spec": {
                "group": GROUP,
                "scope": "Namespaced",
                "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
                "versions": [{"name": "v3alpha1", "served": True, "storage": True, "schema": schema}],
            },
        }
    )


@dataclasses.dataclass
class World:
    """A namespace with a service account, and who looks at it."""

    kube: typing.Any
    namespace: str

    @property
    def admin(self) -> lightkube.Client:
        return self.kube.client()

    def grant(self, *rules: PolicyRule) -> None:
        """Give the account these rights and no others."""
        meta = ObjectMeta(name="gateway", namespace=self.namespace)
        self.admin.apply(Role(metadata=meta, rules=list(rules)), field_manager="tests", force=True)
        account = Subject(kind="ServiceAccount", name="gateway", namespace=self.namespace)
        role = RoleRef(apiGroup="rbac.authorization.k8s.io", kind="Role", name="gateway")
        binding = RoleBinding(metadata=meta, roleRef=role, subjects=[account])
        self.admin.apply(binding, field_manager="tests", force=True)

    def trust(self) -> None:
        self.grant(PolicyRule(apiGroups=["*"], resources=["*"], verbs=["*"]))

    def objects(self) -> incluster.Objects:
        client = self.kube.client(f"{self.namespace}/gateway", field_manager=APP)
        return incluster.Objects(client, self.namespace, APP)

    def found(self, kind: str) -> dict[str, typing.Any]:
        resource: typing.Any = KINDS.get(kind, Secret)
        return {one.metadata.name: one for one in self.admin.list(resource, namespace=self.namespace)}

    def versions(self) -> dict[str, str]:
        """Return when each object was written last, in the order of the API server."""
        return {
            f"{kind}/{name}": one.metadata.resourceVersion
            for kind in (*KINDS, "Secret") for name, one in self.found(kind).items()
        }  # fmt: skip


def resources(namespace: str, **changes: object) -> list[dict[str, typing.Any]]:
    table = (route("/a"), route("/dex", "dex", protected=False))
    plain = model.Gateway(
        name=APP, namespace=namespace, port=8080, table=table, auth=AUTH, tls=TLS, hsts=5, emissary_id="default",
        cors_origins=("https://a.example",),
    )  # fmt: skip
    return emissary.resources(dataclasses.replace(plain, **changes))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def defined(kube: typing.Any) -> typing.Any:
    """The API server, once it knows Emissary's resources."""
    admin = kube.client()
    for kind in FIELDS:
        admin.apply(definition(kind), field_manager="tests")

    def served() -> bool:
        try:
            return all(list(admin.list(kind, namespace="default")) == [] for kind in KINDS.values())
        except lightkube.ApiError:
            return False

    live.wait(served, hint="the definitions are served")
    return kube


@pytest.fixture
def world(defined: typing.Any, request: pytest.FixtureRequest) -> World:
    namespace = f"target-{abs(hash(request.node.name)) % 10**8}"
    admin = defined.client()
    admin.create(Namespace(metadata=ObjectMeta(name=namespace)))
    admin.create(ServiceAccount(metadata=ObjectMeta(name="gateway", namespace=namespace)))
    return World(defined, namespace)


def test_every_resource_is_accepted_and_says_what_the_file_would_say(world: World) -> None:
    world.trust()
    wanted = resources(world.namespace)
    world.objects().bring(wanted)
    assert len(world.versions()) == len(wanted)
    for resource in wanted:
        one = world.found(resource["kind"])[resource["metadata"]["name"]]
        assert one.metadata.labels == {incluster.LABEL: APP}
        assert {entry.manager for entry in one.metadata.managedFields} == {APP}
        if resource["kind"] != "Secret":
            assert one.spec == resource["spec"]
            assert one.spec["ambassador_id"] == ["default"]


def test_bringing_it_twice_changes_nothing(world: World) -> None:
    world.trust()
    world.objects().bring(resources(world.namespace))
    before = world.versions()
    world.objects().bring(resources(world.namespace))
    assert world.versions() == before


def test_the_authorizer_is_there_before_anything_is_routed(world: World) -> None:
    world.trust()
    world.objects().bring(resources(world.namespace))
    order = [name.split("/")[0] for name, _ in sorted(world.versions().items(), key=lambda one: int(one[1]))]
    assert list(dict.fromkeys(order)) == ["AuthService", "Module", "Secret", "Host", "Listener", "Mapping"]


def test_the_authorizer_goes_last_and_only_ours_goes(world: World) -> None:
    world.trust()
    objects = world.objects()
    objects.bring(resources(world.namespace))
    theirs: typing.Any = KINDS["Mapping"].from_dict({
        "metadata": {"name": "theirs", "namespace": world.namespace}, "spec": {"prefix": "/t/", "service": "t"}
    })  # fmt: skip
    world.admin.create(theirs)
    since = max(world.versions().values(), key=int)
    objects.clear()
    assert set(world.versions()) == {"Mapping/theirs"}
    gone = history(world, since, *KINDS)
    assert {what for what, *_ in gone} == {"DELETED"}
    assert list(dict.fromkeys(kind for _, kind, _ in gone)) == ["Mapping", "Listener", "Host", "Module", "AuthService"]


def history(world: World, since: str, *kinds: str) -> list[tuple[str, str, str]]:
    """Return what happened since a version, in that order: ADDED, MODIFIED or DELETED, kind and name."""
    token = json.loads(world.kube.kubeconfig.read_text())["users"][0]["user"]["token"]
    found: list[tuple[int, str, str, str]] = []
    for kind in kinds:
        answer = httpx.get(
            f"{world.kube.url}/apis/{GROUP}/v3alpha1/namespaces/{world.namespace}/{kind.lower()}s",
            params={"watch": "true", "resourceVersion": since, "timeoutSeconds": "1"},
            headers={"Authorization": f"Bearer {token}"},
            verify=ssl.create_default_context(cafile=str(world.kube.ca)),
            trust_env=False,
        )
        for event in map(json.loads, answer.text.splitlines()):
            metadata = event["object"]["metadata"]
            found.append((int(metadata["resourceVersion"]), event["type"], kind, metadata["name"]))
    return [what for _, *what in sorted(found)]  # type: ignore[misc]


def test_without_an_authorizer_protected_paths_lead_nowhere_and_ask_nobody(world: World) -> None:
    world.trust()
    world.objects().bring(resources(world.namespace))
    world.objects().bring(resources(world.namespace, auth=None, refusal="closed"))
    (authorizer,) = world.found("AuthService").values()
    assert authorizer.spec["auth_service"] == "127.0.0.1:1"
    services = {one.spec["prefix"]: one.spec["service"] for one in world.found("Mapping").values()}
    assert services == {"/a": "127.0.0.1:1", "/dex": "x.m.svc.cluster.local:80"}


def test_a_path_that_changes_hands_is_never_in_two(world: World) -> None:
    """Emissary shares the requests of a path between all Mappings of it, also between an open and a closed one."""
    world.trust()
    world.objects().bring(resources(world.namespace, table=(route("/a", "old", protected=False),)))
    since = max(world.versions().values(), key=int)
    world.objects().bring(resources(world.namespace, table=(route("/a", "new"),)))
    happened = [(what, name.split("-")[0]) for what, _, name in history(world, since, "Mapping")]
    assert list(dict.fromkeys(happened)) == [("DELETED", "old"), ("ADDED", "new")]


def test_what_an_older_version_wrote_goes_with_its_last_field(world: World) -> None:
    """It had three Mappings for a route, and other prefixes in them."""
    world.trust()
    wanted = resources(world.namespace)
    (mapping,) = [one for one in wanted if one["metadata"]["name"] == "app-1"]
    written: list[dict[str, typing.Any]] = []
    for name, prefix, exact in (("app-1", "/a/", False), ("app-1-exact", "/a", True), ("app-1-grpc", "/a/", False)):
        spec = {name: value for name, value in mapping["spec"].items() if name != "regex_headers"}
        spec |= {"prefix": prefix, "prefix_exact": exact, "rewrite": ""}
        written.append({**mapping, "metadata": {**mapping["metadata"], "name": name}, "spec": spec})
    world.objects().bring([one for one in wanted if one["kind"] != "Mapping"] + written)
    assert set(world.found("Mapping")) == {"app-1", "app-1-exact", "app-1-grpc"}
    world.objects().bring(wanted)
    found = world.found("Mapping")
    assert set(found) == {"app-1", "dex-1"}
    assert found["app-1"].spec == mapping["spec"]


def test_what_somebody_changed_by_hand_is_put_back(world: World) -> None:
    world.trust()
    world.objects().bring(resources(world.namespace))
    opened = {"spec": {"bypass_auth": True}}
    world.admin.patch(
        KINDS["Mapping"], "app-1", opened, namespace=world.namespace, patch_type=lightkube.types.PatchType.MERGE
    )
    assert world.found("Mapping")["app-1"].spec["bypass_auth"] is True
    world.objects().bring(resources(world.namespace))
    assert world.found("Mapping")["app-1"].spec["bypass_auth"] is False


def test_missing_rights_are_named_exactly(world: World) -> None:
    kinds = ["authservices", "hosts", "listeners", "mappings", "modules"]
    world.grant(
        PolicyRule(apiGroups=[GROUP], resources=kinds, verbs=["get", "list", "create", "patch", "delete"]),
        PolicyRule(apiGroups=[""], resources=["secrets"], verbs=["get", "list"]),
    )
    with pytest.raises(kubernetes.NotPossibleError) as caught:
        world.objects().bring(resources(world.namespace))
    assert str(caught.value) == (
        f"Missing rights in namespace {world.namespace}, create, patch, delete secrets: "
        f"run juju trust {APP} --scope=cluster"
    )
    assert world.versions() == {}


def test_without_any_right_all_are_named_and_nothing_is_removed(world: World) -> None:
    with pytest.raises(kubernetes.NotPossibleError) as caught:
        world.objects().bring(resources(world.namespace))
    for kind in FIELDS:
        assert f"{kind.lower()}s.{GROUP}" in str(caught.value)
    assert "get, list, create, patch, delete" in str(caught.value)
    world.objects().clear()


def test_what_the_api_server_refuses_is_told_in_its_words(world: World) -> None:
    world.trust()
    with pytest.raises(kubernetes.NotPossibleError, match=r"refused.*spec\.port"):
        world.objects().bring(resources(world.namespace, port=70000))


# The whole charm.


@pytest.fixture
def unit(world: World, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> collections.abc.Iterator[World]:
    """A namespace whose service account's token is where Kubernetes puts it into the charm's container."""
    (tmp_path / "token").write_text(world.kube.token(world.namespace, "gateway"))
    (tmp_path / "ca.crt").write_bytes(world.kube.ca.read_bytes())
    (tmp_path / "namespace").write_text(world.namespace)
    monkeypatch.setattr(kubernetes, "ACCOUNT", str(tmp_path))
    host, _, port = world.kube.url.removeprefix("https://").partition(":")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", port)
    yield world


CONFIG = {
    "engine": "emissary", "target": "cluster", "external-url": "http://gw", "ambassador-address": "http://127.0.0.1:9"
}  # fmt: skip


def state(world: World, **changes: object) -> testing.State:
    login = ingress_auth.Authorizer(service="g", port=80, request_headers=("cookie",), response_headers=("x-user",))
    asked = ingress.Request(prefix="/echo", rewrite="/", service="echo", port=80)
    plain = testing.State(
        leader=True,
        planned_units=1,
        model=testing.Model(name=world.namespace),
        config=CONFIG,
        containers={testing.Container("gateway", can_connect=True)},
        relations={
            testing.Relation("ingress", id=1, remote_app_name="echo", remote_app_data=ingress.write_request(asked)),
            testing.Relation("ingress-auth", id=2, remote_app_name="g", remote_app_data=ingress_auth.write(login)),
        },
    )
    return dataclasses.replace(plain, **changes)


def run(event: str, before: testing.State) -> testing.State:
    with testing.Context(charm.AmbassadorRouteCharm) as context:
        return context.run(getattr(context.on, event)(), before)


def test_the_charm_says_what_is_missing_until_it_is_trusted(unit: World) -> None:
    before = run("config_changed", state(unit))
    assert isinstance(before.unit_status, ops.BlockedStatus)
    assert f"run juju trust {APP} --scope=cluster" in before.unit_status.message
    unit.trust()
    after = run("update_status", before)
    assert after.unit_status == ops.ActiveStatus("Serving http://gw")
    assert set(unit.found("Mapping")) == {"echo-1"}


def test_only_the_leader_writes(unit: World) -> None:
    unit.trust()
    assert run("config_changed", state(unit, leader=False)).unit_status == ops.ActiveStatus("Serving http://gw")
    assert unit.versions() == {}


@pytest.mark.parametrize("how", ["removed", "scaled", "back"])
def test_resources_go_with_the_application_and_with_the_option(unit: World, how: str) -> None:
    unit.trust()
    before = run("config_changed", state(unit))
    assert unit.found("AuthService")
    if how == "back":
        run("config_changed", dataclasses.replace(before, config={"engine": "emissary", "external-url": "http://gw"}))
    else:
        run("remove", dataclasses.replace(before, planned_units=0 if how == "removed" else 2))
    assert bool(unit.versions()) == (how == "scaled")


# What serves elsewhere, as far as this charm can see it: a gateway that knows some of its routes.


@pytest.fixture
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> collections.abc.Iterator[worlds.World]:
    with worlds.World.running(tmp_path_factory.mktemp("elsewhere")) as running:
        running.write(table=(running.route("/protected"), running.route("/dex", protected=False)))
        live.wait(lambda: running.get("/tool").status == 404, hint="its routes are taken")
        yield running


def far(world: World, elsewhere: worlds.World, **changes: object) -> testing.State:
    """Return the charm's state when its gateway is that one, which does not know one of its routes."""
    known, unknown = (
        ingress.Request(prefix=prefix, rewrite="/", service="echo", port=80) for prefix in ("/protected", "/unknown")
    )
    relations = [relation for relation in state(world).relations if relation.endpoint == "ingress-auth"]
    relations += [
        testing.Relation("ingress", id=number, remote_app_name=name, remote_app_data=ingress.write_request(request))
        for number, name, request in ((5, "known", known), (6, "unknown", unknown))
    ]
    options = {
        **CONFIG, "external-url": "http://gateway.test", "ambassador-address": f"http://127.0.0.1:{elsewhere.port}"
    }  # fmt: skip
    return state(world, relations=set(relations), config=options, **changes)


def test_routes_are_shown_as_the_gateway_elsewhere_serves_them(unit: World, elsewhere: worlds.World) -> None:
    with testing.Context(charm.AmbassadorRouteCharm) as context:
        context.run(context.on.action("show-routes"), far(unit, elsewhere))
        assert context.action_results
        rows = [line.split() for line in str(context.action_results["routes"]).splitlines()[1:]]
    assert [row[:5] for row in rows] == [
        ["/protected", "known", "needed", "302", "login"],
        ["/unknown", "unknown", "needed", "404", "no"],
    ]


def test_a_login_is_traced_through_the_gateway_elsewhere(unit: World, elsewhere: worlds.World) -> None:
    with testing.Context(charm.AmbassadorRouteCharm) as context:
        with pytest.raises(testing.ActionFailed, match=r"^callback: .*juju integrate"):
            context.run(context.on.action("trace-login"), far(unit, elsewhere))
        assert context.action_results
        hops = [line.split()[:3] for line in str(context.action_results["trace"]).splitlines()]
    assert hops == [
        ["gateway", "302", "/protected"],
        ["gatekeeper", "302", "/protected"],
        ["dex", "200", "/dex/auth"],
        ["callback", "404", "/authservice/oidc/callback"],
    ]
    assert {seen.one("host") for seen in elsewhere.authorizer.seen if seen.path == "/protected"} >= {"gateway.test"}


def test_a_gateway_elsewhere_that_lets_everybody_in_is_found_out(unit: World, elsewhere: worlds.World) -> None:
    unit.trust()
    after = run("config_changed", far(unit, elsewhere))
    assert after.unit_status == ops.ActiveStatus("Serving http://gateway.test")
    elsewhere.authorizer.answer = lambda _: servers.Reply()
    after = run("update_status", after)
    assert isinstance(after.unit_status, ops.BlockedStatus)
    assert after.unit_status.message.startswith("/protected lets everybody in without a login")


def test_a_gateway_elsewhere_may_take_a_moment_to_close(unit: World, elsewhere: worlds.World) -> None:
    unit.trust()
    lenient = iter([True, True, True])

    def late(seen: servers.Seen) -> servers.Reply:
        return servers.Reply() if next(lenient, False) else worlds.decide(seen)

    elsewhere.authorizer.answer = late
    after = run("config_changed", far(unit, elsewhere))
    assert after.unit_status == ops.ActiveStatus("Serving http://gateway.test")
    assert next(lenient, None) is None


# A real Emissary, that finds the resources in the cluster.


@pytest.fixture
def found_by_emissary(
    defined: typing.Any, tmp_path_factory: pytest.TempPathFactory
) -> collections.abc.Iterator[tuple[World, int]]:
    """A namespace that an Emissary with the id `default` watches, and the port on which it will be told to listen."""
    if "EMISSARY" not in os.environ:
        pytest.skip("EMISSARY names no directory with busyambassador, diagd and envoy")
    source = pathlib.Path(os.environ["EMISSARY"]).resolve()
    with ambassador.running(tmp_path_factory.mktemp("found"), source, defined, "found") as container:
        world = World(defined, "found")
        # What the chart of Emissary gives it.
        world.grant(
            PolicyRule(apiGroups=[GROUP], resources=["*"], verbs=["get", "list", "watch"]),
            PolicyRule(apiGroups=[""], resources=["services", "secrets"], verbs=["get", "list", "watch"]),
        )
        gateway = model.Gateway(name=APP, namespace="found", port=live.free_port(), emissary_id="default")
        layer: typing.Any = emissary.configure(gateway).layer
        container.add_layer("emissary", {"services": layer["services"]})
        container.replan()
        yield world, gateway.port


def test_an_emissary_of_the_cluster_serves_what_is_written(found_by_emissary: tuple[World, int]) -> None:
    world, port = found_by_emissary
    authorizer, application = peers.Authorizer(("127.0.0.1", 0)), peers.Application(("127.0.0.1", 0))
    here = {"host": "127.0.0.1", "port": application.address[1]}
    auth = dataclasses.replace(AUTH, host="127.0.0.1", port=authorizer.address[1])
    both = (route("/closed", **here), route("/open", "open", protected=False, **here))
    gateway = model.Gateway(name=APP, namespace="found", port=port, table=both, auth=auth, emissary_id="default")
    objects = incluster.Objects(world.kube.client(field_manager=APP), world.namespace, APP)
    ask = loopback.client(f"http://127.0.0.1:{port}", gateway)
    try:
        objects.bring(emissary.resources(gateway))
        live.wait(lambda: ask("/open").status == 200, seconds=60, hint="it is served")
        assert ask("/closed").status == 302
        assert selftest.elsewhere(f"http://127.0.0.1:{port}", gateway) == ""
        assert [row.split()[3:5] for row in table_of(gateway, ask)] == [["302", "login"], ["200", "127.0.0.1:"]]
        closed = dataclasses.replace(gateway, auth=None, refusal="run juju integrate")
        objects.bring(emissary.resources(closed))
        # The page is the listener's, which Emissary changes last.
        live.wait(lambda: "run juju integrate" in ask("/closed").text, seconds=20, hint="it says what to type")
        assert ask("/closed").status == 503
        assert ask("/open").status == 200
        opened = dataclasses.replace(gateway, auth=None, everybody=True)
        objects.bring(emissary.resources(opened))
        live.wait(lambda: ask("/closed").status == 200, seconds=20, hint="it is open")
        assert selftest.elsewhere(f"http://127.0.0.1:{port}", gateway) == "/closed lets everybody in without a login"
        objects.clear()
        live.wait(lambda: ask("/open").status == 0, seconds=20, hint="nothing is served")
    finally:
        authorizer.close()
        application.close()


def table_of(gateway: model.Gateway, ask: loopback.Ask) -> list[str]:
    """Return the rows of show-routes."""
    shown = table.show(gateway, ask, lambda *_: "up")
    return [line.replace(f"127.0.0.1:{gateway.table[0].port}", "127.0.0.1:") for line in shown.splitlines()[1:]]
