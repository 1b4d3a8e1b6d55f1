# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Envoy's configuration: what its container holds and runs, from the gateway's model. Pure."""

import collections.abc
import json
import pathlib

import model
import pages
import routes
import rules
from charmkit import desired, rollout, templates

SERVICE = "envoy"
CHECK = "ready"
BINARY = "/usr/local/bin/envoy"
RECORD = "/etc/envoy/rollout.json"
HEALTH_PATH = "/ambassador/v0/check_ready"

_TEMPLATES = pathlib.Path(__file__).parent / "templates"
_BOOTSTRAP = "/etc/envoy/bootstrap.json"
_CLUSTERS = "/etc/envoy/clusters.json"
_LISTENERS = "/etc/envoy/listeners.json"
_ROUTES = "/etc/envoy/routes.json"
_CANDIDATE = "/etc/envoy/candidate.json"
_ROUTES_NAME = "gateway"
# What every authorizer needs to see of a request, whatever it asks for.
_REQUEST_HEADERS = ("cookie", "user-agent", "x-forwarded-for", "x-forwarded-proto", "x-request-id")
_MOST_CONNECTIONS = 50000


def configure(gateway: model.Gateway) -> desired.Desired:
    """Return what the container shall hold and run."""
    bootstrap = {
        "node": gateway.name,
        "clusters_path": _CLUSTERS,
        "listeners_path": _LISTENERS,
        "most_connections": _MOST_CONNECTIONS,
    }
    files = (
        _file(_BOOTSTRAP, bootstrap),
        # In the order in which Envoy must read them: a route needs its cluster.
        _file(_CLUSTERS, {"clusters": rules.clusters(gateway)}, watched=True),
        _file(_LISTENERS, _listener(gateway), watched=True),
        _file(_ROUTES, {"name": _ROUTES_NAME, "rules": rules.rules(gateway)}, watched=True),
    )
    command = f"{BINARY} -c {_BOOTSTRAP} --disable-hot-restart --log-level warning"
    environment = {"CONFIG_DIGEST": desired.digest(files)}
    url = f"http://localhost:{gateway.port}{HEALTH_PATH}"
    layer = {
        "services": {SERVICE: desired.service(command, environment=environment)},
        "checks": {CHECK: desired.http_check(url, period=gateway.check_period)},
    }
    return desired.Desired(files=files, layer=layer)


def rehearsal(state: desired.Desired) -> rollout.Rehearsal:
    """Return how Envoy can check a configuration without serving it.

    Its validation does not look into watched files, so the candidate holds all of them as static resources.
    """
    resources = {file.path: json.loads(file.text)["resources"] for file in state.files if file.watched}
    for resource in (resource for found in resources.values() for resource in found):
        del resource["@type"]
    listener, table = resources[_LISTENERS][0], resources[_ROUTES][0]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    del manager["rds"]
    manager["route_config"] = table
    candidate = {"static_resources": {"clusters": resources[_CLUSTERS], "listeners": [listener]}}
    return rollout.Rehearsal(
        files=(desired.File(path=_CANDIDATE, text=json.dumps(candidate, indent=2)),),
        command=(BINARY, "--mode", "validate", "-c", _CANDIDATE, "--log-level", "error"),
        timeout=20.0,
    )


def _file(path: str, values: collections.abc.Mapping[str, object], *, watched: bool = False) -> desired.File:
    name = f"{pathlib.PurePosixPath(path).name}.j2"
    return desired.File(path=path, text=templates.render(_TEMPLATES, name, values), mode=0o644, watched=watched)


def _listener(gateway: model.Gateway) -> dict[str, object]:
    auth = gateway.auth
    return {
        "port": gateway.port,
        "idle_timeout": rules.IDLE,
        "health_path": HEALTH_PATH,
        "routes_name": _ROUTES_NAME,
        "routes_path": _ROUTES,
        "stripped": routes.stripped(auth),
        "request_headers": tuple(dict.fromkeys((*_REQUEST_HEADERS, *(auth.request_headers if auth else ())))),
        "response_headers": auth.response_headers if auth else (),
        "authorizer_cluster": rules.AUTHORIZER,
        "cookies_script": templates.render(_TEMPLATES, "cookies.lua.j2", {"names": gateway.session_cookies}),
        "pages": pages.pages(),
        "page_headers": pages.HEADERS,
    }


def words(text: str) -> str:
    """Return the last sentence of what Envoy said, which is its reason; before it stands the whole configuration."""
    last = text.strip().splitlines()[-1] if text.strip() else ""
    return last.split("error initializing configuration", 1)[-1].removeprefix(f" '{_CANDIDATE}'").lstrip(": ")[:300]
