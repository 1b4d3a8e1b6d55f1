# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The URL under which Dex issues tokens: the operator's, else the gateway's, else the one of the cluster. Pure."""

import collections.abc
import dataclasses

from charmkit import urls


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gateway:
    """An application that is related over ingress.

    Attributes:
        application: its name.
        url: its public URL, empty when it tells none, None while it has written nothing.
    """

    application: str
    url: str | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Issuer:
    """The decision; the URL is empty while it cannot be known."""

    url: str
    problem: str = ""
    warning: str = ""


def decide(option: str, gateways: collections.abc.Iterable[Gateway], *, internal: str, app: str) -> Issuer:
    """Return the issuer.

    Args:
        option: the issuer that the operator set, empty when there is none.
        gateways: those that are related.
        internal: Dex's URL inside of the cluster.
        app: the name of this application.
    """
    known = tuple(gateways)
    if option:
        return Issuer(url=option, warning=_mismatch(option, known, app))
    for gateway in known:
        if gateway.url is None:
            return Issuer(url="")
        if gateway.url:
            return _public(gateway.application, gateway.url)
    command = f"no gateway: juju integrate {app}:ingress ambassador-route:ingress-unauthenticated"
    return Issuer(url=internal, problem="" if known else command)


def _public(application: str, url: str) -> Issuer:
    try:
        return Issuer(url=f"{urls.origin('external-url', url)}/dex")
    except ValueError as error:
        return Issuer(url="", problem=f"ingress: {application} sent what it must not: {error}")


def _mismatch(option: str, gateways: tuple[Gateway, ...], app: str) -> str:
    """Return how an option and a gateway contradict each other, or nothing."""
    for gateway in gateways:
        public = _public(gateway.application, gateway.url).url if gateway.url else ""
        if public and public != option:
            command = f"juju config {app} --reset issuer-url,public-url"
            return f"issuer-url: {option} is not {public}, where {gateway.application} serves Dex: {command}"
    return ""
