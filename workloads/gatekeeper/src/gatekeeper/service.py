# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The parts of the service, put together."""

import collections.abc
import dataclasses
import time

from gatekeeper import (
    callback,
    check,
    guard,
    idtoken,
    login,
    logout,
    pages,
    peers,
    provider,
    refresh,
    renewal,
    revocation,
    sealed,
    session,
    settings,
    spread,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Service:
    """Everything that answers requests."""

    options: settings.Settings
    gate: check.Gate
    provider: provider.Provider
    sessions: session.Sessions
    ledger: revocation.Ledger
    renewals: renewal.Renewals
    peers: peers.Peers
    spread: spread.Spread
    callback: callback.Callback
    logout: logout.Logout
    pages: pages.Pages
    clock: collections.abc.Callable[[], float]


def build(options: settings.Settings, *, clock: collections.abc.Callable[[], float] = time.time) -> Service:
    """Return a service as configured; nothing runs yet."""
    source = provider.Provider(options, clock=clock)
    allow = check.allowing(options)
    ledger = revocation.Ledger()
    sessions = session.Sessions(options, ledger)
    sealer = sealed.Sealer([settings.state_key(key) for key in options.state_keys])
    refreshes = refresh.Refreshes(options, sealer, ledger)
    id_tokens = idtoken.IdTokens(options=options, source=source)
    # Bearers are few but long: a smaller memory for them than for sessions.
    session_guard = guard.Guard(sessions, allow)
    refresh_guard = guard.Guard(refreshes, allow)
    ledger.on_change += [session_guard.forget, refresh_guard.forget]
    renewals = renewal.Renewals(options, sessions=sessions, refreshes=refreshes, ward=refresh_guard)
    others = peers.Peers(options, sealer, ledger)
    spreader = spread.Spread(options, ledger, others, clock=clock)
    token_guard = guard.Guard(id_tokens, allow, passes=1_000, refusals=1_000)
    source.on_lost_keys = token_guard.forget_all
    logins = login.Logins(options, sealer)
    gate = check.Gate(
        options,
        sessions=session_guard,
        bearers=(session_guard, token_guard),
        logins=logins,
        renewals=renewals,
        endpoint=lambda: source.authorization_endpoint,
    )
    renderer = pages.Pages(options)
    return Service(
        options=options,
        gate=gate,
        provider=source,
        sessions=sessions,
        ledger=ledger,
        renewals=renewals,
        peers=others,
        spread=spreader,
        callback=callback.Callback(
            options,
            gate=gate,
            logins=logins,
            renewals=renewals,
            id_tokens=id_tokens,
            source=source,
            renderer=renderer,
            clock=clock,
        ),
        logout=logout.Logout(
            options,
            spreader=spreader,
            renewals=renewals,
            ward=session_guard,
            renderer=renderer,
            end_session=lambda: source.end_session_endpoint,
        ),
        pages=renderer,
        clock=clock,
    )
