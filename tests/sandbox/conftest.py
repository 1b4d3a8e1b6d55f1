# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""One running sandbox for all tests of this directory, with a protected and a public application of the tests' own."""

import collections.abc
import functools
import os
import pathlib
import shutil

import live
import playwright.sync_api
import provider
import pytest
import upstream

ARGUMENTS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def protected() -> collections.abc.Iterator[upstream.Upstream]:
    server = upstream.Upstream()
    yield server
    server.close()


@pytest.fixture(scope="session")
def public() -> collections.abc.Iterator[upstream.Upstream]:
    server = upstream.Upstream()
    yield server
    server.close()


@pytest.fixture(scope="session")
def running(
    tmp_path_factory: pytest.TempPathFactory, protected: upstream.Upstream, public: upstream.Upstream
) -> collections.abc.Iterator[live.Live]:
    sandbox = live.Live(
        tmp_path_factory.mktemp("sandbox"),
        "--app", f"/recorded={protected.url}", "--public-app", f"/open={public.url}",
    )  # fmt: skip
    sandbox.up()
    yield sandbox
    sandbox.down()
    assert live.marked(str(sandbox.home)) == []


@pytest.fixture
def sandbox(running: live.Live) -> collections.abc.Iterator[live.Live]:
    """The running sandbox, with every option and service as deployed before and after the test."""
    running.touched = False
    yield running
    if not running.touched:
        return
    options = "connectors,static-username,static-password,enable-password-db,issuer-url"
    running.cli("config", "dex-auth", "--reset", options)
    running.cli("config", "gatekeeper", "--reset", "session-lifetime,login-redirect-code,userid-claim")
    # After the options: with those of some tests, Dex alone cannot start.
    for unit, service in (("gatekeeper/0", "gatekeeper"), ("dex-auth/0", "dex")):
        live.wait(functools.partial(_starts, running, unit, service))
    live.wait(running.active, hint="everything active again after the test")


@pytest.fixture
def other(sandbox: live.Live, tmp_path: pathlib.Path) -> collections.abc.Iterator[provider.Provider]:
    server = provider.Provider(tmp_path, f"{sandbox.url}/dex/callback")
    server.start()
    yield server
    # Back again while the options are reset, so that Dex's last start does not wait for it.
    sandbox.config("dex-auth", "--reset", "connectors")
    server.stop()


@pytest.fixture(scope="module")
def chromium() -> collections.abc.Iterator[playwright.sync_api.Browser]:
    program = shutil.which("chromium")
    assert program, "chromium is missing: apt-get install chromium"
    # Chromium's own sandbox needs namespaces, which root does not get in a container.
    arguments = [*ARGUMENTS, "--no-sandbox"] if os.geteuid() == 0 else ARGUMENTS
    with playwright.sync_api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def context(chromium: playwright.sync_api.Browser) -> collections.abc.Iterator[playwright.sync_api.BrowserContext]:
    context = chromium.new_context(viewport={"width": 1100, "height": 760})
    context.set_default_timeout(15_000)
    yield context
    context.close()


def _starts(running: live.Live, unit: str, service: str) -> bool:
    """Start a service; where a hook starts it anew just then, Pebble refuses, and it can be asked again."""
    try:
        running.cli("start", unit, service)
    except AssertionError as error:
        if "cannot start service while" not in str(error):
            raise
        return False
    return True
