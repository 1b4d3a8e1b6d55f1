# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What Pebble and Prometheus ask on ports that no gateway routes to."""

import collections.abc
import dataclasses

import starlette.requests
import starlette.responses
import starlette.routing

Response = starlette.responses.PlainTextResponse


@dataclasses.dataclass(frozen=True, kw_only=True)
class Number:
    """One number that is measured."""

    name: str
    text: str
    kind: str
    value: collections.abc.Callable[[], float]


def routes(
    *,
    trouble: collections.abc.Callable[[], str],
    state: collections.abc.Callable[[], str],
    numbers: collections.abc.Sequence[Number],
) -> list[starlette.routing.BaseRoute]:
    """Return the routes /live, /ready and /metrics.

    Args:
        trouble: says why this process cannot do its work, empty while it can.
        state: says what it does.
        numbers: what is measured.
    """

    async def live(_: starlette.requests.Request) -> Response:
        return Response("ok")

    async def ready(_: starlette.requests.Request) -> Response:
        why = trouble()
        return Response(why or state(), 503 if why else 200)

    async def metrics(_: starlette.requests.Request) -> Response:
        lines: list[str] = []
        for one in numbers:
            lines += [f"# HELP {one.name} {one.text}", f"# TYPE {one.name} {one.kind}", f"{one.name} {one.value():g}"]
        return Response("\n".join(lines) + "\n")

    pairs = (("/live", live), ("/ready", ready), ("/metrics", metrics))
    return [starlette.routing.Route(path, endpoint) for path, endpoint in pairs]
