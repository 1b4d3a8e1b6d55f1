# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""A person with a browser: a wrong password first, two tabs, logout; every page is kept as a screenshot."""

import pathlib

import live
import playwright.sync_api

SCREENSHOTS = live.ROOT / "artifacts" / "screenshots"


def keep(page: playwright.sync_api.Page, name: str) -> pathlib.Path:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    path = SCREENSHOTS / f"{name}.png"
    page.screenshot(path=path)
    return path


def fill(page: playwright.sync_api.Page, user: str, password: str) -> None:
    page.fill("#login", user)
    page.fill("#password", password)
    page.click("#submit-login")


def test_a_person_logs_in_with_a_wrong_password_first(sandbox: live.Live, context: playwright.sync_api.BrowserContext):
    user, password = sandbox.credentials()
    page = context.new_page()
    page.goto(f"{sandbox.url}/some/page?x=1")
    keep(page, "login")
    fill(page, user, "wrong")
    page.wait_for_selector("#login-error")
    keep(page, "login-wrong-password")
    fill(page, user, password)
    page.wait_for_url(f"{sandbox.url}/some/page?x=1")
    assert user in page.content()
    keep(page, "logged-in")
    assert page.evaluate("document.cookie").find(live.SESSION) == -1


def test_two_tabs_opened_before_login_both_end_on_their_own_page(
    sandbox: live.Live, context: playwright.sync_api.BrowserContext
):
    user, password = sandbox.credentials()
    first, second = context.new_page(), context.new_page()
    first.goto(f"{sandbox.url}/first?tab=1")
    second.goto(f"{sandbox.url}/second?tab=2")
    fill(first, user, password)
    first.wait_for_url(f"{sandbox.url}/first?tab=1")
    fill(second, user, password)
    second.wait_for_url(f"{sandbox.url}/second?tab=2")
    assert user in first.content()
    assert user in second.content()


def test_logout_by_the_link_on_the_page(sandbox: live.Live, context: playwright.sync_api.BrowserContext):
    user, password = sandbox.credentials()
    page = context.new_page()
    page.goto(sandbox.url)
    fill(page, user, password)
    page.wait_for_url(f"{sandbox.url}/")
    page.click("text=/log ?out/i")
    page.wait_for_selector("#login")
    keep(page, "logged-out")
    page.goto(f"{sandbox.url}/other")
    page.wait_for_selector("#login")


def test_another_host_name_leads_to_the_right_one(sandbox: live.Live, context: playwright.sync_api.BrowserContext):
    """Who types localhost ends on the gateway's own URL, logged in."""
    user, password = sandbox.credentials()
    page = context.new_page()
    page.goto(f"http://localhost:{sandbox.port}/typed")
    fill(page, user, password)
    page.wait_for_url(f"{sandbox.url}/typed")


def test_error_pages_are_readable(sandbox: live.Live, context: playwright.sync_api.BrowserContext):
    page = context.new_page()
    page.goto(f"{sandbox.url}/authservice/oidc/callback?error=access_denied&error_description=you+said+no")
    assert "You were not let in" in page.inner_text("body")
    assert "you said no" not in page.inner_text("body")
    keep(page, "error-callback")
    page.goto(f"{sandbox.url}/authservice/nothing-here")
    keep(page, "error-not-found")
    sandbox.cli("stop", "gatekeeper/0", "gatekeeper")
    answer = page.goto(f"{sandbox.url}/some/page")
    assert answer
    assert answer.status == 503
    assert "gatekeeper" in page.inner_text("body").lower()
    keep(page, "error-gatekeeper-down")


def test_a_person_makes_an_api_token(sandbox: live.Live, context: playwright.sync_api.BrowserContext):
    user, password = sandbox.credentials()
    page = context.new_page()
    page.goto(f"{sandbox.url}/authservice/tokens")
    fill(page, user, password)
    page.wait_for_url(f"{sandbox.url}/authservice/tokens")
    page.fill("input[name=name]", "nightly")
    page.click("text=Make a token")
    page.wait_for_selector("text=shown only once")
    keep(page, "tokens")
    assert "kfa_" in page.inner_text("pre >> nth=0")
    page.click("text=Revoke >> nth=0")
    page.wait_for_load_state()
    assert "kfa_" not in page.inner_text("body")
