# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""The configuration file, checked: what is wrong is named by its field."""

import re
import typing

import pydantic

from reception import naming

_PREFIX = re.compile(r"(/[A-Za-z0-9_~-]+)+")
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")
# Kubernetes: the syntax of labels, and of quantities as far as it matters here.
_LABEL_NAME = re.compile(r"([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?")
_RESOURCE = re.compile(r"[a-z0-9]([a-zA-Z0-9./-]*[a-zA-Z0-9])?")
_QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?(m|k|[KMGTPE]i?)?")
_STRICT = pydantic.ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ConfigurationError(Exception):
    """The configuration file cannot be used; the text says which fields, one a line."""


def _matching(pattern: re.Pattern[str], sentence: str) -> pydantic.AfterValidator:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(sentence)
        return text

    return pydantic.AfterValidator(check)


def _listen(text: str) -> str:
    host, colon, port = text.rpartition(":")
    if not colon or not _HOST.fullmatch(host) or not port.isdecimal() or not 0 <= int(port) <= 65535:
        raise ValueError("must be an address and a port, such as 0.0.0.0:8080")
    return text


def _name_prefix(text: str) -> str:
    if text and (not naming.is_label(text) or len(text) > 30):
        raise ValueError("must be letters in lower case, digits and dashes, 30 at most, such as kubeflow")
    return text


def _listen_or_not(text: str) -> str:
    return _listen(text) if text else ""


_Place = typing.Annotated[str, pydantic.AfterValidator(_listen)]
_Header = typing.Annotated[str, _matching(re.compile(r"[a-z0-9-]+"), "must be the name of a header in lower case")]
_LabelName = typing.Annotated[str, _matching(_LABEL_NAME, "must be the name of a label")]
_LabelValue = typing.Annotated[str, _matching(_LABEL_VALUE, "must be the value of a label")]
_Resource = typing.Annotated[str, _matching(_RESOURCE, "must be the name of a resource, such as requests.cpu")]
_Quantity = typing.Annotated[str, _matching(_QUANTITY, "must be a quantity, such as 8 or 16Gi")]
_Namespace = typing.Annotated[str, _matching(re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"), "must be a name")]
_User = typing.Annotated[str, pydantic.Field(max_length=320, min_length=1)]
_Group = typing.Annotated[str, pydantic.Field(max_length=320, min_length=1)]


class Transformer(pydantic.BaseModel):
    """A rule that turns a user id into what the name of a profile is made from."""

    model_config = _STRICT

    matches: typing.Annotated[str, pydantic.Field(max_length=500)]
    replaces: typing.Annotated[str, pydantic.Field(max_length=500)]

    @pydantic.model_validator(mode="after")
    def _check(self) -> typing.Self:
        try:
            groups = re.compile(self.matches).groups
        except (re.error, RecursionError, OverflowError) as error:
            raise ValueError(f"matches must be a regular expression: {error}") from None
        if any(len(number) > 2 or int(number) > groups for number in re.findall(r"\$\{?(\d+)", self.replaces)):
            raise ValueError("replaces: there is no such group in matches")
        return self

    @property
    def rule(self) -> tuple[re.Pattern[str], str]:
        """Return the rule in the words of Python."""
        return re.compile(self.matches), naming.template(self.replaces)


class Settings(pydantic.BaseModel):
    """All that the service is told.

    Attributes:
        controller_listen: where the controller tells whether it is well.
        kfam_listen: where the API for a dashboard is served; empty serves none.
        cluster_admins: users who may change everybody's profiles over that API.
        create: whether a profile is made at the first login, after a question, or only by an operator.
        most_profiles: how many profiles somebody may have who asks for more.
        quota: the limits in the ResourceQuota of new profiles.
        labels: labels of every namespace that the controller keeps.
        kubeconfig: where to find the cluster; empty for the one that this runs in, else that of KUBECONFIG.
        application: the name of this application, for the commands that pages show.
        namespace: where the controllers agree on the one that works.
        stand_aside: services of this namespace beside which the controller does nothing.
        patience: after how many seconds a page says what to do.
    """

    model_config = _STRICT

    listen: _Place
    management: _Place
    controller_listen: _Place
    kfam_listen: typing.Annotated[str, pydantic.AfterValidator(_listen_or_not)] = ""
    prefix: typing.Annotated[str, _matching(_PREFIX, "must be a path such as /reception")] = "/reception"
    userid_header: _Header = "kubeflow-userid"
    groups_header: _Header = "kubeflow-groups"
    profile_prefix: typing.Annotated[str, pydantic.AfterValidator(_name_prefix)] = "kubeflow"
    userid_transformers: typing.Annotated[tuple[Transformer, ...], pydantic.Field(max_length=100)] = ()
    create: typing.Literal["auto", "ask", "never"] = "auto"
    allowed_groups: tuple[_Group, ...] = ()
    cluster_admins: tuple[_User, ...] = ()
    most_profiles: typing.Annotated[int, pydantic.Field(ge=1, le=100)] = 1
    quota: dict[_Resource, _Quantity] = pydantic.Field(default_factory=dict)
    labels: dict[_LabelName, _LabelValue] = pydantic.Field(default_factory=dict)
    kubeconfig: str = ""
    namespace: _Namespace = "kubeflow"
    application: _Namespace = "reception"
    stand_aside: tuple[str, ...] = ("kubeflow-profiles", "profiles-kfam")
    patience: typing.Annotated[int, pydantic.Field(ge=1, le=3600)] = 30

    @pydantic.model_validator(mode="after")
    def _check_together(self) -> typing.Self:
        if self.userid_header == self.groups_header:
            raise ValueError("groups_header: must differ from userid_header")
        places = [self.listen, self.management, self.controller_listen, *filter(None, [self.kfam_listen])]
        if len({address(place)[1] for place in places}) < len(places):
            raise ValueError(
                "management: listen, management, controller_listen and kfam_listen must be different ports"
            )
        return self

    def name_of(self, userid: str) -> str:
        """Return the name of the profile of a user.

        Raises:
            naming.NamingError: there is none.
        """
        rules = [one.rule for one in self.userid_transformers]
        return naming.profile_name(userid, prefix=self.profile_prefix, rules=rules)


def address(place: str) -> tuple[str, int]:
    """Return the host and port of an address to listen at."""
    host, _, port = place.rpartition(":")
    return host.strip("[]"), int(port)


def parse(text: str) -> Settings:
    """Read a configuration file's text.

    Raises:
        ConfigurationError: it is not JSON, or a field is missing, unknown or wrong.
    """
    try:
        return Settings.model_validate_json(text)
    except pydantic.ValidationError as error:
        lines: list[str] = []
        for problem in error.errors(include_input=False, include_url=False):
            place = ".".join(str(part) for part in problem["loc"] if part != "[key]")
            lines.append(": ".join(filter(None, (place, problem["msg"].removeprefix("Value error, ")))))
        raise ConfigurationError("\n".join(lines)) from None
