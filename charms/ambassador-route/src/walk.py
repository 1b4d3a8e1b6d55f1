# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Walks through a login without logging in, and names the first hop that is broken. Pure; asking is given to it."""

import dataclasses
import typing
import urllib.parse

import loopback
import model

_MOST_REDIRECTS = 5


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hop:
    """One step of a login.

    Attributes:
        name: who is asked.
        path: for what, without its query, in which secrets may stand.
        status: what it answered; 0 for nothing.
        fault: what is wrong and the command to type; empty when it is as it should be.
    """

    name: str
    path: str
    status: int
    fault: str = ""


def walk(ask: loopback.Ask, gateway: model.Gateway, url: str) -> list[Hop]:
    """Return the hops up to the first that is broken."""
    hops: list[Hop] = []
    for hop in _walk(ask, gateway, url):
        hops.append(hop)
        if hop.fault:
            break
    return hops


def show(hops: list[Hop]) -> str:
    """Return the hops as a table."""
    lines = [f"{hop.name:<12}{hop.status or '-':<5}{hop.path:<32} {hop.fault or 'ok'}".rstrip() for hop in hops]
    return "\n".join(lines)


def _walk(ask: loopback.Ask, gateway: model.Gateway, url: str) -> typing.Iterator[Hop]:
    app = gateway.name
    page = next((route.prefix for route in gateway.table if gateway.asks(route) and not route.domain), "")
    if not page:
        missing = (
            f"{app}:ingress-auth gatekeeper:ingress-auth" if gateway.auth is None else f"{app}:ingress APP:ingress"
        )
        yield Hop(name="gateway", path="/", status=0, fault=f"no path needs a login: run juju integrate {missing}")
        return
    first = ask(page)
    gateway_fault = "" if first.status else f"it does not answer: see juju status {app}"
    yield Hop(name="gateway", path=page, status=first.status, fault=gateway_fault)
    yield Hop(name="gatekeeper", path=page, status=first.status, fault=_checked(first, page))
    where = urllib.parse.urlsplit(urllib.parse.urljoin(url, first.location))
    query = dict(urllib.parse.parse_qsl(where.query))
    yield from _provider(ask, where, url)
    callback = urllib.parse.urlsplit(query.get("redirect_uri", "")).path or "/authservice/oidc/callback"
    answer = ask(callback)
    fault = ""
    if answer.status in (301, 302, 303, 307, 401, 404):
        fault = f"it does not reach the gatekeeper: run juju integrate {app}:ingress-unauthenticated gatekeeper:ingress"
    elif answer.status == 0 or answer.status >= 500:
        fault = "the gatekeeper does not answer: see juju status gatekeeper"
    yield Hop(name="callback", path=callback, status=answer.status, fault=fault)
    again = ask(page)
    yield Hop(name="page", path=page, status=again.status, fault="" if again.status == first.status else "it changed")


def _checked(answer: loopback.Answer, page: str) -> str:
    if 200 <= answer.status < 300:
        return f"{page} is reached without a login: see juju status"
    if answer.status in (301, 302, 303, 307) and answer.location:
        return ""
    if answer.status == 404:
        return f"the gateway does not know {page}: see juju status"
    return "it does not send people to the login: see juju status gatekeeper"


def _provider(ask: loopback.Ask, where: urllib.parse.SplitResult, url: str) -> typing.Iterator[Hop]:
    if (where.scheme, where.netloc) != urllib.parse.urlsplit(url)[:2]:
        # A provider of its own, to which browsers go directly.
        yield Hop(name="provider", path=f"{where.scheme}://{where.netloc}", status=0)
        return
    path = _target(where)
    for _ in range(_MOST_REDIRECTS):
        answer = ask(path)
        shown = path.split("?")[0]
        if answer.status in (301, 302, 303, 307) and answer.location:
            yield Hop(name="dex", path=shown, status=answer.status)
            path = _target(urllib.parse.urlsplit(urllib.parse.urljoin(url + path, answer.location)))
            continue
        fault = "" if answer.status == 200 else "it shows no login page: see juju status dex-auth"
        yield Hop(name="dex", path=shown, status=answer.status, fault=fault)
        return
    yield Hop(name="dex", path=path.split("?")[0], status=302, fault="it redirects for ever: see juju status dex-auth")


def _target(parts: urllib.parse.SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
