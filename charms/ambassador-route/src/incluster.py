# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Emissary's resources as objects of the cluster, for an Emissary that runs there."""

import collections.abc
import typing

import httpx2
import kubernetes
import lightkube
from lightkube import generic_resource
from lightkube.models.authorization_v1 import ResourceAttributes, SelfSubjectAccessReviewSpec
from lightkube.resources.authorization_v1 import SelfSubjectAccessReview
from lightkube.resources.core_v1 import Secret

Resource = collections.abc.Mapping[str, typing.Any]

LABEL = "ambassador-route.kubeflow-auth/application"
_GROUP, _VERSION = "getambassador.io", "v3alpha1"
# Nothing is routed before its authorizer is there, and the authorizer goes last.
_KINDS = ("AuthService", "Module", "Secret", "Host", "Listener", "Mapping")
_VERBS = ("get", "list", "create", "patch", "delete")


def bring(namespace: str, application: str, wanted: collections.abc.Iterable[Resource]) -> str:
    """Bring the cluster to these resources with the rights of this pod, and return why that is not possible."""
    try:
        with kubernetes.connect(namespace, application, "target") as client:
            Objects(client, namespace, application).bring(wanted)
    except kubernetes.NotPossibleError as error:
        return str(error)
    return ""


def clear(namespace: str, application: str) -> str:
    """Remove what an application has in the cluster, and return why that is not possible; elsewhere it has nothing."""
    try:
        with kubernetes.connect(namespace, application, "target") as client:
            Objects(client, namespace, application).clear()
    except kubernetes.NotPossibleError as error:
        return str(error)
    return ""


class Objects:
    """The objects of one application in one namespace, which carry its label."""

    def __init__(self, client: lightkube.Client, namespace: str, application: str) -> None:
        """Remember whose they are.

        Args:
            client: whoever may change them.
            namespace: the model.
            application: this one; it is the field manager too.
        """
        # Its methods are overloaded on classes that it makes at run time, so that they have no types of their own.
        self._client: typing.Any = client
        self._namespace = namespace
        self._application = application

    def bring(self, wanted: collections.abc.Iterable[Resource]) -> None:
        """Bring the cluster to these resources: they are there as they are here, and nothing else of ours is.

        Raises:
            NotPossibleError: a right is missing, or Emissary's definitions, or the API server says no.
        """
        by_kind: dict[str, list[Resource]] = {kind: [] for kind in _KINDS}
        for resource in wanted:
            by_kind[resource["kind"]].append(resource)
        try:
            self._may()
            for kind in _KINDS:
                if kind == "Mapping":
                    # Two applications must never share a path, not even for a moment: one of them may be open to all.
                    self._prune(kind, by_kind[kind])
                for resource in by_kind[kind]:
                    self._apply(kind, resource)
            for kind in reversed(_KINDS):
                self._prune(kind, by_kind[kind])
        except lightkube.ApiError as error:
            raise kubernetes.NotPossibleError(self._reason(error)) from None
        except httpx2.HTTPError as error:
            raise kubernetes.NotPossibleError(kubernetes.silent(error, self._application)) from None

    def clear(self) -> None:
        """Remove all that is ours, the authorizer last; where this pod may see nothing, it has left nothing.

        Raises:
            NotPossibleError: see `bring`.
        """
        try:
            allowed = self._is_allowed("Mapping", "list")
        except (lightkube.ApiError, httpx2.HTTPError) as error:
            raise kubernetes.NotPossibleError(f"Kubernetes does not answer ({type(error).__name__})") from None
        if allowed:
            self.bring(())

    def _may(self) -> None:
        """Raise unless this pod has every right that it needs."""
        missing: dict[str, list[str]] = {}
        for kind in _KINDS:
            lacks = tuple(verb for verb in _VERBS if not self._is_allowed(kind, verb))
            if lacks:
                missing.setdefault(", ".join(lacks), []).append(_qualified(kind))
        if missing:
            text = "; ".join(f"{verbs} {' '.join(names)}" for verbs, names in missing.items())
            raise kubernetes.NotPossibleError(kubernetes.forbidden(self._namespace, self._application, text))

    def _is_allowed(self, kind: str, verb: str) -> bool:
        group, plural = ("", "secrets") if kind == "Secret" else (_GROUP, f"{kind.lower()}s")
        asked = ResourceAttributes(group=group, resource=plural, verb=verb, namespace=self._namespace)
        review = SelfSubjectAccessReview(spec=SelfSubjectAccessReviewSpec(resourceAttributes=asked))
        answer = self._client.create(review)
        return answer.status is not None and answer.status.allowed

    def _apply(self, kind: str, resource: Resource) -> None:
        metadata = {**resource["metadata"], "labels": {LABEL: self._application}}
        found = _class(kind).from_dict({**resource, "metadata": metadata})
        # Whoever changed our fields by hand would be asked nothing: this application owns them.
        self._client.apply(found, force=True)

    def _prune(self, kind: str, kept: collections.abc.Iterable[Resource]) -> None:
        names = {resource["metadata"]["name"] for resource in kept}
        for found in self._client.list(_class(kind), namespace=self._namespace, labels={LABEL: self._application}):
            name = found.metadata.name if found.metadata else None
            if name and name not in names:
                self._client.delete(_class(kind), name, namespace=self._namespace)

    def _reason(self, error: lightkube.ApiError) -> str:
        if error.status.code == 404:
            return (
                f"The cluster does not know {_GROUP}/{_VERSION}: install Emissary-ingress 4.1 and its definitions, "
                f"or run juju config {self._application} --reset target"
            )
        return f"Kubernetes refused, {kubernetes.words(error)}: see juju debug-log --include {self._application}"


def _class(kind: str) -> typing.Any:
    """Return lightkube's class of a kind."""
    if kind == "Secret":
        return Secret
    # Its optional argument has no type.
    maker: typing.Any = generic_resource
    return maker.create_namespaced_resource(_GROUP, _VERSION, kind, f"{kind.lower()}s")


def _qualified(kind: str) -> str:
    return "secrets" if kind == "Secret" else f"{kind.lower()}s.{_GROUP}"
