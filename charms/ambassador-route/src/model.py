# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The whole gateway as frozen values, from which every engine renders what it reads. Pure."""

import dataclasses

import routes

# The cookies of the gatekeeper's session, which are nobody else's business.
SESSION_COOKIES = ("authservice_session", "authservice_refresh")
ALIVE_PORT = 9903


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tls:
    """How the gateway ends TLS.

    Attributes:
        port: where it listens for it.
        certificate: the chain, leaf first, as PEM.
        key: the leaf's private key, as PEM.
    """

    port: int
    certificate: str
    key: str = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fast:
    """How sessions are verified without asking the authorizer.

    Attributes:
        jwks: the keys that sign sessions, as a JSON Web Key Set.
        issuer: who must have issued them.
        cookie: where they are.
    """

    jwks: str
    issuer: str
    cookie: str = SESSION_COOKIES[0]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gateway:
    """All that the gateway's configuration depends on.

    Attributes:
        name: the application.
        namespace: its model.
        port: where it listens.
        tls: how it ends TLS; None without a certificate.
        redirect: the host and port of https to which plain http is sent; empty host for none, 0 for https's own port.
        hsts: for how many seconds browsers shall insist on https; 0 to say nothing.
        trusted_proxies: how many load balancers stand in front and tell where a request comes from.
        table: the routes, longest prefix first.
        auth: who is asked about protected routes; None while nobody is.
        refusal: what a protected route answers while nobody is asked.
        everybody: whether protected routes are open to all, which is an operator's own wish.
        fast: how sessions are verified here; None to ask the authorizer always.
        session_cookies: the cookies that no application receives, save the authorization service itself.
        login_rate: how many requests to the login an address may make in a minute; 0 for any number.
        cors_origins: whose pages may call applications here.
        access_log: which requests are logged: errors, all, or off.
        metrics_port: where Prometheus finds metrics; 0 for nowhere.
        alive_port: where Pebble asks whether it hangs, on loopback only.
        emissary_id: of an Emissary that runs in the cluster; empty for one of our own.
        check_period: how often Pebble asks whether it is ready, as a Go duration.
    """

    name: str
    namespace: str = ""
    port: int
    tls: Tls | None = None
    redirect: tuple[str, int] = ("", 0)
    hsts: int = 0
    trusted_proxies: int = 0
    table: tuple[routes.Route, ...] = ()
    auth: routes.Auth | None = None
    refusal: str = ""
    everybody: bool = False
    fast: Fast | None = None
    session_cookies: tuple[str, ...] = SESSION_COOKIES
    login_rate: int = 0
    cors_origins: tuple[str, ...] = ()
    access_log: str = "errors"
    metrics_port: int = 0
    alive_port: int = ALIVE_PORT
    emissary_id: str = ""
    check_period: str = "1s"

    def keeps_cookies(self, route: routes.Route) -> bool:
        """Return whether the application of a route is the authorization service, whose cookies they are."""
        return self.auth is not None and (route.host, route.port) == (self.auth.host, self.auth.port)

    def asks(self, route: routes.Route) -> bool:
        """Return whether somebody is asked before a request reaches the application of a route."""
        return route.protected and self.auth is not None

    def refuses(self, route: routes.Route) -> bool:
        """Return whether a route reaches nobody, because there is nobody to ask."""
        return route.protected and self.auth is None and not self.everybody
