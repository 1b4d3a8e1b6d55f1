# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The parts of the service, put together."""

import collections.abc
import dataclasses
import time

from gatekeeper import (
    accessjwt,
    accesstoken,
    apitokens,
    callback,
    check,
    fields,
    gauges,
    guard,
    idtoken,
    kubernetes,
    login,
    logout,
    metrics,
    pages,
    peers,
    policy,
    provider,
    readiness,
    refresh,
    remote,
    renewal,
    revocation,
    sealed,
    session,
    settings,
    spread,
    tokenpage,
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
    refreshes: refresh.Refreshes
    api_tokens: apitokens.ApiTokens
    peers: peers.Peers
    spread: spread.Spread
    metrics: metrics.Metrics
    readiness: readiness.Readiness
    remotes: tuple[remote.Remote, ...]
    reviews: kubernetes.Reviews | None
    callback: callback.Callback
    logout: logout.Logout
    token_page: tokenpage.TokenPage
    pages: pages.Pages
    clock: collections.abc.Callable[[], float]


# In which order a bearer token is tried. Those who must ask somebody come first, and refuse other kinds without asking.
_ORDER = ("kubernetes", "access_token", "access_jwt", "session", "id_token", "api_token")


def build(options: settings.Settings, *, clock: collections.abc.Callable[[], float] = time.time) -> Service:
    """Return a service as configured; nothing runs yet."""
    counts = metrics.Metrics()
    source = provider.Provider(options, counts=counts, clock=clock)
    rules = policy.Policy(options)
    ledger = revocation.Ledger()
    sessions = session.Sessions(options, ledger)
    sealer = sealed.Sealer([fields.state_key(key) for key in options.state_keys])
    allow = check.allowing(options, sessions.attest)
    refreshes = refresh.Refreshes(options, sealer, ledger, rules)
    id_tokens = idtoken.IdTokens(options=options, source=source, policy=rules, ledger=ledger)
    # Bearers are few but long: a smaller memory for them than for sessions.
    session_guard = guard.Guard(sessions, allow, tally=counts.tally("session"))
    refresh_guard = guard.Guard(refreshes, allow, tally=counts.tally("refresh"))
    ledger.on_change += [session_guard.forget, refresh_guard.forget]
    renewals = renewal.Renewals(
        options, sessions=sessions, refreshes=refreshes, ward=refresh_guard, counts=counts.renewals
    )
    others = peers.Peers(options, sealer, ledger)
    spreader = spread.Spread(options, ledger, others, sealer, clock=clock)
    api_tokens = apitokens.ApiTokens(ledger, rules, look=spreader.look)
    api_guard = guard.Guard(api_tokens, allow, tally=counts.tally("api_token"), passes=1_000, refusals=1_000)
    ledger.on_change.append(api_guard.forget)
    token_guard = guard.Guard(id_tokens, allow, tally=counts.tally("id_token"), passes=1_000, refusals=1_000)
    source.on_lost_keys.append(token_guard.forget_all)
    ledger.on_change.append(token_guard.forget)
    logins = login.Logins(options, sealer)
    wards = {"session": session_guard, "id_token": token_guard, "api_token": api_guard}
    remotes: list[remote.Remote] = []
    reviews = kubernetes.Reviews(options.kubernetes, rules) if options.kubernetes else None
    if reviews is not None:
        remotes.append(remote.Remote(reviews))
        wards["kubernetes"] = guard.Guard(remotes[-1], allow, tally=counts.tally("kubernetes"), passes=1_000)
    if "access_token" in options.authenticators:
        remotes.append(remote.Remote(accesstoken.AccessTokens(options, source, rules)))
        wards["access_token"] = guard.Guard(remotes[-1], allow, tally=counts.tally("access_token"), passes=1_000)
        if options.access_token_audiences:
            jwts = accessjwt.AccessJwts(options=options, source=source, policy=rules, ledger=ledger)
            jwt_guard = guard.Guard(jwts, allow, tally=counts.tally("access_jwt"), passes=1_000, refusals=1_000)
            source.on_lost_keys.append(jwt_guard.forget_all)
            ledger.on_change.append(jwt_guard.forget)
            wards["access_jwt"] = jwt_guard
    accepted = {*options.authenticators, "access_jwt"}
    gate = check.Gate(
        options,
        sessions=session_guard,
        bearers=[wards[name] for name in _ORDER if name in wards and name in accepted],
        logins=logins,
        renewals=renewals,
        endpoint=lambda: source.authorization_endpoint,
        checks=counts.checks,
    )
    renderer = pages.Pages(options)
    counts.gauges += gauges.remembered({"refresh": refresh_guard, **wards})
    counts.gauges += gauges.surroundings(options, ledger=ledger, source=source, spreader=spreader, clock=clock)
    return Service(
        options=options,
        gate=gate,
        provider=source,
        sessions=sessions,
        ledger=ledger,
        renewals=renewals,
        refreshes=refreshes,
        api_tokens=api_tokens,
        peers=others,
        spread=spreader,
        metrics=counts,
        readiness=readiness.Readiness(options.drain_seconds),
        remotes=tuple(remotes),
        reviews=reviews,
        callback=callback.Callback(
            options,
            gate=gate,
            logins=logins,
            renewals=renewals,
            id_tokens=id_tokens,
            source=source,
            rules=rules,
            renderer=renderer,
            counts=counts,
            clock=clock,
        ),
        logout=logout.Logout(
            options,
            spreader=spreader,
            renewals=renewals,
            ward=session_guard,
            renderer=renderer,
            count=counts.logouts,
            end_session=lambda: source.end_session_endpoint,
        ),
        token_page=tokenpage.TokenPage(
            options,
            gate=gate,
            ledger=ledger,
            spreader=spreader,
            renderer=renderer,
            devices=lambda: source.device_endpoints,
        ),
        pages=renderer,
        clock=clock,
    )
