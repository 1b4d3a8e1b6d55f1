# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import pytest

from sandbox import words

WORDS = words.Words(
    hosts={"dex-auth": "127.1.1.1", "gatekeeper": "127.1.2.1"},
    model="kubeflow",
    address="127.1.1.2",
    root="/home/me/units/dex-auth-1/dex/root",
    tops=("/etc/dex", "/var/lib/dex", "/tmp"),
    programs={"/usr/local/bin/dex": "/cache/dex-1"},
)
ROOT = WORDS.root


@pytest.mark.parametrize(
    ("text", "mapped"),
    [
        ("http://dex-auth.kubeflow.svc.cluster.local:5556/dex", "http://127.1.1.1:5556/dex"),
        ("http://dex-auth.kubeflow.svc:5556/dex", "http://127.1.1.1:5556/dex"),
        ("http://dex-auth.kubeflow:5556", "http://127.1.1.1:5556"),
        ("http://dex-auth-0.dex-auth-endpoints.kubeflow.svc.cluster.local/", "http://127.1.1.1/"),
        ("http://dex-auth.kubeflow.svc.cluster.local.:5556/", "http://127.1.1.1:5556/"),
        ("dex-auth.kubeflow.svc.cluster.local:5556", "127.1.1.1:5556"),
        ('"address": "gatekeeper.kubeflow.svc.cluster.local"', '"address": "127.1.2.1"'),
        ("address: 0.0.0.0:5556", "address: 127.1.1.2:5556"),
        ('{"address": "0.0.0.0", "port_value": 8080}', '{"address": "127.1.1.2", "port_value": 8080}'),
        ("path: /etc/dex/tls.crt", f"path: {ROOT}/etc/dex/tls.crt"),
        ("file:///etc/dex/x", f"file://{ROOT}/etc/dex/x"),
        ("a:/etc/dex:/var/lib/dex", f"a:{ROOT}/etc/dex:{ROOT}/var/lib/dex"),
        # What only looks like a word of the cluster.
        ("user@dex-auth.kubeflow", "user@dex-auth.kubeflow"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("10.0.0.0:80", "10.0.0.0:80"),
        ("http://localhost:8000/callback", "http://localhost:8000/callback"),
        ("http://127.0.0.1:8080/dex", "http://127.0.0.1:8080/dex"),
        ("dex-auth.kubeflow is a name", "dex-auth.kubeflow is a name"),
        ("my-dex-auth.kubeflow:80", "my-dex-auth.kubeflow:80"),
        ("dex-auth.kubeflow.example.com:80", "dex-auth.kubeflow.example.com:80"),
        ("http: :5556", "http: :5556"),
        ("/etc/dexter/x", "/etc/dexter/x"),
        ("http://host/etc/dex", "http://host/etc/dex"),
        ("$HOME/etc/dex", "$HOME/etc/dex"),
    ],
)
def test_file(text: str, mapped: str):
    assert WORDS.file(text) == mapped


def test_command_maps_program_paths_and_hosts():
    command = "/usr/local/bin/dex serve /etc/dex/config.yaml --at=dex-auth.kubeflow --web 0.0.0.0:80"
    assert WORDS.command(command) == f"/cache/dex-1 serve {ROOT}/etc/dex/config.yaml --at=127.1.1.1 --web 127.1.1.2:80"


@pytest.mark.parametrize(
    ("check", "mapped"),
    [
        ({"http": {"url": "http://localhost:5558/healthz"}}, {"http": {"url": "http://127.1.1.2:5558/healthz"}}),
        ({"http": {"url": "http://127.0.0.1:5558/"}}, {"http": {"url": "http://127.1.1.2:5558/"}}),
        ({"tcp": {"port": 80}}, {"tcp": {"port": 80, "host": "127.1.1.2"}}),
        (
            {"exec": {"command": "/usr/local/bin/dex x", "user": "root"}},
            {"exec": {"command": "/cache/dex-1 x"}},
        ),
    ],
)
def test_check(check: dict, mapped: dict):
    assert WORDS.check(check) == mapped


def test_layer_is_mapped_and_left_as_it_was():
    layer = {
        "services": {
            "dex": {
                "command": "/usr/local/bin/dex serve",
                "user": "root",
                "group-id": 0,
                "environment": {"A": "/etc/dex/a"},
                "working-dir": "/var/lib/dex",
            }
        }
    }
    mapped = WORDS.layer(layer)["services"]["dex"]
    assert mapped == {
        "command": "/cache/dex-1 serve",
        "environment": {"A": f"{ROOT}/etc/dex/a"},
        "working-dir": f"{ROOT}/var/lib/dex",
    }
    assert layer["services"]["dex"]["command"] == "/usr/local/bin/dex serve"


def test_errors_are_mapped_back():
    assert WORDS.back(f"/cache/dex-1: open {ROOT}/etc/dex/x: no") == "/usr/local/bin/dex: open /etc/dex/x: no"
