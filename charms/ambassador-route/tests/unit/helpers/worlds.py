# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""A real Envoy with a stub authorizer and stub applications around it."""

import collections.abc
import contextlib
import dataclasses
import pathlib
import time

import envoy
import model
import routes
import servers
from servers import Reply, Seen

USER = ("kubeflow-userid", "anna@example.com")
MALLORY = ("kubeflow-userid", "mallory@example.com")
SESSION = ("Cookie", "authservice_session=good")
HTML = ("Accept", "text/html,application/xhtml+xml")
RESPONSE_HEADERS = ("kubeflow-userid", "kubeflow-groups", "x-extra-identity")


def decide(seen: Seen) -> Reply:
    """Answer as a gatekeeper does: who has a session is let in as Anna."""
    if "authservice_session=good" in (seen.one("cookie") or ""):
        return Reply(headers=[USER, ("Set-Cookie", "fresh=1; Path=/"), ("Set-Cookie", "fresher=2; Path=/")])
    if seen.path.startswith("/bare"):
        return Reply()
    return Reply(
        status=302,
        headers=[
            ("Location", "http://gateway.test/dex/auth?state=1"),
            ("Cache-Control", "no-store"),
            ("Content-Type", "text/html; charset=utf-8"),
            ("Set-Cookie", "attempt=1; HttpOnly"),
            ("Set-Cookie", "old=; Max-Age=0"),
            ("X-Reason", "no session"),
        ],
        body="<p>Log in</p>",
    )


class World:
    """One Envoy, one authorizer, two applications."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.port = servers.free_port()
        self.alive = servers.free_port()
        self.authorizer = servers.Server(decide)
        self.app = servers.Server(servers.echo)
        self.other = servers.Server(servers.echo)
        self.envoy = servers.Envoy(directory)
        self.auth = routes.Auth(
            host="127.0.0.1",
            port=self.authorizer.port,
            request_headers=("cookie", "authorization", "accept"),
            response_headers=RESPONSE_HEADERS,
        )
        self.table = (
            self.route("/protected"),
            self.route("/dex", protected=False),
            self.route("/tool", "/"),
            self.route("/moved", "/new/home"),
            self.route("/tool/other", "/", port=self.other.port),
            self.route("/authservice", "/", protected=False),
            self.route("/", application="dashboard"),
        )

    def route(self, prefix: str, rewrite: str | None = None, **changes: object) -> routes.Route:
        fields: dict[str, object] = {
            "application": f"app{prefix.replace('/', '-')}",
            "relation": 1,
            "prefix": prefix,
            "rewrite": rewrite or prefix,
            "host": "127.0.0.1",
            "port": self.app.port,
            "protected": True,
        }
        return routes.Route(**{**fields, **changes})  # type: ignore[arg-type]

    def gateway(self, **changes: object) -> model.Gateway:
        table = tuple(sorted(self.table, key=lambda route: -len(route.prefix)))
        plain = model.Gateway(name="gateway", port=self.port, table=table, auth=self.auth, alive_port=self.alive)
        return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]

    def write(self, **changes: object) -> None:
        self.envoy.write([(file.path, file.text) for file in envoy.configure(self.gateway(**changes)).files])

    def serve(self, **changes: object) -> None:
        """Let the gateway serve a configuration."""
        self.write(**changes)
        version = envoy.version(envoy.configure(self.gateway(**changes)))
        # A redirect to https stands behind the version, so plain http tells it always.
        servers.until(lambda: self.get(envoy.VERSION_PATH).body == version, "the configuration is not served")
        # A listener may come a moment after the routes.
        time.sleep(0.3)

    def get(self, path: str, *headers: tuple[str, str], method: str = "GET", body: str | None = None) -> servers.Answer:
        return servers.request(self.port, path, *headers, method=method, body=body)

    def forget(self) -> None:
        for server in (self.app, self.other, self.authorizer):
            server.seen.clear()

    @classmethod
    @contextlib.contextmanager
    def running(cls, directory: pathlib.Path) -> collections.abc.Generator["World"]:
        """Give one that serves its routes."""
        world = cls(directory)
        try:
            world.write()
            world.envoy.start(world.port, envoy.HEALTH_PATH)
            yield world
        finally:
            world.close()

    def close(self) -> None:
        self.envoy.stop()
        for server in (self.app, self.other, self.authorizer):
            server.close()
