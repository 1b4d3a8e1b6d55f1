# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The operator's words: the charm's options, checked as far as the service's own check would not name them better."""

import dataclasses
import re

from charmkit import transformers

_CREATE = ("auto", "ask", "never")
_HEADER = re.compile(r"[a-z0-9-]+")
_PREFIX = re.compile(r"([a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?)?")
# As Kubernetes has them.
_QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?(m|k|[KMGTPE]i?)?")
_RESOURCE = re.compile(r"[a-z0-9]([a-zA-Z0-9./-]*[a-zA-Z0-9])?")
_LABEL = re.compile(r"([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?")
_MOST = 100


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """The options of the reception.

    Raises:
        ValueError: an option is wrong; the text begins with its name.
    """

    profile_prefix: str = "kubeflow"
    userid_transformers: str = ""
    userid_header: str = "kubeflow-userid"
    groups_header: str = "kubeflow-groups"
    create_profiles: str = "auto"
    allowed_groups: str = ""
    cluster_admins: str = ""
    most_profiles: int = 1
    resource_quota: str = ""
    namespace_labels: str = "app.kubernetes.io/part-of=kubeflow-profile,pipelines.kubeflow.org/enabled=true"
    profile_controller: bool = True

    def __post_init__(self) -> None:
        """Check every option."""
        if not _PREFIX.fullmatch(self.profile_prefix):
            example = "letters in lower case, digits and dashes, 30 at most, such as kubeflow"
            raise ValueError(f"profile-prefix: {self.profile_prefix[:50]!r} must be {example}")
        if self.create_profiles not in _CREATE:
            raise ValueError(f"create-profiles: must be auto, ask or never, not {self.create_profiles[:50]!r}")
        if not 1 <= self.most_profiles <= _MOST:
            raise ValueError(f"most-profiles: must be from 1 to {_MOST}, not {self.most_profiles}")
        for option, name in (("userid-header", self.userid_header), ("groups-header", self.groups_header)):
            if not _HEADER.fullmatch(name):
                raise ValueError(f"{option}: {name[:50]!r} must be the name of a header, such as kubeflow-userid")
        if self.userid_header == self.groups_header:
            raise ValueError("groups-header: must be another header than that of userid-header")
        _ = self.rules, self.quota, self.labels

    @property
    def rules(self) -> tuple[dict[str, str], ...]:
        """Return the entries of `userid-transformers`."""
        return transformers.read("userid-transformers", self.userid_transformers)

    @property
    def groups(self) -> tuple[str, ...]:
        """Return the entries of `allowed-groups`, which may hold spaces."""
        return _names(self.allowed_groups)

    @property
    def admins(self) -> tuple[str, ...]:
        """Return the entries of `cluster-admins`."""
        return _names(self.cluster_admins)

    @property
    def quota(self) -> dict[str, str]:
        """Return the limits of `resource-quota`."""
        return _pairs("resource-quota", self.resource_quota, (_RESOURCE, _QUANTITY), "requests.cpu=8,pods=50")

    @property
    def labels(self) -> dict[str, str]:
        """Return the labels of `namespace-labels`."""
        return _pairs("namespace-labels", self.namespace_labels, (_LABEL, _LABEL_VALUE), "team=science,tier=1")


def _names(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (name.strip() for name in text.split(","))))


def _pairs(option: str, text: str, patterns: tuple[re.Pattern[str], re.Pattern[str]], example: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = entry.partition("=")
        if not equals or not patterns[0].fullmatch(name) or not patterns[1].fullmatch(value):
            raise ValueError(f"{option}: {entry[:80]!r} is not NAME=VALUE, write it like {example}")
        if name in found:
            raise ValueError(f"{option}: {name!r} stands there twice")
        found[name] = value
    return found
