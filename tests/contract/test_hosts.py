# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""An application at a host of its own: there, nowhere else, and with the same login as everywhere."""

import gateway as under_test
import peers
import pytest


@pytest.mark.parametrize("host", [under_test.HOST, under_test.HOST.upper(), f"{under_test.HOST}:8443"])
def test_it_is_reached_at_its_host_with_a_session_only(gateway: under_test.Gateway, host: str) -> None:
    assert gateway.get("/hosted/x", host=host).status == 302
    assert gateway.application.take() == []
    assert [check.all("host") for check in gateway.authorizer.take()] == [[host]]
    seen = gateway.get("/hosted/x", peers.SESSION, ("kubeflow-userid", "mallory"), host=host).seen
    assert (seen.all("host"), seen.all("kubeflow-userid")) == ([host], [peers.USER])
    assert "authservice_session" not in str(seen.headers)


@pytest.mark.parametrize(
    "host", ["gateway.test", f"x.{under_test.HOST}", f"{under_test.HOST}.evil", f"{under_test.HOST}.", "127.0.0.1"]
)
def test_it_is_reached_at_no_other_host(gateway: under_test.Gateway, host: str) -> None:
    for headers in ((), (peers.SESSION,)):
        gateway.get("/hosted/x", *headers, host=host)
        gateway.get("/hosted/x", *headers, ("X-Forwarded-Host", under_test.HOST), host=host)
    assert "/hosted/x" not in {seen.path for seen in gateway.application.take()}


def test_what_everybody_has_its_host_has_too(gateway: under_test.Gateway) -> None:
    assert gateway.get("/open/x", host=under_test.HOST).status == 200
    assert gateway.get("/recorded/x", host=under_test.HOST).status == 302
    assert gateway.get("/tool/x", peers.SESSION, host=under_test.HOST).seen.path == "/x"


@pytest.mark.parametrize("first", [True, False])
def test_of_two_hosts_one_counts_for_everybody(gateway: under_test.Gateway, first: bool) -> None:
    hosts = ["gateway.test", under_test.HOST][:: 1 if first else -1]
    lines = ["GET /hosted/x HTTP/1.1", *(f"Host: {host}" for host in hosts), f"Cookie: {peers.SESSION[1]}"]
    answer = gateway.raw("\r\n".join([*lines, "", ""]).encode())
    assert answer.status in (200, 302, 400, 404)
    # Envoy makes one of two, which is nobody's host; then nothing of that host may be reached by it.
    asked = {tuple(seen.all("host")) for seen in gateway.authorizer.take()}
    for seen in gateway.application.take():
        assert seen.all("host") == [under_test.HOST]
        assert asked == {(under_test.HOST,)}
