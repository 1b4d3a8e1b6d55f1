# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""In what words the table of connector types says what a field and a type are."""

import collections.abc
import dataclasses
import typing

Version = tuple[int, int]
Kind = typing.Literal["text", "flag", "texts", "table", "group", "groups"]
# What a text must look like beyond being one.
Form = typing.Literal["", "url", "address", "host", "filter", "path", "pem", "pem-base64"]
Fields = collections.abc.Mapping[str, "Field"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Field:
    """One field of a connector.

    Attributes:
        kind: text, true or false, a list of texts, a mapping of texts, a mapping of fields, or a list of such.
        required: without it Dex refuses the connector, or nobody can log in with it.
        secret: the value must not be shown.
        choices: the only values, when there are few.
        form: what a text must look like.
        since: the first version of Dex that knows the field.
        gone: what to do, for a field that Dex has given up.
        risk: what happens when this flag is true.
        fields: those of a group.
    """

    kind: Kind = "text"
    required: bool = False
    secret: bool = False
    choices: tuple[str, ...] = ()
    form: Form = ""
    since: Version = (2, 0)
    gone: str = ""
    risk: str = ""
    fields: Fields = dataclasses.field(default_factory=dict[str, "Field"])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Type:
    """One connector type.

    Attributes:
        fields: what may stand under config.
        redirected: the browser comes back to Dex's callback, whose URL stands in redirectURI.
        needs: a field, and those of which it needs at least one beside it; "" for always.
        excludes: pairs of fields of which only one may be there.
        risk: what everybody should know who uses this type.
        mock: it lets anybody in.
    """

    fields: Fields
    redirected: bool = False
    needs: tuple[tuple[str, tuple[str, ...]], ...] = ()
    excludes: tuple[tuple[str, str], ...] = ()
    risk: str = ""
    mock: bool = False
