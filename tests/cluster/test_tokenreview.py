# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Tokens of service accounts at a real API server: with the rights of docs/token-review.yaml, and without them."""

import collections.abc
import json
import pathlib
import sys
import time

import cluster
import httpx
import live
import pytest
from lightkube import codecs
from lightkube.models.authorization_v1 import ResourceAttributes, SelfSubjectAccessReviewSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.authorization_v1 import SelfSubjectAccessReview
from lightkube.resources.core_v1 import Namespace, ServiceAccount
from lightkube.resources.rbac_authorization_v1 import ClusterRoleBinding

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "workloads" / "gatekeeper" / "tests"))

import gatekeeper_support as support  # noqa: E402

MODEL = "tokenreview"
NAME = "gatekeeper-token-review"


@pytest.fixture(scope="module")
def rights(kube: cluster.Cluster) -> collections.abc.Callable[[], None]:
    """Make the model, its people, and the gatekeeper's own account; return what gives it its rights."""
    admin = kube.client()
    admin.create(Namespace(metadata=ObjectMeta(name=MODEL)))
    for name in ("gatekeeper", "pipeline-runner"):
        admin.create(ServiceAccount(metadata=ObjectMeta(name=name, namespace=MODEL)))

    def give() -> None:
        text = (ROOT / "docs" / "token-review.yaml").read_text().replace("namespace: kubeflow", f"namespace: {MODEL}")
        for resource in codecs.load_all_yaml(text):
            admin.apply(resource, field_manager="tests")

    return give


@pytest.fixture
def service(
    kube: cluster.Cluster, rights: collections.abc.Callable[[], None], tmp_path: pathlib.Path
) -> collections.abc.Iterator[support.Running]:
    rights()
    token = tmp_path / "token"
    token.touch(0o600)
    token.write_text(kube.token(MODEL, "gatekeeper"))
    place = {"url": kube.url, "ca_file": str(kube.ca), "token_file": str(token), "audiences": ["kubeflow"]}
    made = support.Running(
        tmp_path / "service", issuer="http://127.0.0.1:1/dex", kubernetes=place, authenticators=["kubernetes"]
    )
    yield made
    assert made.stop() == 0


def ask(service: support.Running, token: str) -> httpx.Response:
    return httpx.get(f"{service.url}/x", headers={"authorization": f"Bearer {token}"}, trust_env=False, timeout=20)


def health(service: support.Running) -> int:
    return httpx.get(f"{service.management}/kubernetes", trust_env=False).status_code


def test_a_service_account_is_let_in_by_the_least_rights(kube: cluster.Cluster, service: support.Running):
    given = ask(service, kube.token(MODEL, "pipeline-runner", "kubeflow"))
    assert (given.status_code, given.text) == (200, "")
    assert given.headers["kubeflow-userid"] == f"system:serviceaccount:{MODEL}:pipeline-runner"
    assert f"system:serviceaccounts:{MODEL}" in given.headers["kubeflow-groups"].split(",")
    assert health(service) == 200


def test_the_rights_are_the_least(kube: cluster.Cluster, service: support.Running):
    """Nothing but making TokenReviews: not what system:auth-delegator allows beside it, and nothing of a model."""
    client = kube.client(f"{MODEL}/gatekeeper")

    def may(verb: str, group: str, resource: str) -> bool:
        what = ResourceAttributes(verb=verb, group=group, resource=resource, namespace=MODEL)
        asked = client.create(SelfSubjectAccessReview(spec=SelfSubjectAccessReviewSpec(resourceAttributes=what)))
        assert asked.status
        return asked.status.allowed

    assert may("create", "authentication.k8s.io", "tokenreviews")
    for verb, group, resource in (
        ("create", "authorization.k8s.io", "subjectaccessreviews"),
        ("get", "", "secrets"),
        ("list", "", "pods"),
        ("create", "", "serviceaccounts/token"),
        ("impersonate", "", "users"),
    ):
        assert not may(verb, group, resource), resource


def test_tokens_for_others_are_refused(kube: cluster.Cluster, service: support.Running):
    assert ask(service, kube.token(MODEL, "pipeline-runner")).status_code == 401
    assert ask(service, kube.token(MODEL, "pipeline-runner", "another")).status_code == 401


def test_a_forged_token_is_refused(kube: cluster.Cluster, service: support.Running):
    head, claims, signature = kube.token(MODEL, "pipeline-runner", "kubeflow").split(".")
    forged = signature[:20] + ("A" if signature[20] != "A" else "B") + signature[21:]
    assert ask(service, f"{head}.{claims}.{forged}").status_code == 401
    assert health(service) == 200


def test_a_token_of_an_account_that_is_deleted_ends_within_a_minute(kube: cluster.Cluster, service: support.Running):
    admin = kube.client()
    admin.create(ServiceAccount(metadata=ObjectMeta(name="brief", namespace=MODEL)))
    token, other = (kube.token(MODEL, "brief", "kubeflow", seconds) for seconds in (3600, 3601))
    assert ask(service, token).status_code == 200
    admin.delete(ServiceAccount, "brief", namespace=MODEL)
    # One that was not asked about yet has no minute.
    live.wait(lambda: ask(service, other).status_code == 401, hint="the API server knows that the account is gone")
    time.sleep(61)
    assert ask(service, token).status_code == 401


def test_missing_rights_are_said_and_mended_without_a_restart(
    kube: cluster.Cluster, service: support.Running, rights: collections.abc.Callable[[], None]
):
    kube.client().delete(ClusterRoleBinding, NAME)
    token = kube.token(MODEL, "pipeline-runner", "kubeflow", 3602)
    live.wait(lambda: ask(service, token).status_code == 503, hint="the API server knows that the rights are gone")
    given = ask(service, token)
    assert given.headers["retry-after"] == "5"
    assert health(service) == 503
    assert "not allowed to review tokens (403)" in json.dumps(service.log())
    rights()
    live.wait(lambda: ask(service, token).status_code == 200, hint="the rights count")
    assert health(service) == 200


def test_an_outage_is_said_and_what_is_known_goes_on(kube: cluster.Cluster, service: support.Running):
    known = kube.token(MODEL, "pipeline-runner", "kubeflow", 3603)
    new = kube.token(MODEL, "pipeline-runner", "kubeflow", 3604)
    assert ask(service, known).status_code == 200
    kube.stop()
    try:
        assert ask(service, known).status_code == 200
        assert ask(service, new).status_code == 503
        assert health(service) == 503
    finally:
        kube.start()
    live.wait(lambda: ask(service, new).status_code == 200, hint="the API server is asked again")


def test_the_manifest_names_nothing_beside():
    role, binding = codecs.load_all_yaml((ROOT / "docs" / "token-review.yaml").read_text())
    assert [(rule.apiGroups, rule.resources, rule.verbs) for rule in role.rules] == [
        (["authentication.k8s.io"], ["tokenreviews"], ["create"])
    ]
    assert [(each.kind, each.name, each.namespace) for each in binding.subjects] == [
        ("ServiceAccount", "gatekeeper", "kubeflow")
    ]
