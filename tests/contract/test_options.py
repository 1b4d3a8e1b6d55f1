# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""What an operator sets, on a gateway whose options can be set from here."""

import gateway as under_test
import live
import peers


def test_logins_of_one_address_are_limited(gateway: under_test.Gateway, optional: live.Live) -> None:
    optional.config("ambassador-route", "login-rate-limit=5")
    try:
        live.wait(lambda: gateway.get("/dex/auth").status == 429, hint="the limit is reached")
        assert gateway.get("/dex/auth/local", under_test.HTML).status == 429
        assert gateway.get("/recorded/x", peers.SESSION).status == 200
        assert gateway.get("/open/x").status == 200
    finally:
        optional.config("ambassador-route", "--reset", "login-rate-limit")
    live.wait(lambda: gateway.get("/dex/auth").status != 429, hint="the limit is gone")


def test_a_gatekeeper_that_lets_everybody_in_is_found_out(gateway: under_test.Gateway, optional: live.Live) -> None:
    gateway.authorizer.mood = lambda handler, _: peers.reply(handler, 200)
    optional.config("ambassador-route", "access-log=all")
    try:
        said = optional.message("ambassador-route/0")
        assert said.startswith("blocked: /")
        assert "lets everybody in without a login" in said
    finally:
        gateway.authorizer.mood = None
        optional.config("ambassador-route", "--reset", "access-log")
    live.wait(lambda: "lets everybody" not in optional.message("ambassador-route/0"), hint="it is well again")
