# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""A deployed charm, and what can be seen of it."""

import dataclasses
import json
import pathlib

import charm
import ops
import yaml
from charmkit.interfaces import ingress
from ops import testing

Context = testing.Context[charm.DexCharm]
GATEWAY = "http://192.0.2.1:8080"
PEERS = testing.PeerRelation("peers", id=1)
INGRESS = testing.Relation(
    "ingress", id=2, remote_app_name="gateway", remote_app_data=ingress.write_gateway(external_url=GATEWAY)
)
# What Charmed Kubeflow's oidc-gatekeeper writes, to the letter.
CLIENT_BAG = {
    "_supported_versions": "- v1\n",
    "data": "id: authservice-oidc\nname: Ambassador Auth OIDC\n"
    "redirectURIs:\n- /authservice/oidc/callback\nsecret: PLAIN7\n",
}
CLIENT = testing.Relation("oidc-client", id=3, remote_app_name="oidc-gatekeeper", remote_app_data=CLIENT_BAG)
CONFIG = testing.Relation("dex-oidc-config", id=4, remote_app_name="gatekeeper")
LDAP = json.dumps(
    [
        {
            "id": "ldap",
            "name": "L",
            "type": "ldap",
            "config": {"host": "h", "userSearch": {"baseDN": "b", "username": "u"}},
        }
    ]
)


def context(*, storage: bool = True) -> Context:
    """Return what runs the charm, or the one that `tools/pack --without-storage` makes of it."""
    if storage:
        return testing.Context(charm.DexCharm, app_name="dex-auth")
    project = yaml.safe_load((pathlib.Path(charm.__file__).parents[1] / "charmcraft.yaml").read_text())
    del project["storage"], project["containers"]["dex"]["mounts"]
    parts = {"config": project.pop("config"), "actions": project.pop("actions")}
    return testing.Context(charm.DexCharm, app_name="dex-auth", meta=project, **parts)


def deployed(home: pathlib.Path) -> testing.State:
    """Return what Juju knows when every relation is made, and the volume is there."""
    return testing.State(
        leader=True,
        containers=[container(home)],
        relations=[PEERS, INGRESS, CLIENT, CONFIG],
        model=testing.Model("kubeflow"),
        storages=[testing.Storage("state")],
    )


def container(home: pathlib.Path, *, code: int = 0, stdout: str = "") -> testing.Container:
    volume = home.with_name(f"{home.name}-volume")
    volume.mkdir(exist_ok=True)
    return testing.Container(
        "dex",
        can_connect=True,
        mounts={
            "home": testing.Mount(location="/tmp/dex", source=home),
            "state": testing.Mount(location="/var/lib/dex", source=volume),
        },
        execs={testing.Exec(["/usr/local/bin/dex"], return_code=code, stdout=stdout)},
    )


def without_volume(state: testing.State) -> testing.State:
    """Return the state with a pod that has no volume, which Juju may know nevertheless."""
    changed = state.get_container("dex")
    mounts = {name: mount for name, mount in changed.mounts.items() if name != "state"}
    return dataclasses.replace(state, containers=[dataclasses.replace(changed, mounts=mounts)])


def with_dex(state: testing.State, version: str) -> testing.State:
    """Return the state with another Dex in the image."""
    binary = "/usr/local/bin/dex"
    execs = {testing.Exec([binary]), testing.Exec([binary, "version"], stdout=f"Dex Version: v{version}\n")}
    changed = dataclasses.replace(state.get_container("dex"), execs=execs)
    return dataclasses.replace(state, containers=[changed])


def run(ctx: Context, state: testing.State, **options: object) -> testing.State:
    config = {name.replace("_", "-"): value for name, value in options.items()}
    return ctx.run(ctx.on.config_changed(), dataclasses.replace(state, config=config or state.config))


def without(state: testing.State, *endpoints: str) -> testing.State:
    kept = [relation for relation in state.relations if relation.endpoint not in endpoints]
    return dataclasses.replace(state, relations=frozenset(kept))


def with_relation(state: testing.State, relation: testing.RelationBase) -> testing.State:
    others = [other for other in state.relations if other.id != relation.id]
    return dataclasses.replace(state, relations=frozenset([*others, relation]))


def dex(ctx: Context, state: testing.State) -> dict:
    return yaml.safe_load((state.get_container("dex").get_filesystem(ctx) / "tmp/dex/config.yaml").read_text())


def kept(state: testing.State) -> dict[str, str]:
    (secret,) = [secret for secret in state.secrets if secret.label == "state"]
    return dict(secret.latest_content or {})


def runs(state: testing.State) -> bool:
    return state.get_container("dex").service_statuses.get("dex") == ops.pebble.ServiceStatus.ACTIVE
