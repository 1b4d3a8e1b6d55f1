# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The application's own Service, which Juju makes and gives its ports: its type and annotations."""

import collections.abc

import config
import httpx2
import kubernetes
import lightkube
from lightkube.models.core_v1 import ServiceSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Service

_OPTION = "gateway_service_type"


def bring(namespace: str, application: str, kind: str, annotations: collections.abc.Mapping[str, str]) -> str:
    """Bring the Service to a type and annotations, and return why that is not possible, or an empty text.

    Whoever changed its type by hand keeps it until one of them is asked for. What was asked for and no longer is goes
    back to what it was.

    Args:
        namespace: the model.
        application: whose Service it is; the field manager too.
        kind: one of config.SERVICES.
        annotations: beside those of others.
    """
    wanted = kind != config.PLAIN_SERVICE or bool(annotations)
    try:
        with kubernetes.connect(namespace, application, _OPTION) as client:
            found = client.get(Service, application)
            ours = any(entry.manager == application for entry in (found.metadata or ObjectMeta()).managedFields or ())
            if wanted or ours:
                spec = ServiceSpec(type=kind) if kind != config.PLAIN_SERVICE else None
                metadata = ObjectMeta(name=application, annotations=dict(annotations))
                client.apply(Service(metadata=metadata, spec=spec), force=True)
    except kubernetes.NotPossibleError as error:
        return str(error) if wanted else ""
    except lightkube.ApiError as error:
        return _refused(error, namespace, application) if wanted else ""
    except httpx2.HTTPError as error:
        return kubernetes.silent(error, application) if wanted else ""
    return ""


def _refused(error: lightkube.ApiError, namespace: str, application: str) -> str:
    if error.status.code == 403:
        return kubernetes.forbidden(namespace, application, "get, patch services")
    said = kubernetes.words(error)
    return f"Kubernetes refused {_OPTION} or annotations, {said}: run juju config {application} --reset {_OPTION}"
