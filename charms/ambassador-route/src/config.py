# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The operator's words: the charm's options, checked."""

import dataclasses
import re
import urllib.parse

import model
import ops
from charmkit import urls

ENGINES = ("envoy", "emissary")
POD, CLUSTER = "pod", "cluster"
TARGETS = (POD, CLUSTER)
# What Juju makes, and what else there is.
PLAIN_SERVICE = "ClusterIP"
SERVICES = (PLAIN_SERVICE, "NodePort", "LoadBalancer")
ACCESS_LOGS = ("errors", "all", "off")
# The container does not run as root, and only root may listen below.
_LOWEST_PORT = 1024
_HIGHEST_PORT = 65535
_MOST_PROXIES = 10
_MOST_LOGINS = 100_000
_TEN_YEARS = 315_360_000
_COOKIE = re.compile(r"[A-Za-z0-9_.-]+")
_ID = re.compile(r"[A-Za-z0-9_.-]{1,63}")
_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
# At least two labels, the last of which begins with a letter: no address, and no name of a service.
_HOST = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
# https://kubernetes.io/docs/concepts/overview/working-with-objects/annotations/
_ANNOTATION = re.compile(r"([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_INSIDE = (".svc", ".cluster.local")
_APPLICATION = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]*[a-z][a-z0-9]*)*")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """The options of the gateway.

    Raises:
        ValueError: an option is wrong; the text begins with its name.
    """

    engine: str = "envoy"
    target: str = POD
    ambassador_id: str = "default"
    ambassador_address: str = ""
    http_port: int = 8080
    https_port: int = 8443
    external_url: str = ""
    hosts: str = ""
    grpc_applications: str = ""
    gateway_service_type: str = PLAIN_SERVICE
    annotations: str = ""
    tls_secret_id: ops.Secret | None = None
    csr_domain_name: str = ""
    https_redirect: bool = True
    hsts_max_age: int = 0
    trusted_proxies: int = 0
    session_cookies: str = "authservice_session authservice_refresh"
    allow_unauthenticated: bool = False
    fast_mode: bool = False
    login_rate_limit: int = 0
    cors_origins: str = ""
    access_log: str = "errors"
    metrics_port: int = 9902

    def __post_init__(self) -> None:
        """Check every option."""
        if self.engine not in ENGINES:
            raise ValueError(f"engine: unknown engine {self.engine!r}, there are {' and '.join(ENGINES)}")
        if self.target not in TARGETS:
            raise ValueError(f"target: unknown target {self.target!r}, there are {' and '.join(TARGETS)}")
        if self.target == CLUSTER and self.engine != "emissary":
            raise ValueError("target: cluster needs engine=emissary")
        if not _ID.fullmatch(self.ambassador_id):
            raise ValueError(
                f"ambassador-id: {self.ambassador_id!r} is no AMBASSADOR_ID of an Emissary, such as default"
            )
        for option, wished in (("fast-mode", self.fast_mode), ("login-rate-limit", self.login_rate_limit)):
            if wished and self.engine != "envoy":
                raise ValueError(f"{option}: only engine envoy has it")
        _range("http-port", self.http_port, _LOWEST_PORT, _HIGHEST_PORT)
        _range("https-port", self.https_port, _LOWEST_PORT, _HIGHEST_PORT)
        _range("metrics-port", self.metrics_port, _LOWEST_PORT, _HIGHEST_PORT)
        for option, port in (
            ("http-port", self.http_port),
            ("https-port", self.https_port),
            ("metrics-port", self.metrics_port),
        ):
            if port == model.ALIVE_PORT:
                raise ValueError(f"{option}: {port} is taken by Envoy's own check")
        for option, port in (("https-port", self.https_port), ("metrics-port", self.metrics_port)):
            if port == self.http_port:
                raise ValueError(f"{option}: must differ from http-port, which is {port} too")
        if self.metrics_port == self.https_port:
            raise ValueError(f"metrics-port: must differ from https-port, which is {self.https_port} too")
        for option, url in (("external-url", self.external_url), ("ambassador-address", self.ambassador_address)):
            if url:
                urls.origin(option, url)
        if self.gateway_service_type not in SERVICES:
            raise ValueError(
                f"gateway_service_type: must be one of {', '.join(SERVICES)}, not {self.gateway_service_type!r}"
            )
        for name, value in self.service_annotations.items():
            if not _ANNOTATION.fullmatch(name) or not value:
                raise ValueError(f"annotations: {name[:80]}={value[:80]} is not an annotation, such as example.com/a=b")
        self._check_hosts()
        self._check_grpc()
        if self.csr_domain_name and not _DOMAIN.fullmatch(self.csr_domain_name):
            raise ValueError("csr-domain-name: it is no domain name, write it like kubeflow.example.com")
        _range("hsts-max-age", self.hsts_max_age, 0, _TEN_YEARS)
        _range("trusted-proxies", self.trusted_proxies, 0, _MOST_PROXIES)
        _range("login-rate-limit", self.login_rate_limit, 0, _MOST_LOGINS)
        for name in self.cookies:
            if not _COOKIE.fullmatch(name):
                raise ValueError(f"session-cookies: {name!r} is not the name of a cookie")
        if self.access_log not in ACCESS_LOGS:
            raise ValueError(f"access-log: must be one of {', '.join(ACCESS_LOGS)}, not {self.access_log!r}")
        _ = self.origins

    @property
    def cookies(self) -> tuple[str, ...]:
        """Return the cookies that applications do not receive."""
        return tuple(dict.fromkeys(self.session_cookies.replace(",", " ").split()))

    @property
    def origins(self) -> tuple[str, ...]:
        """Return the origins whose pages may call applications here."""
        return tuple(urls.origin("cors-origins", text) for text in self.cors_origins.replace(",", " ").split())

    @property
    def service_annotations(self) -> dict[str, str]:
        """Return the annotations of the Service."""
        pairs = (text.strip().partition("=") for text in self.annotations.split(",") if text.strip())
        return {name.strip(): value.strip() for name, _, value in pairs}

    @property
    def applications_hosts(self) -> dict[str, str]:
        """Return the applications that have a host of their own, and which."""
        pairs = (text.partition("=") for text in self.hosts.replace(",", " ").split())
        return {application: host.lower() for application, _, host in pairs}

    @property
    def called_with_grpc(self) -> tuple[str, ...]:
        """Return the applications that are called with gRPC, or * for all; none where the engine sees it by itself."""
        return self._grpc if self.engine == "emissary" else ()

    @property
    def _grpc(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.grpc_applications.replace(",", " ").split()))

    def _check_grpc(self) -> None:
        for name in self._grpc:
            if name != "*" and not _APPLICATION.fullmatch(name):
                raise ValueError(
                    f"grpc-applications: {name!r} is not the name of an application, such as tensorboards, or *"
                )

    def _check_hosts(self) -> None:
        found = self.applications_hosts
        if len(found) != len(self.hosts.replace(",", " ").split()):
            raise ValueError("hosts: an application has one host, and is named once")
        public = urllib.parse.urlsplit(self.external_url).hostname
        for application, host in found.items():
            if not _APPLICATION.fullmatch(application) or not _HOST.fullmatch(host) or host.endswith(_INSIDE):
                raise ValueError(
                    f"hosts: {application}={host} is not an application and its host, such as minio=minio.example.com"
                )
            if host == public:
                raise ValueError(f"hosts: {host} is the host of external-url, which all applications have anyway")

    def url(self, address: str, *, tls: bool = False) -> str:
        """Return the public URL without a trailing slash: the option, or else an address and the port.

        Args:
            address: the gateway's own address, empty when it is not known.
            tls: whether it has a certificate.
        """
        if self.external_url:
            return urls.origin("external-url", self.external_url)
        host = f"[{address}]" if ":" in address else address
        return (f"https://{host}:{self.https_port}" if tls else f"http://{host}:{self.http_port}") if address else ""


def _range(option: str, value: int, lowest: int, highest: int) -> None:
    if not lowest <= value <= highest:
        raise ValueError(f"{option}: must be from {lowest} to {highest}, not {value}")
