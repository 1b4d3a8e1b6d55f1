# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The program itself: its command line, and what people see while no cluster answers."""

import json
import pathlib
import subprocess
import sys

import httpx
import live
import pytest

PROGRAM = pathlib.Path(sys.executable).with_name("reception")


def run(*words: str | pathlib.Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PROGRAM, *words], capture_output=True, text=True)


@pytest.fixture
def config(tmp_path: pathlib.Path) -> pathlib.Path:
    places = [f"127.0.0.1:{live.free_port()}" for _ in range(3)]
    # A port that nobody listens on: a cluster that is away.
    user = {"name": "x", "user": {"token": "s3cret-token"}}
    content = {
        "apiVersion": "v1", "kind": "Config", "current-context": "x", "users": [user],
        "clusters": [{"name": "x", "cluster": {"server": f"http://127.0.0.1:{live.free_port()}"}}],
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
    }  # fmt: skip
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(json.dumps(content))
    names = ("listen", "management", "controller_listen")
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**dict(zip(names, places, strict=True)), "kubeconfig": str(kubeconfig)}))
    return path


def test_a_good_configuration_is_accepted_without_a_cluster(config: pathlib.Path):
    done = run("--config", config, "check")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_wrong_one_is_refused_with_its_place(config: pathlib.Path):
    config.write_text(json.dumps({**json.loads(config.read_text()), "create": "maybe"}))
    done = run("--config", config, "check")
    assert done.returncode == 1
    assert done.stderr.startswith(f"reception: {config}: create: ")


def test_a_file_that_is_not_there_is_named(tmp_path: pathlib.Path):
    done = run("--config", tmp_path / "none", "check")
    assert done.stderr == f"reception: cannot read {tmp_path / 'none'}: No such file or directory\n"


def test_without_a_cluster_people_read_what_to_do_and_operators_what_is_wrong(config: pathlib.Path):
    content = json.loads(config.read_text())
    url, management = (f"http://{content[name]}" for name in ("listen", "management"))
    process = subprocess.Popen([PROGRAM, "--config", config, "serve"], stdout=subprocess.PIPE, text=True)
    try:
        live.wait(lambda: _answers(f"{management}/live"), hint="it serves")
        live.wait(lambda: "does not answer" in httpx.get(f"{management}/ready").text, hint="it says why")
        assert httpx.get(f"{management}/ready").status_code == 503
        answer = httpx.get(f"{url}/reception?next=%2Fx", headers={"kubeflow-userid": "u@x.y"})
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "5"
        assert 'href="/reception?next=%2Fx"' in answer.text
        assert "juju status reception" in answer.text
        nobody = httpx.get(f"{url}/reception")
        assert (nobody.status_code, "who you are" in nobody.text) == (403, True)
        two = httpx.get(f"{url}/reception", headers=[("kubeflow-userid", "a"), ("kubeflow-userid", "b")])
        assert two.status_code == 403
        assert httpx.get(f"{url}/other").status_code == 404
        assert httpx.delete(f"{url}/reception").status_code == 405
        forged = httpx.post(f"{url}/reception", headers={"kubeflow-userid": "u@x.y", "sec-fetch-site": "cross-site"})
        assert (forged.status_code, "another site" in forged.text) == (403, True)
        named = httpx.get(f"{url}/reception", headers={"x-request-id": "abcdefgh-1"})
        assert named.headers["x-request-id"] == "abcdefgh-1"
        assert "abcdefgh-1" in named.text
        assert "<script" not in httpx.get(f"{url}/reception?next=%3Cscript%3E").text
    finally:
        process.terminate()
        said = process.communicate(timeout=10)[0]
    assert process.returncode == 0
    assert '"request_id": "abcdefgh-1"' in said
    assert "s3cret-token" not in said


def test_a_command_without_a_cluster_says_so(config: pathlib.Path):
    done = run("--config", config, "list-profiles")
    assert done.returncode == 1
    assert done.stderr == "reception: the API server does not answer (ConnectError)\n"


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.HTTPError:
        return False
