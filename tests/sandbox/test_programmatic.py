# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The commands of docs/programmatic-access.md, as they stand there."""

import contextlib
import json
import os
import re
import shlex
import subprocess

import httpx
import live
import playwright.sync_api
import upstream

TEXT = (live.ROOT / "docs/programmatic-access.md").read_text()
DEVICE = re.findall(r"```sh\n(DEVICE=.*?)```", TEXT, re.DOTALL)[0].splitlines()
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL) for line in block.splitlines() if line]


def shell(sandbox: live.Live, line: str, **environment: str) -> str:
    """Run a line of the page in a shell, against this sandbox."""
    line = line.replace("juju run", f"{shlex.quote(str(live.SANDBOX))} run --format json")
    line = line.replace("http://127.0.0.1:8080", sandbox.url).replace("/ml", "/recorded")
    environment = {**os.environ, "SANDBOX_HOME": str(sandbox.home), **environment}
    return subprocess.run(
        ["bash", "-c", line], env=environment, stdout=subprocess.PIPE, text=True, check=True, timeout=60
    ).stdout


def named(word: str) -> str:
    (line,) = [line for line in COMMANDS if word in line and line not in DEVICE]
    return line


def test_every_command_of_the_page_does_what_it_says(sandbox: live.Live):
    ready = json.loads(shell(sandbox, named("get-access-command")))
    answer = subprocess.run(
        ["bash", "-c", ready["curl"] + "recorded/x -si"], stdout=subprocess.PIPE, text=True, timeout=20
    )
    assert answer.stdout.startswith("HTTP/1.1 200")
    assert re.fullmatch(r"kfp\.Client\(host='\S+/pipeline', existing_token='kfa_\S+'\)", ready["kfp"])

    made = json.loads(shell(sandbox, named("create-token")))
    page = shell(sandbox, named("curl -H").replace("curl", "curl -si"), TOKEN=made["token"])
    assert page.startswith("HTTP/1.1 200")
    bearer = {"authorization": f"Bearer {made['token']}"}
    assert httpx.get(f"{sandbox.url}/elsewhere", headers=bearer).json()["error"] == "insufficient_scope"
    assert httpx.delete(f"{sandbox.url}/recorded/x", headers=bearer).status_code == 403

    for line in [line for line in COMMANDS if "list-tokens" in line]:
        listed = json.loads(json.loads(shell(sandbox, line))["tokens"])
        assert {ready["id"], made["id"]} <= {token["id"] for token in listed}
        assert made["token"] not in json.dumps(listed)
    shell(sandbox, named("revoke-token"), ID=made["id"])
    live.wait(lambda: httpx.get(f"{sandbox.url}/recorded/x", headers=bearer).status_code == 401, seconds=2)
    shell(sandbox, named("revoke-sessions"))
    token = re.findall(r"kfa_\w+-?[\w-]*", ready["curl"])[0]
    gone = {"authorization": f"Bearer {token}"}
    live.wait(lambda: httpx.get(f"{sandbox.url}/recorded/x", headers=gone).status_code == 401, seconds=2)


def test_a_person_logs_in_for_a_machine_without_a_browser(
    sandbox: live.Live, context: playwright.sync_api.BrowserContext, protected: upstream.Upstream
):
    user, password = sandbox.credentials()
    protected.take()
    ready = json.loads(shell(sandbox, named("get-access-command")))["device"]
    lines = "\n".join(DEVICE).replace("http://127.0.0.1:8080", sandbox.url)
    assert ready == lines
    lines = lines.replace('" ' + sandbox.url + "/", f'" -si {sandbox.url}/recorded/x')
    with subprocess.Popen(["bash", "-c", lines], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        link = process.stdout.readline().removeprefix("Open this in any browser: ").strip()
        assert link.startswith(f"{sandbox.url}/dex/device?user_code=")
        page = context.new_page()
        page.goto(link)
        page.click("#submit-login")
        page.fill("#login", user)
        page.fill("#password", password)
        page.click("#submit-login")
        page.wait_for_selector("text=Login Successful")
        answer, _ = process.communicate(timeout=60)
    assert answer.startswith("HTTP/1.1 200")
    assert [seen.header("kubeflow-userid") for seen in protected.take()] == [[user]]


def test_a_client_of_programs_sends_nobody_anywhere_else(sandbox: live.Live):
    query = {"client_id": "authservice-oidc-device", "response_type": "code", "scope": "openid", "state": "x"}
    for place in ("http://localhost:8000/", "http://127.0.0.1:8000/", "urn:ietf:wg:oauth:2.0:oob", sandbox.url):
        answer = httpx.get(f"{sandbox.url}/dex/auth", params={**query, "redirect_uri": place}, follow_redirects=True)
        assert (answer.status_code, "Unregistered redirect_uri" in answer.text) == (400, True), place


def test_the_page_has_no_other_commands():
    used = (*DEVICE, "get-access-command", "create-token", "curl -H", "list-tokens", "revoke-token", "revoke-sessions")
    assert [line for line in COMMANDS if not any(word in line for word in used)] == []


def test_a_person_makes_a_token_on_the_page(sandbox: live.Live):
    client, _ = sandbox.login()
    with contextlib.closing(client):
        page = client.post("/authservice/tokens", data={"name": "mine", "days": "1"}, headers={"origin": sandbox.url})
        token = re.findall(r"kfa_[0-9a-f]{16}_[A-Za-z0-9_-]{43}", page.text)[0]
    answer = httpx.get(f"{sandbox.url}/recorded/x", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 200
