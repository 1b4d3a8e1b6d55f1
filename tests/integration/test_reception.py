# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""First logins on a real Juju: a namespace for everybody, and nothing that Juju does later takes it away."""

import collections.abc
import contextlib
import json
import pathlib
import secrets
import time

import deployed
import httpx
import jubilant
import lightkube
import live
import pytest
import receptions
from lightkube import types
from lightkube.resources.core_v1 import Namespace, ServiceAccount
from lightkube.resources.rbac_authorization_v1 import RoleBinding

# Seconds: a namespace is there within two, but a machine may have little time.
_PATIENCE = 300
# New in every run, also in a model that an earlier one left.
_USER = f"new.{secrets.token_hex(4)}@example.com"


@pytest.fixture(scope="module")
def cluster_wide(model: deployed.Deployed) -> collections.abc.Iterator[lightkube.Client]:
    """The cluster, from which every profile of this module's models goes at the end."""
    yield model.kube
    for found in list(model.kube.list(receptions.Profile)):
        assert found.metadata and found.metadata.name
        if found.metadata.name.startswith(_prefix(model)):
            # No controller is left that would do it.
            free = {"metadata": {"finalizers": None}}
            model.kube.patch(receptions.Profile, found.metadata.name, free, patch_type=types.PatchType.MERGE)
            model.kube.delete(receptions.Profile, found.metadata.name)


@pytest.fixture(scope="module")
def bundle(
    request: pytest.FixtureRequest,
    model: deployed.Deployed,
    cluster_wide: lightkube.Client,
    everything: dict[str, dict],
    scratch: pathlib.Path,
) -> deployed.Deployed:
    """The whole bundle with the names of profiles of its own, as others may be in this cluster."""
    own = {"options": {"profile-prefix": _prefix(model)}}
    if not request.config.getoption("--no-juju-setup"):
        model.deploy(everything | {"reception": everything["reception"] | own}, scratch)
    return model


def _prefix(model: deployed.Deployed) -> str:
    """Return how profiles begin; names of temporary models are longer than that may be, and differ before this."""
    return model.namespace[:17].rstrip("-")


def _name(bundle: deployed.Deployed, user: str) -> str:
    return f"{_prefix(bundle)}-{user.replace('@', '-').replace('.', '-')}"


def _password(bundle: deployed.Deployed, user: str) -> str:
    return bundle.juju.run("dex-auth/leader", "add-user", {"email": user}, wait=300).results["password"]


def _enter(bundle: deployed.Deployed, user: str, password: str) -> tuple[httpx.Client, list[str]]:
    """Log in, wait as a browser does, and return the client and the paths that it was led over."""
    client, page = bundle.login(user, password, path="/deep/page?x=1")
    passed = [str(one.url.path) for one in (*page.history, page)]

    def arrived() -> bool:
        nonlocal page
        if page.url.path.startswith("/reception"):
            time.sleep(1)
            page = client.get(page.url)
        return page.url.raw_path == b"/deep/page?x=1"

    live.wait(arrived, seconds=_PATIENCE, hint="the page first asked for")
    assert page.status_code == 200, page.text
    assert deployed.asked(page)["kubeflow-userid"] == [user]
    return client, passed


def _made(kube: lightkube.Client, name: str) -> list:
    """Return everything that stands for a profile."""
    found = [kube.get(receptions.Profile, name), kube.get(Namespace, name)]
    found += [kube.get(ServiceAccount, one, namespace=name) for one in ("default-editor", "default-viewer")]
    return [*found, *kube.list(RoleBinding, namespace=name)]


def _belongs_to(kube: lightkube.Client, name: str, user: str) -> None:
    assert kube.get(receptions.Profile, name).spec["owner"]["name"] == user
    namespace = kube.get(Namespace, name)
    assert (namespace.status.phase, namespace.metadata.annotations["owner"]) == ("Active", user)
    assert receptions.bindings(kube, name)["namespaceAdmin"] == (user, "kubeflow-admin")


def test_a_first_login_makes_a_namespace_and_the_next_goes_straight(bundle: deployed.Deployed):
    password = _password(bundle, _USER)
    client, passed = _enter(bundle, _USER, password)
    client.close()
    assert "/reception" in passed
    _belongs_to(bundle.kube, _name(bundle, _USER), _USER)
    client, passed = _enter(bundle, _USER, password)
    client.close()
    assert passed[-1] == "/deep/page", "who has a profile waits for nothing"


def test_juju_takes_nothing_of_a_profile_for_its_own(bundle: deployed.Deployed):
    """What Juju labels as a model's goes with the model, unless it is marked as what stays."""
    profile, *others = _made(bundle.kube, _name(bundle, _USER))
    assert profile.metadata.labels["juju-resource-lifecycle"] == "persistent"
    for found in others:
        assert not [key for key in found.metadata.labels or {} if "juju.is" in key], found
        assert {one.kind for one in found.metadata.ownerReferences or []} <= {"Profile"}


def test_the_rights_one_by_one_are_enough(bundle: deployed.Deployed):
    """As docs/profiles.md has them, in place of trust."""
    bundle.juju.cli("trust", "reception", "--remove", "--scope=cluster")
    receptions.apply(bundle.kube, receptions.access(bundle.namespace))
    user = f"second.{secrets.token_hex(4)}@example.com"
    bundle.settle()
    client, _ = _enter(bundle, user, _password(bundle, user))
    client.close()
    _belongs_to(bundle.kube, _name(bundle, user), user)


def test_a_namespace_stays_when_the_reception_goes_and_is_found_again(
    bundle: deployed.Deployed, everything: dict[str, dict]
):
    name, credentials = _name(bundle, _USER), bundle.credentials()
    session, _ = bundle.login(*credentials)
    bundle.juju.cli("remove-application", "reception", "--no-prompt")
    bundle.juju.wait(lambda status: "reception" not in status.apps, timeout=deployed.PATIENCE)
    bundle.settle()
    _belongs_to(bundle.kube, name, _USER)
    with contextlib.closing(session):
        bundle.answers(session, 200)
    bundle.logs_in(*credentials)

    _deploy(bundle.juju, everything["reception"], _prefix(bundle))
    bundle.join("reception:ingress", "ambassador-route:ingress")
    bundle.join("reception:first-login", "gatekeeper:first-login")
    bundle.settle()
    found = json.loads(bundle.juju.run("reception/leader", "list-profiles", wait=_PATIENCE).results["profiles"])
    assert name in [one["name"] for one in found]
    _belongs_to(bundle.kube, name, _USER)


def test_a_namespace_stays_when_the_model_goes(bundle: deployed.Deployed, everything: dict[str, dict]):
    user, name = "doomed@example.com", _name(bundle, "doomed@example.com")
    with jubilant.temp_model() as juju:
        _deploy(juju, everything["reception"], _prefix(bundle))
        juju.wait(lambda status: "integrate" in status.apps["reception"].app_status.message, timeout=deployed.PATIENCE)
        juju.run("reception/0", "create-profile", {"user": user}, wait=_PATIENCE)
        live.wait(lambda: "namespaceAdmin" in receptions.bindings(bundle.kube, name), seconds=_PATIENCE, hint=name)
    _belongs_to(bundle.kube, name, user)


def _deploy(juju: jubilant.Juju, spec: dict, prefix: str) -> None:
    options = {"profile-prefix": prefix}
    juju.deploy(spec["charm"], "reception", resources=spec["resources"], config=options, trust=True)
