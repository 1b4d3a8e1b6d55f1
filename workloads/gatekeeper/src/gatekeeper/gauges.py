# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What goes up and down in a service: how much is remembered, how old the keys are, who answers."""

import collections.abc

from gatekeeper import guard, provider, revocation, settings, spread
from gatekeeper.metrics import Gauge


def remembered(wards: collections.abc.Mapping[str, guard.Guard]) -> list[Gauge]:
    """Return how many tokens of each kind are in memory, proven or refused."""
    made: list[Gauge] = []
    for name, ward in wards.items():
        for outcome, read in (("proven", ward.proven), ("refused", ward.refused)):
            made.append(
                Gauge(
                    name="gatekeeper_tokens_remembered",
                    text="Tokens in memory, so that they are not verified again.",
                    labels={"authenticator": name, "outcome": outcome},
                    read=read,
                )
            )
    return made


def surroundings(
    options: settings.Settings,
    *,
    ledger: revocation.Ledger,
    source: provider.Provider,
    spreader: spread.Spread,
    clock: collections.abc.Callable[[], float],
) -> list[Gauge]:
    """Return what the service knows about keys, logouts, and those it asks."""
    made = [
        Gauge(
            name="gatekeeper_revocations",
            text="What is logged out or revoked, and API tokens.",
            read=lambda: len(ledger.records),
            merge="max",
        ),
        Gauge(
            name="gatekeeper_provider_up",
            text="Whether the provider answered last.",
            read=lambda: not source.trouble,
            merge="min",
        ),
        Gauge(
            name="gatekeeper_redis_up",
            text="Whether Redis answers, 1 without one.",
            read=lambda: not spreader.trouble,
            merge="min",
        ),
    ]
    since = options.signing_keys[0].since
    if since:
        made.append(
            Gauge(
                name="gatekeeper_signing_key_age_seconds",
                text="For how long the key that signs sessions has been in use.",
                read=lambda: clock() - since,
                merge="max",
            )
        )
    return made
