# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Envoy's configuration: what its container holds and runs, from the gateway's model. Pure."""

import collections.abc
import hashlib
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
# The one directory that any user of any image may write to; the stock image keeps /etc/envoy for others.
_HOME = "/tmp/envoy"  # noqa: S108
RECORD = f"{_HOME}/rollout.json"
ALIVE = "alive"
ALIVE_PATH = "/ambassador/v0/check_alive"
HEALTH_PATH = "/ambassador/v0/check_ready"
VERSION_PATH = "/ambassador/v0/version"
METRICS_PATH = "/metrics"
SECRETS = f"{_HOME}/secrets.json"

_TEMPLATES = pathlib.Path(__file__).parent / "templates"
_BOOTSTRAP = f"{_HOME}/bootstrap.json"
_CLUSTERS = f"{_HOME}/clusters.json"
_LISTENERS = f"{_HOME}/listeners.json"
_ROUTES = f"{_HOME}/routes.json"
_CANDIDATE = f"{_HOME}/candidate.json"
_ROUTES_NAME = "gateway"
# What every authorizer needs to see of a request, whatever it asks for.
_REQUEST_HEADERS = ("cookie", "user-agent", "x-forwarded-for", "x-forwarded-proto", "x-request-id")
_CREDENTIALS = ("authorization", "x-auth-token")
_LOGIN_PATH = "/dex/auth"
_MOST_CONNECTIONS = 50000
# After a change of a listener, how long connections that it had may still live: long enough for a notebook's WebSocket.
# All others end with their next answer, or they would go on trusting yesterday's keys.
_DRAIN_SECONDS = 86400


def configure(gateway: model.Gateway) -> desired.Desired:
    """Return what the container shall hold and run."""
    bootstrap = {
        "node": gateway.name,
        "clusters_path": _CLUSTERS,
        "listeners_path": _LISTENERS,
        "most_connections": _MOST_CONNECTIONS,
        # Envoy's administration is on a socket that only its own user can open; of it, metrics are passed on.
        "admin_path": f"{_HOME}/admin.sock",
        "metrics_port": gateway.metrics_port,
        "metrics_path": METRICS_PATH,
        "alive_port": gateway.alive_port,
        "alive_path": ALIVE_PATH,
    }
    before = (
        _file(_BOOTSTRAP, bootstrap),
        # In the order in which Envoy must read them: a route needs its cluster, a listener its certificate.
        _file(_CLUSTERS, _clusters(gateway), watched=True),
        _file(SECRETS, {"tls": gateway.tls}, watched=True, mode=0o600),
        _file(_LISTENERS, _listeners(gateway), watched=True),
    )
    files = (*before, _file(_ROUTES, _routes(gateway, before), watched=True))
    command = f"{BINARY} -c {_BOOTSTRAP} --disable-hot-restart --log-level warning"
    command += f" --drain-time-s {_DRAIN_SECONDS} --drain-strategy immediate"
    environment = {"CONFIG_DIGEST": desired.digest(files)}
    ready = desired.http_check(f"http://localhost:{gateway.port}{HEALTH_PATH}", period=gateway.check_period)
    # On a port of its own, which no crowd of clients can fill: an Envoy that hangs is started again, a busy one is not.
    alive = desired.http_check(
        f"http://localhost:{gateway.alive_port}{ALIVE_PATH}", level="alive", period="2s", threshold=5
    )
    service = {**desired.service(command, environment=environment), "on-check-failure": {ALIVE: "restart"}}
    layer = {"services": {SERVICE: service}, "checks": {CHECK: ready, ALIVE: alive}}
    return desired.Desired(files=files, layer=layer)


def version(state: desired.Desired) -> str:
    """Return what the gateway says at VERSION_PATH once it serves a state."""
    (text,) = [file.text for file in state.files if file.path == _ROUTES]
    return json.loads(text)["resources"][0]["virtual_hosts"][0]["routes"][0]["direct_response"]["body"]["inline_string"]


def held(text: str, port: int) -> model.Tls | None:
    """Return the certificate in the text of SECRETS; None when it holds none."""
    for secret in json.loads(text)["resources"]:
        pair = secret["tls_certificate"]
        certificate, key = (pair[part]["inline_string"] for part in ("certificate_chain", "private_key"))
        return model.Tls(port=port, certificate=certificate, key=key)
    return None


