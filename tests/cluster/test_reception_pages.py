# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The pages of the reception in a browser of 320 pixels: what they say, without JavaScript too, and to everybody."""

import collections.abc
import os
import pathlib
import shutil

import axe
import cluster
import live
import playwright.sync_api
import pytest
import receptions
from lightkube.resources.core_v1 import Namespace

SCREENSHOTS = live.ROOT / "artifacts" / "screenshots"
Page = playwright.sync_api.Page


@pytest.fixture(scope="module")
def chromium() -> collections.abc.Iterator[playwright.sync_api.Browser]:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    program = shutil.which("chromium")
    assert program, "chromium is missing: apt-get install chromium"
    # Chromium's own sandbox needs namespaces, which root does not get in a container.
    words = ["--disable-gpu", "--disable-background-networking", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with playwright.sync_api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=words)
        yield browser
        browser.close()


@pytest.fixture
def place(kube: cluster.Cluster, tmp_path: pathlib.Path) -> collections.abc.Iterator[receptions.Reception]:
    receptions.prepare(kube)
    found = receptions.Reception(tmp_path / "pages", kube, "pages", create="ask", patience=1, most_profiles=2)
    found.start("serve")
    live.wait(lambda: found.ready(found.management), hint="the reception is ready")
    yield found
    found.down()


def visit(chromium: playwright.sync_api.Browser, user: str, *, javascript: bool = True) -> Page:
    context = chromium.new_context(
        viewport={"width": 320, "height": 640},
        extra_http_headers={"kubeflow-userid": user},
        java_script_enabled=javascript,
    )
    context.set_default_timeout(60_000)
    return context.new_page()


def check(page: Page, name: str) -> None:
    """Look at a page as people with small screens and screen readers do."""
    page.screenshot(path=SCREENSHOTS / f"reception-{name}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert axe.grave(page) == []


def test_a_person_is_asked_waits_and_goes_on(chromium: playwright.sync_api.Browser, place: receptions.Reception):
    page = visit(chromium, "asked@example.com")
    page.goto(f"{place.url}/reception?next=%2Freception-was-here%3Fx%3D1")
    check(page, "ask")
    assert "pages-asked-example-com" in page.inner_text("main")
    page.click("text=Make my workspace")
    page.wait_for_selector("text=is being made")
    check(page, "waiting")
    page.wait_for_selector("text=longer than it should")
    assert "juju run reception/leader list-profiles" in page.inner_text("#long")
    check(page, "waiting-long")
    place.start("control")
    page.wait_for_url(f"{place.url}/reception-was-here?x=1")
    page.goto(f"{place.url}/reception/profiles")
    check(page, "profiles")
    page.fill("#suffix", "second")
    page.click("text=Make it")
    page.wait_for_selector("text=pages-asked-example-com-second")
    assert page.query_selector("#suffix") is None, "two is the most"
    page.context.close()


def test_it_works_without_javascript(chromium: playwright.sync_api.Browser, place: receptions.Reception):
    page = visit(chromium, "plain@example.com", javascript=False)
    page.goto(f"{place.url}/reception?next=%2Fplainly")
    page.click("text=Make my workspace")
    page.wait_for_selector("text=is being made")
    place.start("control")
    page.wait_for_url(f"{place.url}/plainly")
    page.context.close()


def test_a_name_that_is_taken_is_told(chromium: playwright.sync_api.Browser, place: receptions.Reception):
    place.kube.client().create(receptions.profile("pages-x-y-example-com", "x.y@example.com"))
    page = visit(chromium, "x-y@example.com")
    page.goto(f"{place.url}/reception")
    page.click("text=Make my workspace")
    page.wait_for_selector("text=is taken")
    check(page, "taken")
    assert "pages-x-y-example-com" not in {found.metadata.name for found in place.kube.client().list(Namespace)}
    page.context.close()
