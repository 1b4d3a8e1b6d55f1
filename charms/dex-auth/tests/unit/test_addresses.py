# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Where the systems behind connectors are, and whether they are back."""

import pathlib
import socket
import typing

import addresses
import dex
import live
import ops
import pebbles
import pytest


@pytest.mark.parametrize(
    ("kind", "config", "urls"),
    [
        ("ldap", {"host": "ldap.example.com:636"}, []),
        ("authproxy", {"userHeader": "X-Remote-User"}, []),
        ("github", {"orgs": []}, ["https://github.com"]),
        ("github", {"hostName": "git.example.com"}, ["https://git.example.com"]),
        ("gitlab", {"baseURL": "https://gitlab.example.com", "clientID": "c"}, ["https://gitlab.example.com"]),
        ("gitea", {"baseURL": ""}, ["https://gitea.com"]),
        ("oidc", {"issuer": "https://idp.example.com/realm"}, ["https://idp.example.com/realm"]),
        ("google", {"clientID": "c"}, ["https://accounts.google.com"]),
        ("saml", {"ssoURL": "https://idp.example.com/sso"}, ["https://idp.example.com/sso"]),
        ("keystone", {"keystoneHost": "http://keystone:5000"}, ["http://keystone:5000"]),
        (
            "oauth",
            {"tokenURL": "https://t", "authorizationURL": "https://a", "userInfoURL": "https://u"},
            ["https://t", "https://a", "https://u"],
        ),
    ],
)
def test_what_a_connector_asks(kind: str, config: dict, urls: list[str]):
    assert addresses.urls(kind, config) == urls


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://idp.example.com/realm", ("idp.example.com", 443)),
        ("http://idp.example.com", ("idp.example.com", 80)),
        ("https://idp.example.com:8443/", ("idp.example.com", 8443)),
        ("https://[2001:db8::1]:8443", ("2001:db8::1", 8443)),
    ],
)
def test_host_and_port_of_a_url(url: str, place: tuple[str, int]):
    assert addresses.place(url) == place


def test_a_real_pebble_sees_a_server_go_and_come_back(tmp_path: pathlib.Path):
    port = live.free_port()
    with pebbles.container(tmp_path) as box:

        def watch(url: str) -> None:
            layer = typing.cast("ops.pebble.LayerDict", {"checks": {dex.AWAY: dex.watch(url)}})
            box.add_layer(dex.AWAY, layer, combine=True)

        def status() -> object:
            return box.get_checks()[dex.AWAY].status

        watch(f"http://127.0.0.1:{port}/dex")
        live.wait(lambda: status() == ops.pebble.CheckStatus.DOWN)
        with socket.create_server(("127.0.0.1", port)):
            live.wait(lambda: status() == ops.pebble.CheckStatus.UP)
        live.wait(lambda: status() == ops.pebble.CheckStatus.DOWN)
        # Nobody is asked any more, and nothing is heard of the one that is still away.
        watch("")
        live.wait(lambda: status() == ops.pebble.CheckStatus.UP)
