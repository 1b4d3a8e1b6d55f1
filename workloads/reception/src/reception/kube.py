# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The Kubernetes API as this service uses it: plain mappings in and out, and errors as one sentence."""

import collections.abc
import typing

import httpx2
import lightkube
from lightkube import codecs, generic_resource, types
from lightkube.config import kubeconfig
from lightkube.core import exceptions, resource
from lightkube.resources import coordination_v1, core_v1, rbac_authorization_v1

from reception import objects, settings

Json = dict[str, typing.Any]
# What a request can end with: the API server refuses, cannot be reached, or there is nothing that says where it is.
FAILURES = (httpx2.HTTPError, exceptions.ConfigError)
NOT_FOUND, CONFLICT, FORBIDDEN = 404, 409, 403
_SECONDS = 10.0
_Profile = generic_resource.create_global_resource(  # pyright: ignore[reportUnknownMemberType] - its list of verbs
    objects.GROUP, "v1", "Profile", "profiles"
)
_KINDS: dict[str, typing.Any] = {
    "Profile": _Profile,
    "ProfileStatus": _Profile.Status,
    "Namespace": core_v1.Namespace,
    "ServiceAccount": core_v1.ServiceAccount,
    "ResourceQuota": core_v1.ResourceQuota,
    "Service": core_v1.Service,
    "RoleBinding": rbac_authorization_v1.RoleBinding,
    "Lease": coordination_v1.Lease,
}
_VERSIONS = {"RoleBinding": "rbac.authorization.k8s.io/v1", "Lease": "coordination.k8s.io/v1"}


class Kube:
    """A client of one API server."""

    def __init__(self, options: settings.Settings) -> None:
        """Connect to nothing yet.

        Raises:
            exceptions.ConfigError: there is no cluster here, or the file that names one is not good.
        """
        read = kubeconfig.KubeConfig
        found = read.from_file(options.kubeconfig) if options.kubeconfig else read.from_env()
        timeout = httpx2.Timeout(_SECONDS)
        # Its overloads know only classes that are named in the call.
        self._client: typing.Any = lightkube.AsyncClient(
            config=found, namespace=options.namespace, timeout=timeout, trust_env=False
        )

    async def get(self, kind: str, name: str, namespace: str | None = None) -> Json | None:
        """Return an object, or None where there is none.

        Raises:
            FAILURES: it cannot be asked for.
        """
        try:
            return _plain(await self._client.get(_KINDS[kind], name, namespace=namespace))
        except lightkube.ApiError as error:
            if error.status.code == NOT_FOUND:
                return None
            raise

    async def create(self, what: Json) -> Json:
        """Make an object.

        Raises:
            FAILURES: it cannot be made, or is there (CONFLICT).
        """
        return _plain(await self._client.create(_object(what)))

    async def replace(self, what: Json) -> Json:
        """Replace an object whose version is the one given.

        Raises:
            FAILURES: somebody else was first (CONFLICT), or it cannot be replaced.
        """
        return _plain(await self._client.replace(_object(what)))

    async def patch(self, kind: str, name: str, change: Json, namespace: str | None = None) -> Json:
        """Change some fields of an object by a merge patch (RFC 7386).

        Raises:
            FAILURES: it cannot be changed.
        """
        made = await self._client.patch(
            _KINDS[kind], name, change, namespace=namespace, patch_type=types.PatchType.MERGE
        )
        return _plain(made)

    async def delete(self, kind: str, name: str, namespace: str | None = None) -> None:
        """Delete an object; that it is gone already is well too.

        Raises:
            FAILURES: it cannot be deleted.
        """
        try:
            await self._client.delete(_KINDS[kind], name, namespace=namespace)
        except lightkube.ApiError as error:
            if error.status.code != NOT_FOUND:
                raise

    async def list(self, kind: str, labels: dict[str, typing.Any], namespace: str = "*") -> tuple[list[Json], str]:
        """Return all objects of a kind with some labels, and the version of the list.

        Raises:
            FAILURES: they cannot be listed.
        """
        where = {} if issubclass(_KINDS[kind], resource.GlobalResource) else {"namespace": namespace}
        found = self._client.list(_KINDS[kind], labels=labels, chunk_size=500, **where)
        return [_plain(one) async for one in found], found.resourceVersion

    async def watch(
        self, kind: str, labels: dict[str, typing.Any], version: str, seconds: int
    ) -> collections.abc.AsyncGenerator[tuple[str, Json]]:
        """Yield what happens to objects since a version: the word of the API server, and the object.

        Raises:
            FAILURES: the watch was lost, or the version is too old.
        """
        where = {} if issubclass(_KINDS[kind], resource.GlobalResource) else {"namespace": "*"}
        events = self._client.watch(
            _KINDS[kind], labels=labels, resource_version=version, server_timeout=seconds, **where
        )
        async for word, what in events:
            yield str(word), _plain(what)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def code(error: Exception) -> int:
    """Return the status that the API server answered with, 0 where it did not answer."""
    return int(error.status.code or 0) if isinstance(error, lightkube.ApiError) else 0


def sentence(error: Exception) -> str:
    """Return what went wrong, and what to do, in one line."""
    if isinstance(error, lightkube.ApiError):
        said = " ".join((error.status.message or "").split())[:300]
        if error.status.code == FORBIDDEN:
            return f"not allowed: {said}"
        if error.status.code == NOT_FOUND and not (error.status.details and error.status.details.name):
            return "the cluster does not know Profiles: apply the manifest of docs/profiles.md"
        return f"the API server answers {error.status.code}: {said}"
    if isinstance(error, exceptions.ConfigError):
        return f"no cluster is known: {error}"
    return f"the API server does not answer ({type(error).__name__})"


def _object(what: Json) -> typing.Any:
    return codecs.from_dict({"apiVersion": _VERSIONS.get(what["kind"], "v1"), **what})


def _plain(what: typing.Any) -> Json:
    return what.to_dict()
