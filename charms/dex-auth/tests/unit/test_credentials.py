# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import random

import bcrypt
import credentials


def test_what_is_kept_comes_back():
    made = credentials.accept(credentials.renew(credentials.Credentials(), ""), {"connectors": "[]", "port": 5556})
    assert credentials.load(credentials.dump(made)) == made


def test_every_value_fits_under_a_key_of_a_juju_secret():
    text = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz0123456789+/", k=40_000))
    made = credentials.accept(credentials.renew(credentials.Credentials(), ""), {"connectors": text})
    content = credentials.dump(made)
    assert max(map(len, content.values())) <= 8 * 1024
    assert sum(map(len, content.values())) <= 64 * 1024
    assert credentials.load(content) == made


def test_a_hash_is_made_once_for_each_password():
    first = credentials.renew(credentials.Credentials(), "")
    assert credentials.renew(first, "") == first
    own = credentials.renew(first, "mine")
    assert bcrypt.checkpw(b"mine", own.hash.encode())
    assert own.user_id == first.user_id
    assert credentials.renew(own, "").password == first.password


def test_generated_passwords_differ_and_are_not_shown():
    passwords = {credentials.renew(credentials.Credentials(), "").password for _ in range(3)}
    assert len(passwords) == 3
    made = credentials.renew(credentials.Credentials(), "")
    assert made.password not in repr(made)
