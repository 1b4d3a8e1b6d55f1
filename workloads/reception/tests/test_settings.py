# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import json

import pytest
from reception import settings

PLACES = {"listen": "0.0.0.0:8080", "management": "0.0.0.0:8081", "controller_listen": "0.0.0.0:8082"}


def parse(**fields: object) -> settings.Settings:
    return settings.parse(json.dumps({**PLACES, **fields}))


def test_the_places_are_enough():
    assert parse().name_of("user@example.com") == "kubeflow-user-example-com"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"colour": 1}, "colour: Extra inputs are not permitted"),
        ({"listen": "8080"}, "listen: must be an address and a port, such as 0.0.0.0:8080"),
        ({"management": "0.0.0.0:8080"}, "must be different ports"),
        ({"kfam_listen": "0.0.0.0:8082"}, "must be different ports"),
        ({"listen": "0.0.0.0:65536"}, "listen: must be an address and a port"),
        ({"profile_prefix": "k" * 31}, "profile_prefix: must be letters in lower case, digits and dashes, 30 at most"),
        ({"kfam_listen": "x"}, "kfam_listen: must be an address and a port"),
        ({"cluster_admins": [""]}, "cluster_admins.0: "),
        ({"prefix": "/a/"}, "prefix: must be a path such as /reception"),
        ({"profile_prefix": "Kube"}, "profile_prefix: must be letters in lower case"),
        ({"userid_transformers": [{"matches": "(", "replaces": ""}]}, "matches must be a regular expression"),
        ({"userid_transformers": [{"matches": "a", "replaces": "$1"}]}, "there is no such group"),
        ({"create": "maybe"}, "create: Input should be 'auto', 'ask' or 'never'"),
        ({"quota": {"cpu": "many"}}, "quota.cpu: must be a quantity, such as 8 or 16Gi"),
        ({"labels": {"a": "not so"}}, "labels.a: must be the value of a label"),
        ({"groups_header": "kubeflow-userid"}, "groups_header: must differ from userid_header"),
        ({"most_profiles": 0}, "most_profiles: Input should be greater than or equal to 1"),
    ],
)
def test_what_is_wrong_is_named(fields: dict, sentence: str):
    with pytest.raises(settings.ConfigurationError) as caught:
        parse(**fields)
    assert sentence in str(caught.value)


def test_groups_of_a_rule_are_written_with_dollars():
    found = parse(userid_transformers=[{"matches": r"^(\w+)\.(\w+)@.*", "replaces": "${2}-$1"}])
    assert found.name_of("ann.lee@x.org") == "kubeflow-lee-ann"