def rehearsal(state: desired.Desired) -> rollout.Rehearsal:
    """Return how Envoy can check a configuration without serving it.

    Its validation does not look into watched files, so the candidate holds all of them as static resources.
    """
    resources = {file.path: json.loads(file.text)["resources"] for file in state.files if file.watched}
    for resource in (resource for found in resources.values() for resource in found):
        del resource["@type"]
    for listener in resources[_LISTENERS]:
        (chain,) = listener["filter_chains"]
        manager = chain["filters"][0]["typed_config"]
        del manager["rds"]
        manager["route_config"] = resources[_ROUTES][0]
        if "transport_socket" in chain:
            context = chain["transport_socket"]["typed_config"]["common_tls_context"]
            del context["tls_certificate_sds_secret_configs"]
            context["tls_certificates"] = [secret["tls_certificate"] for secret in resources[SECRETS]]
    candidate = {"static_resources": {"clusters": resources[_CLUSTERS], "listeners": resources[_LISTENERS]}}
    return rollout.Rehearsal(
        files=(desired.File(path=_CANDIDATE, text=json.dumps(candidate, indent=2)),),
        command=(BINARY, "--mode", "validate", "-c", _CANDIDATE, "--log-level", "error"),
        timeout=20.0,
    )


def _file(
    path: str, values: collections.abc.Mapping[str, object], *, watched: bool = False, mode: int = 0o644
) -> desired.File:
    name = f"{pathlib.PurePosixPath(path).name}.j2"
    return desired.File(path=path, text=templates.render(_TEMPLATES, name, values), mode=mode, watched=watched)


def _clusters(gateway: model.Gateway) -> dict[str, object]:
    return {
        "authorizer": rules.AUTHORIZER,
        "authorizer_address": rules.AUTHORIZER_ADDRESS,
        "clusters": rules.clusters(gateway),
    }


def _listeners(gateway: model.Gateway) -> dict[str, object]:
    auth = gateway.auth
    plain = {"name": "gateway", "port": gateway.port, "tls": False}
    secure = [{"name": "gateway-tls", "port": gateway.tls.port, "tls": True}] if gateway.tls else []
    return {
        "listeners": [plain, *secure],
        "secrets_path": SECRETS,
        "trusted_proxies": gateway.trusted_proxies,
        "idle_timeout": rules.IDLE,
        "health_path": HEALTH_PATH,
        "routes_name": _ROUTES_NAME,
        "routes_path": _ROUTES,
        "access_log": gateway.access_log,
        "hsts": f"max-age={gateway.hsts}" if gateway.hsts else "",
        "cors": bool(gateway.cors_origins),
        "login_rate": gateway.login_rate,
        "login_path": _LOGIN_PATH,
        "fast": gateway.fast,
        # Whoever brings one of these is decided about by the authorizer, whatever cookies there are.
        "credentials": _CREDENTIALS,
        "stripped": routes.stripped(auth),
        "request_headers": tuple(dict.fromkeys((*_REQUEST_HEADERS, *(auth.request_headers if auth else ())))),
        "response_headers": auth.response_headers if auth else (),
        "authorizer_cluster": rules.AUTHORIZER,
        "cookies_script": templates.render(_TEMPLATES, "cookies.lua.j2", {"names": gateway.session_cookies}),
        "pages": pages.pages(),
        "page_headers": pages.HEADERS,
    }


def _routes(gateway: model.Gateway, before: collections.abc.Sequence[desired.File]) -> dict[str, object]:
    values: dict[str, object] = {
        "name": _ROUTES_NAME,
        "hosts": rules.hosts(gateway),
        "fast": gateway.fast is not None,
        "cors_origins": gateway.cors_origins,
        "redirect_port": gateway.redirect[1],
        "version_path": VERSION_PATH,
    }
    # A certificate is renewed without this.
    parts = [*(file.text for file in before if file.path != SECRETS), repr(values)]
    return {**values, "version": hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]}


def words(text: str) -> str:
    """Return the last sentence of what Envoy said, which is its reason; before it stands the whole configuration."""
    last = text.strip().splitlines()[-1] if text.strip() else ""
    return last.split("error initializing configuration", 1)[-1].removeprefix(f" '{_CANDIDATE}'").lstrip(": ")[:300]
