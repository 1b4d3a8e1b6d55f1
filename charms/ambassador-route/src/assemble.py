# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Puts the gateway's model together from options, relations and certificate. Pure."""

import urllib.parse

import config
import model
import relations

# What listeners.json.j2 makes of the claims of a session.
_FAST_HEADERS = {"kubeflow-userid", "kubeflow-groups"}


def gateway(
    options: config.Config,
    reading: relations.Reading,
    *,
    name: str,
    namespace: str,
    url: str,
    tls: model.Tls | None,
    scraped: bool = False,
) -> model.Gateway:
    """Return the gateway that options and relations ask for.

    Args:
        options: the operator's.
        reading: what related applications say.
        name: this application.
        namespace: its model.
        url: the public URL, empty when it is not known.
        tls: the certificate; None without one.
        scraped: whether Prometheus wants metrics.
    """
    return model.Gateway(
        name=name,
        namespace=namespace,
        port=options.http_port,
        tls=tls,
        redirect=_redirect(options, url, tls),
        hsts=options.hsts_max_age if url.startswith("https:") else 0,
        trusted_proxies=options.trusted_proxies,
        table=reading.table,
        auth=reading.auth,
        refusal=reading.refusal,
        everybody=open_to_all(options, reading),
        fast=_fast(options, reading, url),
        session_cookies=options.cookies,
        login_rate=options.login_rate_limit,
        cors_origins=options.origins,
        access_log=options.access_log,
        emissary_id=options.ambassador_id if options.target == config.CLUSTER else "",
        metrics_port=options.metrics_port if scraped else 0,
    )


def open_to_all(options: config.Config, reading: relations.Reading) -> bool:
    """Return whether nobody is asked by the operator's own wish; a login that is related is asked all the same."""
    related = any(one.endpoint == relations.AUTH for one in reading.related)
    return options.allow_unauthenticated and not related


def _redirect(options: config.Config, url: str, tls: model.Tls | None) -> tuple[str, int]:
    parts = urllib.parse.urlsplit(url)
    # A load balancer that ends TLS and is not trusted to say so would be sent in a circle.
    if not options.https_redirect or parts.scheme != "https" or not (tls or options.trusted_proxies):
        return ("", 0)
    host = parts.hostname or ""
    return (f"[{host}]" if ":" in host else host, parts.port or 0)


def _fast(options: config.Config, reading: relations.Reading, url: str) -> model.Fast | None:
    if not (options.fast_mode and reading.auth and reading.jwks and url):
        return None
    if set(reading.auth.response_headers) != _FAST_HEADERS:
        # Applications expect other headers, such as a signed identity, that only the authorizer can give.
        return None
    return model.Fast(jwks=reading.jwks, issuer=url)
