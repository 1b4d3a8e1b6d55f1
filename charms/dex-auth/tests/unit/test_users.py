# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import random
import string

import credentials
import hypothesis
import hypothesis.strategies as st
import pytest
import user_import
import users

HASH = "$2y$10$2b2cU8CPhOTaGrs1HRQuAueS7JTT5ZHsHSzYiFPm1leZck7Mc8T4W"
JANE = users.User(email="jane@example.com", id="1", hash=HASH)


def many(count: int) -> users.Users:
    order = random.Random(1)

    def text(length: int) -> str:
        return "".join(order.choices(string.ascii_letters + string.digits, k=length))

    return tuple(
        users.User(email=f"{text(12)}@example.com".lower(), id=text(36), hash=f"$2b$12${text(53)}", groups=("a", "b"))
        for _ in range(count)
    )


@pytest.mark.parametrize("count", [0, 1, 100, 2000])
def test_what_is_kept_comes_back_and_fits_into_secrets_of_juju(count: int):
    known = many(count)
    contents = users.dump(known)
    assert users.load(contents) == known
    assert len(contents) <= users.SECRETS
    for content in contents:
        assert max(len(value) for value in content.values()) <= 8 * 1024
        assert sum(len(value) for value in content.values()) <= 64 * 1024


def test_more_users_than_fit_are_refused():
    with pytest.raises(users.UserError, match="9000 users are more than fit into 8 secrets of Juju"):
        users.dump(many(9000))


def test_secrets_that_are_not_needed_any_more_count_nothing():
    more, fewer = users.dump(many(2000)), users.dump((JANE,))
    assert len(more) > 1
    assert users.load([*fewer, *more[1:]]) == (JANE,)


def test_somebody_else_with_the_same_address_has_another_id():
    known = users.add((), JANE, static="")
    known = users.remove(known, JANE.email)
    other = users.User(email=JANE.email, id="2", hash=HASH)
    assert users.add(known, other, static="") == (other,)


def test_a_change_leaves_the_others_and_the_id_alone():
    other = users.User(email="john@example.com", id="2", hash=HASH)
    known = users.change((JANE, other), JANE.email, disabled=True)
    assert known == (users.User(email=JANE.email, id="1", hash=HASH, disabled=True), other)
    assert users.serving(known, static="John@Example.com") == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("jane", "email: 'jane' is no e-mail address, write it like jane@example.com"),
        ("jane@", "email: 'jane@' is no e-mail address, write it like jane@example.com"),
        ("a b@example.com", "email: 'a b@example.com' is no e-mail address, write it like jane@example.com"),
        ("jane@example.com\nx", "email: 'jane@example.com\\nx' is no e-mail address, write it like jane@example.com"),
        ("x@" + "y" * 300, f"email: {'x@' + 'y' * 78!r} is no e-mail address, write it like jane@example.com"),
    ],
)
def test_no_email_address(text: str, said: str):
    with pytest.raises(users.UserError) as error:
        users.email(text)
    assert str(error.value) == said


def test_an_email_address_is_compared_in_lower_case():
    assert users.email(" Jane@Example.COM ") == "jane@example.com"


@pytest.mark.parametrize("text", ["", "a\0", "x" * 73, "ü" * 37])
def test_a_password_that_bcrypt_cannot_tell_from_others(text: str):
    with pytest.raises(users.UserError, match=r"^password: "):
        users.password(text)


@pytest.mark.parametrize(
    "text", ["", "hunter2", "{SHA}x", "$apr1$x$y", HASH[:-1], HASH.replace("$10$", "$17$"), HASH + "\n"]
)
def test_a_hash_that_dex_cannot_compare_is_not_repeated(text: str):
    with pytest.raises(users.UserError) as error:
        users.known_hash(text)
    assert str(error.value).startswith("hash: ")
    assert text == "" or text not in str(error.value)


def test_htpasswd_lines():
    text = f"# people\njane:{HASH}\nJohn@other.org:{HASH}\n\n"
    assert user_import.read(text, domain="example.com") == (
        user_import.Row(email="jane@example.com", hash=HASH), user_import.Row(email="john@other.org", hash=HASH)
    )  # fmt: skip


def test_a_table():
    text = f'\ufeffemail, groups,hash\njane@example.com,"a;b",{HASH}\njohn@example.com\n'
    assert user_import.read(text) == (
        user_import.Row(email="jane@example.com", hash=HASH, groups=("a", "b")),
        user_import.Row(email="john@example.com"),
    )


def test_passwords_come_out_of_a_secret_only():
    text = "email,password\njane@example.com,hunter2"
    assert user_import.read(text, secret=True) == (user_import.Row(email="jane@example.com", password="hunter2"),)
    with pytest.raises(users.UserError) as error:
        user_import.read(text)
    assert str(error.value) == "line 2: passwords are read from a secret only, see content-secret"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there is nobody in it: lines of htpasswd -B, or CSV with a first line like email,hash"),
        ("jane", "line 1: email: 'jane' is no e-mail address, write it like jane@example.com"),
        (
            "jane@example.com:{SHA}x",
            "line 1: hash: it is no bcrypt hash, which begins with $2y$; make one with htpasswd -B -C 12",
        ),
        (
            "jane@example.com",
            "line 1: hash: it is no bcrypt hash, which begins with $2y$; make one with htpasswd -B -C 12",
        ),
        (f"a@b:{HASH}\nA@b:{HASH}", "line 2: 'a@b' stands there twice"),
        (f"x:{HASH}\na@b:y\n", "line 1: email: 'x' is no e-mail address, write it like jane@example.com; "
         "line 2: hash: it is no bcrypt hash, which begins with $2y$; make one with htpasswd -B -C 12"),
        ("email,name\na@b,x", "line 1: unknown column 'name', columns are email, hash, password, groups"),
        ("email,hash\na@b,x,y", "line 2: it has 3 cells, the first line names 2"),
        ('email,hash\na@b,"x', "line 2: unexpected end of data"),
        (f"email,hash,password\na@b,{HASH},x", "line 2: only one of hash and password can be there"),
        ("\n" * 6000 + "x", "line 1: email: 'x' is no e-mail address, write it like jane@example.com"),
        ("x\n" * 6000, "6000 lines are too many, 5000 are accepted"),
    ],
)  # fmt: skip
def test_mistakes_in_a_file_are_named_with_their_lines(text: str, said: str):
    with pytest.raises(users.UserError) as error:
        user_import.read(text)
    assert str(error.value) == said


@hypothesis.given(st.text() | st.text().map(lambda text: "email,hash\n" + text))
def test_no_file_crashes(text: str):
    try:
        user_import.read(text)
    except users.UserError as error:
        assert str(error)


def test_a_cost_is_used_and_another_one_makes_a_new_hash():
    made = credentials.renew(credentials.Credentials(), "x", 10)
    assert made.hash.startswith("$2b$10$")
    assert credentials.load(credentials.dump(made)) == made
    assert credentials.renew(made, "x", 10) == made
    assert credentials.renew(made, "x", 11).hash.startswith("$2b$11$")
