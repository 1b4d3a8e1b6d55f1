# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The whole gateway as frozen values, from which every engine renders what it reads. Pure."""

import dataclasses

import routes

# The cookies of the gatekeeper's session, which are nobody else's business.
SESSION_COOKIES = ("authservice_session", "authservice_refresh")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gateway:
    """All that the gateway's configuration depends on.

    Attributes:
        name: the application.
        port: where it listens.
        table: the routes, longest prefix first.
        auth: who is asked about protected routes; None while nobody is.
        refusal: what a protected route answers while nobody is asked.
        session_cookies: the cookies that no application receives, save the authorization service itself.
        check_period: how often Pebble asks whether it is ready, as a Go duration.
    """

    name: str
    port: int
    table: tuple[routes.Route, ...] = ()
    auth: routes.Auth | None = None
    refusal: str = ""
    session_cookies: tuple[str, ...] = SESSION_COOKIES
    check_period: str = "1s"

    def keeps_cookies(self, route: routes.Route) -> bool:
        """Return whether the application of a route is the authorization service, whose cookies they are."""
        return self.auth is not None and (route.host, route.port) == (self.auth.host, self.auth.port)
