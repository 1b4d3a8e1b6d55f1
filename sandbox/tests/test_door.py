# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The room that a sandbox needs, and the demonstration that it runs."""

import http.client
import http.server
import json
import pathlib
import shutil
import threading

import pytest

from sandbox import echo, supervisor


def test_a_full_disk_is_named(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch):
    supervisor.check_space(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(2**30, 2**30, 5 * 2**20))
    with pytest.raises(supervisor.SandboxError) as error:
        supervisor.check_space(tmp_path)
    assert str(error.value) == f"the disk of {tmp_path} is full: 5 MiB are free, 50 are needed"


def test_the_demonstration_shows_who_asks_and_hides_credentials():
    page = echo.page(
        "/<x>", {"kubeflow-userid": "<b>me</b>", "cookie": "a=secret; b=secret", "authorization": "Bearer 123456789"}
    )
    assert "&lt;b&gt;me&lt;/b&gt;" in page
    assert "&lt;x&gt;" in page
    assert "secret" not in page
    assert "123456789" not in page


def test_the_demonstration_answers_programs_with_json():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), echo.Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port)
    connection.request("POST", "/p?q=1", body="x", headers={"Kubeflow-Userid": "me"})
    found = json.loads(connection.getresponse().read())
    connection.close()
    server.shutdown()
    thread.join()
    server.server_close()
    assert (found["method"], found["path"], found["query"]) == ("POST", "/p", "q=1")
    assert found["headers"]["kubeflow-userid"] == "me"
