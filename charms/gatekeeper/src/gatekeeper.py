# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The gatekeeper service: what its container holds and runs, and what it tells other applications. Pure."""

import collections.abc
import dataclasses
import json
import pathlib

import config
import keys
import revoked
import rules
from charmkit import desired, rollout, templates, transformers
from charmkit.interfaces import dex_oidc_config, ingress, ingress_auth, istio_ingress_route, oidc_client, redis

SERVICE = "gatekeeper"
CHECK = "ready"
ALIVE = "alive"
REDIS_CHECK = "redis"
KUBERNETES_CHECK = "kubernetes"
PORT = 8080
MANAGEMENT_PORT = 8081
RECORD = "/etc/gatekeeper/rollout.json"
PREFIX = "/authservice"
CALLBACK = f"{PREFIX}/oidc/callback"
FORWARD = f"{PREFIX}/forward"
# Beside the session: what tells a page load from a program's request, and what ties log lines together.
REQUEST_HEADERS = (
    "cookie",
    "X-Auth-Token",
    "authorization",
    "accept",
    "x-requested-with",
    "sec-fetch-mode",
    "sec-fetch-dest",
    "sec-fetch-site",
    "x-request-id",
)

_BINARY = "/usr/local/bin/gatekeeper"
_CONFIG = "/etc/gatekeeper/config.json"
COMMAND = (_BINARY, "--config", _CONFIG)
_DRAIN_SECONDS = 1
_CANDIDATE = "/etc/gatekeeper/candidate.json"
_WATCHED = "/etc/gatekeeper/watched.json"
_JOURNAL = "/var/lib/gatekeeper/journal"
_TEMPLATES = pathlib.Path(__file__).parent / "templates"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gatekeeper:
    """All that the service's configuration depends on.

    Attributes:
        options: the operator's words.
        public_url: where browsers reach the gateway, without a trailing slash.
        provider: where people log in.
        keys: the application's secrets.
        store: where all units tell each other what has ended, beside doing so directly.
        reception: the path that people are sent to after their login, empty for none.
        authorities: certificates in PEM of whom to trust when the provider is asked, beside those of the options.
        device_flow: whether the provider knows the public client of programs.
        check_period: how often Pebble asks whether it is ready, as a Go duration.
    """

    options: config.Config
    public_url: str
    provider: dex_oidc_config.Provider
    keys: keys.Keys
    store: redis.Redis | None = None
    reception: str = ""
    authorities: str = ""
    device_flow: bool = False
    check_period: str = "1s"


def configure(gatekeeper: Gatekeeper) -> desired.Desired:
    """Return what the container shall hold and run."""
    files = (desired.File(path=_CONFIG, text=_render(gatekeeper), mode=0o600),)
    environment = {"CONFIG_DIGEST": desired.digest(files)}
    url = f"http://localhost:{MANAGEMENT_PORT}"
    service = desired.service(_command(gatekeeper.options), environment=environment)
    # One that runs and does not answer is started again by Pebble.
    service["on-check-failure"] = {ALIVE: "restart"}
    layer = {
        "services": {SERVICE: service},
        "checks": {
            CHECK: desired.http_check(f"{url}/ready", period=gatekeeper.check_period),
            ALIVE: desired.http_check(f"{url}/live", level="alive", period="2s", threshold=10),
            # Says nothing about this unit: who asks whether it is ready does not hear of it.
            KUBERNETES_CHECK: desired.http_check(f"{url}/kubernetes", level="", period=gatekeeper.check_period),
            REDIS_CHECK: desired.http_check(f"{url}/redis", level="", period=gatekeeper.check_period),
        },
    }
    return desired.Desired(files=files, layer=layer)


def watched(peers: collections.abc.Iterable[str], ended: collections.abc.Iterable[revoked.Revoked]) -> desired.File:
    """Return the file that the running service reads again by itself, whatever becomes of its configuration.

    Args:
        peers: the addresses of the other units.
        ended: whose sessions an operator has ended.
    """
    content = {"peers": [f"{address}:{PORT}" for address in peers], "records": revoked.records(ended)}
    return desired.File(path=_WATCHED, text=json.dumps(content), watched=True)


def access_commands(url: str, token: str) -> dict[str, str]:
    """Return lines that are ready to be pasted, for a shell and for Python."""
    return {
        "curl": f"curl -H 'Authorization: Bearer {token}' {url}/",
        "kfp": f"kfp.Client(host={url + '/pipeline'!r}, existing_token={token!r})",
    }


