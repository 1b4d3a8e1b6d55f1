# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Emissary's resources: what its container holds and runs, from the gateway's model. Pure.

They are one file in its init-config directory: no resource is ever there without the others, an AuthService above all.
"""

import base64
import dataclasses
import pathlib
import re
import typing

import model
import pages
import routes
import yaml
from charmkit import desired, templates

SERVICE = "emissary"
CHECK = "ready"
_ALIVE = "alive"
RESOURCES = "/ambassador/init-config/gateway.yaml"
RECORD = "/tmp/ambassador/rollout.json"  # noqa: S108 - in the container, where nobody else is
ADMIN_PORT = 8877

_TEMPLATES = pathlib.Path(__file__).parent / "templates"
_REQUEST_HEADERS = ("accept", "x-requested-with", "x-request-id", "sec-fetch-mode", "sec-fetch-dest")
# Of an authorizer's no the client sees these; of its yes Emissary would put them into the request in place of its own.
_REPLIES = ("cache-control", "content-type", "retry-after", "www-authenticate")
_ASIDE = ("cache-control", "content-type")
# Nobody listens there: the page of a route that refuses comes from the script. It is the authorizer too while there is
# none: Emissary takes in routes before listeners, and connections that are open keep theirs. One without any authorizer
# would let everybody through to what the next configuration protects.
_NOBODY = "127.0.0.1:1"
_ERROR = re.compile(r'level=(?:error|fatal) msg="((?:[^"\\]|\\.)*)"')
_LONGEST = 300
_LOG_FORMAT = {
    "time": "%START_TIME%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "method": "%REQ(:METHOD)%",
    "path": "%PATH(NQ)%",
    "status": "%RESPONSE_CODE%",
    "reason": "%RESPONSE_CODE_DETAILS%",
    "cluster": "%UPSTREAM_CLUSTER%",
    "milliseconds": "%DURATION%",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Mapping:
    name: str
    authority: str
    prefix: str
    path: str
    rewrite: str
    replaced: str
    service: str
    open: bool
    grpc: bool
    removed: tuple[str, ...]
    restored: tuple[tuple[str, str], ...]


def configure(gateway: model.Gateway) -> desired.Desired:
    """Return what the container shall hold and run."""
    text = _text(gateway)
    # Emissary puts variables of its environment into the text; every value is JSON, which has another word for $.
    file = desired.File(path=RESOURCES, text=text.replace("$", "\\u0024"), watched=True)
    environment = {
        "HOME": "/tmp/ambassador",  # noqa: S108
        "AMBASSADOR_CONFIG_BASE_DIR": "/tmp/ambassador",  # noqa: S108
        "AMBASSADOR_NAMESPACE": gateway.namespace,
        "AMBASSADOR_SINGLE_NAMESPACE": "true",
        "AMBASSADOR_ID": _id(gateway),
        # Whoever reaches its administration rules the gateway, so nobody outside of the pod may.
        "AMBASSADOR_HEALTHCHECK_BIND_ADDRESS": "127.0.0.1",
        "AMBASSADOR_DISABLE_SNAPSHOT_SERVER": "1",
        "AMBASSADOR_DRAIN_TIME": "3600",
        "DEV_SHUTUP_MEMORY": "1",
    }
    service = {
        **desired.service("/usr/local/bin/busyambassador entrypoint", environment=environment),
        "kill-delay": "15s",
        "on-check-failure": {_ALIVE: "restart"},
    }
    admin = f"http://127.0.0.1:{ADMIN_PORT}/ambassador/v0"
    period = gateway.check_period
    checks = {
        CHECK: desired.http_check(f"{admin}/check_ready", period=period),
        # It asks its Envoy too; one that hangs is started again, one that compiles many routes is not.
        _ALIVE: desired.http_check(f"{admin}/check_alive", level="alive", period="2s", threshold=10),
        # It calls itself ready without any listener.
        "listening": {
            "override": "replace",
            "level": "ready",
            "period": period,
            "timeout": period,
            "threshold": 3,
            "tcp": {"port": gateway.port},
        },
    }
    return desired.Desired(files=(file,), layer={"services": {SERVICE: service}, "checks": checks})


def resources(gateway: model.Gateway) -> list[dict[str, typing.Any]]:
    """Return the resources one by one, for an Emissary that finds them in the cluster."""
    return list(yaml.safe_load_all(_text(gateway)))


def _text(gateway: model.Gateway) -> str:
    return templates.render(_TEMPLATES, "emissary.yaml.j2", _values(gateway))


def words(text: str) -> str:
    """Return Emissary's reason in what it said: the last error of its log, or else the last line."""
    errors = _ERROR.findall(text)
    lines = text.strip().splitlines() or [""]
    return " ".join((errors[-1].replace('\\"', '"') if errors else lines[-1]).split())[:_LONGEST]


def _id(gateway: model.Gateway) -> str:
    return gateway.emissary_id or f"{gateway.namespace}-{gateway.name}"


