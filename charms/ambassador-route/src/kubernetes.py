# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The API server of the cluster in which this pod runs: with whose rights it is asked, and why it said no."""

import logging

import lightkube

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
_LONGEST = 300


class NotPossibleError(Exception):
    """The cluster does not do what was asked; the text says why and what to type."""


def connect(namespace: str, application: str, option: str) -> lightkube.Client:
    """Return a client with the rights of this pod.

    Args:
        namespace: the model.
        application: this one, the field manager.
        option: which of its options needs the cluster.

    Raises:
        NotPossibleError: this is no pod of a cluster.
    """
    try:
        config = lightkube.KubeConfig.from_service_account(ACCOUNT)
    except (lightkube.ConfigError, KeyError):
        raise NotPossibleError(f"Not in a cluster: run juju config {application} --reset {option}") from None
    # Every request and its headers would stand in Juju's log.
    for name in ("httpx2", "httpcore2", "lightkube"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return lightkube.Client(config=config, namespace=namespace, field_manager=application, trust_env=False)


def forbidden(namespace: str, application: str, rights: str) -> str:
    """Return how an application gets rights that it lacks in a namespace."""
    return f"Missing rights in namespace {namespace}, {rights}: run juju trust {application} --scope=cluster"


def silent(error: Exception, application: str) -> str:
    """Return what to do about an API server that does not answer."""
    return f"Kubernetes does not answer ({type(error).__name__}): see juju status {application}"


def words(error: lightkube.ApiError) -> str:
    """Return what the API server said, in one line."""
    return " ".join((error.status.message or str(error)).split())[:_LONGEST]