def rehearsal(state: desired.Desired) -> rollout.Rehearsal:
    """Return how the service can check a configuration without serving it."""
    (file,) = state.files
    return rollout.Rehearsal(
        files=(dataclasses.replace(file, path=_CANDIDATE),),
        command=(_BINARY, "--config", _CANDIDATE, "--check"),
        timeout=20.0,
    )


def ingress_request(application: str) -> ingress.Request:
    """Return what the gateway shall send here without asking for a login: the login itself."""
    return ingress.Request(prefix=PREFIX, rewrite="/", service=application, port=PORT, preserve_path=True)


def route(application: str, model: str) -> istio_ingress_route.Request:
    """Return the same for Istio's gateway."""
    return istio_ingress_route.Request(model=model, prefix=PREFIX, service=application, port=PORT)


def authorizer(
    application: str, options: config.Config, known: keys.Keys | None, *, http2: bool = False
) -> ingress_auth.Authorizer:
    """Return how the gateway asks about requests, and how it can verify sessions by itself."""
    return ingress_auth.Authorizer(
        service=application,
        port=PORT,
        request_headers=REQUEST_HEADERS,
        response_headers=tuple(name for name in options.headers.values() if name),
        jwks=keys.public_set(known) if known else "",
        http2=http2,
    )


def client(options: config.Config, *, public_url: str, secret: str = "", secret_id: str = "") -> oidc_client.Client:
    """Return how this client presents itself to the OpenID Connect provider.

    The first redirect URI is relative: the form that older providers compare with.
    """
    absolute = (f"{public_url}{CALLBACK}",) if public_url else ()
    return oidc_client.Client(
        id=options.client_id,
        name=options.client_name,
        redirect_uris=(CALLBACK, *absolute),
        secret=secret,
        secret_id=secret_id,
        device_id=options.device_client_id,
    )


def _command(options: config.Config) -> str:
    several = f" --workers {options.workers}" if options.workers > 1 else ""
    return f"{_BINARY} --config {_CONFIG}{several}"


def _render(gatekeeper: Gatekeeper) -> str:
    options, provider = gatekeeper.options, gatekeeper.provider
    audiences = rules.words(options.kubernetes_audiences)
    values = {
        "listen": f"0.0.0.0:{PORT}",
        "management": f"0.0.0.0:{MANAGEMENT_PORT}",
        # Less than Pebble waits before it kills.
        "drain_seconds": _DRAIN_SECONDS,
        "public_url": gatekeeper.public_url,
        "prefix": PREFIX,
        "issuer": provider.issuer_url,
        "back_channel": provider.internal_url,
        "client_id": options.client_id,
        "client_secret": gatekeeper.keys.client_secret,
        "device_client_id": options.device_client_id if gatekeeper.device_flow else "",
        "scopes": options.scopes,
        "userid_claim": options.userid_claim,
        "userid_prefix": options.userid_prefix,
        "userid_transformers": transformers.read("userid-transformers", options.userid_transformers),
        "userid_lowercase": options.userid_lowercase,
        "groups_claim": options.groups_claim,
        "allowed_groups": rules.names(options.allowed_groups),
        "allowed_emails": rules.words(options.allowed_emails),
        "skip_auth": rules.skipped("skip-auth-urls", options.skip_auth_urls),
        "userid_header": options.headers["userid-header"],
        "groups_header": options.headers["groups-header"],
        "identity_header": options.headers["identity-header"],
        "ca_bundle": "\n".join(filter(None, (options.ca_bundle, gatekeeper.authorities))),
        "authenticators": [name.replace("-", "_") for name in rules.words(options.authenticators)],
        "access_token_audiences": rules.words(options.access_token_audiences),
        "kubernetes": {"audiences": audiences} if audiences else None,
        "session_lifetime": options.session_lifetime,
        "session_renewal": options.session_renewal,
        "refresh_idle_lifetime": options.refresh_idle_lifetime,
        "refresh_lifetime": options.refresh_lifetime,
        "login_redirect_code": options.login_redirect_code,
        "reception": gatekeeper.reception,
        "after_logout_url": options.after_logout_url,
        "journal": _JOURNAL,
        "watched_file": _WATCHED,
        "redis": dataclasses.asdict(gatekeeper.store) if gatekeeper.store else None,
        "signing_keys": [{"kid": key.kid, "pem": key.text, "since": key.since} for key in gatekeeper.keys.signing],
        "sealing_keys": [key.text for key in gatekeeper.keys.sealing],
    }
    return templates.render(_TEMPLATES, "config.json.j2", values)