def _values(gateway: model.Gateway) -> dict[str, object]:
    auth, tls = gateway.auth, gateway.tls
    closed = any(gateway.refuses(route) for route in gateway.table)
    silent = gateway.refusal if closed else pages.DOWN
    script = {
        "stripped": routes.stripped(auth),
        "names": gateway.session_cookies,
        "aside": _ASIDE,
        "pages": {
            "gatekeeper": pages.plain(pages.SILENT if auth else silent),
            "upstream": pages.plain(silent),
        },
        "page_headers": pages.HEADERS,
    }
    asked = {
        "service": f"{auth.host}:{auth.port}" if auth else _NOBODY,
        "request_headers": tuple(dict.fromkeys((*_REQUEST_HEADERS, *(auth.request_headers if auth else ())))),
        "response_headers": tuple(dict.fromkeys((*(auth.response_headers if auth else ()), *_REPLIES))),
    }
    secret = {"certificate": _base64(tls.certificate), "key": _base64(tls.key)} if tls else None
    return {
        "id": _id(gateway),
        "namespace": gateway.namespace,
        "script": templates.render(_TEMPLATES, "emissary.lua.j2", script),
        "log_path": "/dev/null" if gateway.access_log == "off" else "/dev/fd/1",
        "log_format": _LOG_FORMAT,
        "listeners": _listeners(gateway),
        "trusted_proxies": gateway.trusted_proxies,
        "tls": secret,
        "insecure": "Redirect" if gateway.redirect[0] else "Route",
        "auth": asked,
        "mappings": [mapping for route in gateway.table for mapping in _mappings(route, gateway)],
        "hsts": f"max-age={gateway.hsts}" if gateway.hsts else "",
        "cors_origins": gateway.cors_origins,
    }


def _listeners(gateway: model.Gateway) -> list[dict[str, object]]:
    """Return where the gateway listens, and how each tells whether a request came over https.

    By its own port, save where a load balancer is believed and plain http is sent elsewhere: Emissary then makes two
    routes of every Mapping, and Envoy has twice as many to read and to try.
    """
    believed = gateway.trusted_proxies and gateway.redirect[0]
    ports = [("http", gateway.port, "INSECURE"), *([("https", gateway.tls.port, "SECURE")] if gateway.tls else [])]
    return [
        {"name": name, "port": port, "protocol": name.upper(), "security": "XFP" if believed else own}
        for name, port, own in ports
    ]


def _authority(domain: str) -> str:
    """Return the expression that a Host header fits; Emissary's own `hostname` knows no port and no capital letters."""
    return f"(?i){re.escape(domain)}(:[0-9]+)?"


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _mappings(route: routes.Route, gateway: model.Gateway) -> typing.Iterator[_Mapping]:
    cookies = not gateway.keeps_cookies(route)
    # What was set aside is put back after the authorizer's yes, of which nothing but identities is the application's.
    aside = (*(("cookie",) if cookies else ()), *((*_ASIDE, *_REPLIES, "set-cookie") if gateway.asks(route) else ()))
    restored = ((("cookie", "cookies"),) if cookies else ()) + tuple(
        (name, name) for name in _ASIDE if gateway.asks(route)
    )
    path, rewrite, replaced = _match(route)
    # Emissary takes about as long for each of them as for all else of a route, so that there are only those needed. At
    # a host of its own a call must not go to the application that has / elsewhere and is called with gRPC: Emissary
    # puts the longer expression first, and that may be the content type's.
    for grpc in (False, True) if route.grpc or route.domain else (False,):
        yield _Mapping(
            name=f"{route.application}-{route.relation}{'-grpc' if grpc else ''}",
            authority=_authority(route.domain) if route.domain else "",
            prefix=route.prefix,
            path=path,
            rewrite=rewrite,
            replaced=replaced,
            service=_NOBODY if gateway.refuses(route) else f"{route.host}:{route.port}",
            open=not (gateway.asks(route) or gateway.refuses(route)),
            grpc=grpc,
            removed=tuple(dict.fromkeys(aside)),
            restored=tuple((name, f"%REQ(x-gateway-{held})%") for name, held in restored),
        )


def _match(route: routes.Route) -> tuple[str, str, str]:
    """Return the expression that path and query fit, the rewrite, and the expression of what / takes the place of.

    Emissary's prefixes are prefixes of texts, and /dex would be /dexter's too.
    """
    if route.prefix == "/":
        return ("", "" if route.rewrite == "/" else f"{route.rewrite}/", "")
    # It begins there anyway. Written out, what follows is compared as plain text: of any length, whatever
    # regex_max_size says, and a thousand of them in half the time.
    prefix = f"^{re.escape(route.prefix)}"
    # \C is any byte: in HTTP/2 a query need not be text, and must not lead elsewhere for that.
    path = rf"{prefix}([/?]\C*)?"
    if route.rewrite == "/":
        # Put in the place of the prefix alone, it would give two slashes.
        return (path, "", f"{prefix}/*")
    return (path, "" if route.rewrite == route.prefix else route.rewrite, "")
