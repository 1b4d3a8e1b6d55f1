# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The whole of a first login in a browser: gateway, Dex, gatekeeper, reception, controller, and the page asked for."""

import collections.abc
import os
import shutil
import time

import cluster
import lightkube
import live
import playwright.sync_api
import pytest
import receptions
import upstream
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Namespace, ServiceAccount

NAMESPACE = "kubeflow"
PAGE = "/notebook/kubeflow-user/mytest/lab?tab=1&path=a%2Fb"
SECONDS = 10.0


@pytest.fixture(scope="module")
def notebook() -> collections.abc.Iterator[upstream.Upstream]:
    server = upstream.Upstream()
    yield server
    server.close()


@pytest.fixture(scope="module")
def sandbox(
    kube: cluster.Cluster, tmp_path_factory: pytest.TempPathFactory, notebook: upstream.Upstream
) -> collections.abc.Iterator[live.Live]:
    receptions.prepare(kube)
    place = receptions.Reception(tmp_path_factory.mktemp("rights"), kube, NAMESPACE)
    home = tmp_path_factory.mktemp("sandbox")
    kubeconfig = str(kube.configuration(kube.token(NAMESPACE, "reception"), "sandbox"))
    running = live.Live(home, "--kubernetes", "--app", f"/notebook={notebook.url}")
    before = os.environ.get("KUBECONFIG")
    os.environ["KUBECONFIG"] = kubeconfig
    try:
        assert f"using the cluster at {place.kube.url}" in running.up()
    finally:
        os.environ.pop("KUBECONFIG") if before is None else os.environ.update(KUBECONFIG=before)
    yield running
    running.down()


@pytest.fixture
def page() -> collections.abc.Iterator[playwright.sync_api.Page]:
    program = shutil.which("chromium")
    assert program, "chromium is missing: apt-get install chromium"
    # Chromium's own sandbox needs namespaces, which root does not get in a container.
    words = ["--disable-gpu", "--disable-background-networking", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with playwright.sync_api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=words)
        context = browser.new_context(viewport={"width": 320, "height": 640})
        context.set_default_timeout(60_000)
        yield context.new_page()
        browser.close()


def enter(page: playwright.sync_api.Page, user: str, password: str) -> float:
    """Fill in Dex's form, and return when it was sent."""
    page.fill("#login", user)
    page.fill("#password", password)
    sent = time.monotonic()
    page.click("#submit-login")
    return sent


def test_a_new_user_gets_a_namespace_and_the_page_first_asked_for(
    sandbox: live.Live, page: playwright.sync_api.Page, kube: cluster.Cluster
):
    admin = kube.client()
    password = sandbox.run("dex-auth/leader", "add-user", "email=new.user@example.com")["password"]
    visited: list[str] = []
    page.on("framenavigated", lambda frame: visited.append(frame.url))
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.goto(f"{sandbox.url}{PAGE}")
    sent = enter(page, "new.user@example.com", password)
    page.wait_for_url(f"{sandbox.url}{PAGE}")
    first = time.monotonic() - sent
    assert [url for url in requested if "/reception?next=%2Fnotebook%2F" in url], requested
    name = "kubeflow-new-user-example-com"
    assert admin.get(receptions.Profile, name).spec["owner"]["name"] == "new.user@example.com"
    assert receptions.bindings(admin, name)["namespaceAdmin"] == ("new.user@example.com", "kubeflow-admin")
    accounts = {found.metadata.name for found in admin.list(ServiceAccount, namespace=name)}
    assert {"default-editor", "default-viewer"} <= accounts

    page.context.clear_cookies()
    page.goto(f"{sandbox.url}{PAGE}")
    sent = enter(page, "new.user@example.com", password)
    page.wait_for_url(f"{sandbox.url}{PAGE}")
    second = time.monotonic() - sent
    print(f"from password to page: first login {first:.2f} s, second {second:.2f} s")
    assert first < SECONDS
    assert second < SECONDS


def test_a_namespace_of_somebody_else_is_a_page_that_helps(
    sandbox: live.Live, page: playwright.sync_api.Page, kube: cluster.Cluster
):
    admin = kube.client()
    admin.create(Namespace(metadata=ObjectMeta(name="kubeflow-late-example-com")))
    password = sandbox.run("dex-auth/leader", "add-user", "email=late@example.com")["password"]
    page.goto(f"{sandbox.url}{PAGE}")
    enter(page, "late@example.com", password)
    page.wait_for_selector("text=could not be made")
    assert "juju run reception/leader list-profiles" in page.inner_text("body")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    with pytest.raises(lightkube.ApiError, match="not found"):
        admin.get(ServiceAccount, "default-editor", namespace="kubeflow-late-example-com")


def test_without_a_cluster_the_reception_is_left_out(tmp_path_factory: pytest.TempPathFactory):
    running = live.Live(tmp_path_factory.mktemp("without"))
    try:
        assert "reception is left out, it needs a cluster" in running.up()
        assert "reception" not in running.status()["applications"]
        assert running.can_log_in()
    finally:
        running.down()


def test_a_cluster_that_cannot_be_used_is_said(tmp_path_factory: pytest.TempPathFactory, monkeypatch):
    running = live.Live(tmp_path_factory.mktemp("bad"))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    assert "set KUBECONFIG" in running.cli("up", "--detach", "--kubernetes", "--port", str(running.port), code=1)
    monkeypatch.setenv("KUBECONFIG", "/nonexistent/config")
    said = running.cli("up", "--detach", "--kubernetes", "--port", str(running.port), code=1)
    assert "the cluster of /nonexistent/config cannot be used" in said
