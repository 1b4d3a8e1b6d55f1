# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import re

import hypothesis
import hypothesis.strategies as st
import pytest
from reception import naming, settings

NO_HOSTS = settings.Transformer(matches="@example.com$", replaces="").rule


@pytest.mark.parametrize(
    ("userid", "prefix", "name"),
    [
        ("user@example.com", "kubeflow", "kubeflow-user-example-com"),
        ("user@example.com", "", "user-example-com"),
        ("First.Last@Example.COM", "kubeflow", "kubeflow-first-last-example-com"),
        ("a_b+c@x.y", "k", "k-a-b-c-x-y"),
        ("-x-", "k", "k-x"),
    ],
)
def test_name_is_prefix_and_user_id_with_dashes(userid: str, prefix: str, name: str):
    assert naming.profile_name(userid, prefix=prefix) == name


def test_a_transformer_shortens_the_name_as_the_guide_shows():
    assert naming.profile_name("user@example.com", prefix="kubeflow", rules=[NO_HOSTS]) == "kubeflow-user"


def test_only_the_first_rule_that_matches_is_applied():
    rules = [settings.Transformer(matches=pattern, replaces=to).rule for pattern, to in (("^(.)x", "$1"), ("b", "c"))]
    assert naming.profile_name("axb", prefix="k", rules=rules) == "k-ab"
    assert naming.profile_name("bb", prefix="k", rules=rules) == "k-cc"


def test_a_backslash_in_a_replacement_is_only_a_letter():
    rule = settings.Transformer(matches="^(.)(.*)$", replaces=r"\2\q$1").rule
    assert naming.profile_name("xy", prefix="k", rules=[rule]) == "k-2-qx"


def test_a_long_name_is_cut_off_without_a_dash_too_many():
    name = naming.profile_name(f"{'a' * 44}.{'b' * 40}", prefix="kubeflow")
    assert re.fullmatch("kubeflow-a{44}-[0-9a-f]{8}", name)


def test_long_user_ids_that_begin_alike_get_different_names():
    one, two = (naming.profile_name("a" * 80 + end, prefix="kubeflow") for end in ("1", "2"))
    assert one != two
    assert len(one) == len(two) == naming.LONGEST


@pytest.mark.parametrize("userid", ["", "@", "...", "日本"])
def test_nothing_is_no_name(userid: str):
    with pytest.raises(naming.NamingError, match="no letter or digit"):
        naming.profile_name(userid, prefix="kubeflow")


@hypothesis.given(st.text(max_size=200), st.from_regex(r"([a-z0-9][a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True))
def test_every_name_is_a_label(userid: str, prefix: str):
    try:
        name = naming.profile_name(userid, prefix=prefix)
    except naming.NamingError:
        assert not re.search("[a-z0-9]", userid.lower())
    else:
        assert naming.is_label(name)
