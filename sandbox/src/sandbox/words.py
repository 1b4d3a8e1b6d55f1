# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Turns text in the words of a cluster into text in the words of this machine, at the door of Pebble, and errors back.

Charms, databags, digests and plans stay in cluster words. Only hosts and paths are turned, never ports: every unit has
a loopback address of its own.
"""

import collections.abc
import copy
import dataclasses
import pathlib
import re
import typing

Json = typing.Any
# A name or path begins and ends where none of its characters stand; an e-mail address is not a host.
_BEFORE_NAME = r"(?<![\w.@%-])"
_AFTER_NAME = r"(?![\w-]|\.\w)"
_BEFORE_PATH = r"(?:(?<![\w/.$}%-])|(?<=file://))"
_AFTER_PATH = r"(?![\w.-])"
_LOCAL = re.compile(r"(?<![\w.-])(?:localhost|127\.0\.0\.1|0\.0\.0\.0)(?![\w.-])")
_ANY = re.compile(r"(?<![\d.])0\.0\.0\.0(?=:\d)|(?<=\")0\.0\.0\.0(?=\")|(?<=')0\.0\.0\.0(?=')")
_USERS = ("user", "user-id", "group", "group-id")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Words:
    """The words of one unit's container.

    Attributes:
        hosts: the address of every application.
        model: the model's name, which is the namespace.
        address: this unit's loopback address.
        root: the directory on this machine that holds the container's files.
        tops: the directories of the container that exist.
        programs: where each program of the container really is.
    """

    hosts: collections.abc.Mapping[str, str]
    model: str
    address: str
    root: str
    tops: tuple[str, ...]
    programs: collections.abc.Mapping[str, str] = dataclasses.field(default_factory=dict[str, str])

    def file(self, text: str) -> str:
        """Turn the text of a file, where a name is a host only with scheme, port or quotes around it."""
        text = self._names().sub(lambda match: self._host(match) if _is_host(match) else match[0], text)
        return self._paths().sub(self._real, _ANY.sub(self.address, text))

    def value(self, text: str) -> str:
        """Turn a word of a command or of the environment, where every name is a host."""
        text = self._names().sub(self._host, text)
        return self._paths().sub(self._real, _ANY.sub(self.address, text))

    def command(self, text: str) -> str:
        """Turn a command line: its program, and every word after it."""
        program, space, rest = text.partition(" ")
        return self.programs.get(program, self.value(program)) + space + self.value(rest)

    def environment(self, variables: collections.abc.Mapping[str, str]) -> dict[str, str]:
        """Turn the values of an environment."""
        return {name: self.value(text) for name, text in variables.items()}

    def local(self, text: str) -> str:
        """Turn the address of a check: this unit is not the only one on localhost."""
        return _LOCAL.sub(self.address, self._names().sub(self._host, text))

    def path(self, path: str) -> str:
        """Return where a path of the container really is."""
        return self.programs.get(path, f"{self.root}{path}")

    def check(self, check: collections.abc.Mapping[str, Json]) -> dict[str, Json]:
        """Turn a check of a layer."""
        turned = copy.deepcopy(dict(check))
        if "http" in turned:
            turned["http"]["url"] = self.local(turned["http"].get("url", ""))
        if "tcp" in turned:
            turned["tcp"]["host"] = self.local(turned["tcp"].get("host") or "localhost")
        if "exec" in turned:
            turned["exec"] = self._process(turned["exec"])
        return turned

    def layer(self, layer: collections.abc.Mapping[str, Json]) -> dict[str, Json]:
        """Turn a whole layer."""
        turned = copy.deepcopy(dict(layer))
        turned["services"] = {name: self._process(spec) for name, spec in _section(turned, "services").items()}
        turned["checks"] = {name: self.check(spec) for name, spec in _section(turned, "checks").items()}
        for target in _section(turned, "log-targets").values():
            if "location" in target:
                target["location"] = self.value(target["location"])
        return turned

    def back(self, text: str) -> str:
        """Turn the text of an error back into the words of the container."""
        for path, real in self.programs.items():
            text = text.replace(real, path)
        return text.replace(self.root, "")

    def _process(self, spec: collections.abc.Mapping[str, Json]) -> dict[str, Json]:
        # An ordinary user can be nobody else, and in the container these would name one.
        turned = {key: value for key, value in spec.items() if key not in _USERS}
        if "command" in turned:
            turned["command"] = self.command(turned["command"])
        if turned.get("environment"):
            turned["environment"] = self.environment(turned["environment"])
        if turned.get("working-dir"):
            turned["working-dir"] = self.path(turned["working-dir"])
        return turned

    def _names(self) -> re.Pattern[str]:
        apps = "|".join(re.escape(name) for name in sorted(self.hosts, key=len, reverse=True))
        model = re.escape(self.model)
        unit = rf"(?:(?P<unit>{apps})-\d+\.(?P=unit)-endpoints|(?P<app>{apps}))"
        return re.compile(rf"{_BEFORE_NAME}{unit}\.{model}(?:\.svc(?:\.cluster\.local)?)?\.?{_AFTER_NAME}")

    def _host(self, match: re.Match[str]) -> str:
        return self.hosts[match["unit"] or match["app"]]

    def _paths(self) -> re.Pattern[str]:
        tops = "|".join(re.escape(top) for top in sorted(self.tops, key=len, reverse=True))
        return re.compile(rf"{_BEFORE_PATH}(?:{tops})(?=/|{_AFTER_PATH})" if tops else r"(?!)")

    def _real(self, match: re.Match[str]) -> str:
        return f"{self.root}{match[0]}"


def _section(layer: dict[str, Json], name: str) -> dict[str, dict[str, Json]]:
    return layer.get(name) or dict[str, dict[str, Json]]()


def _is_host(match: re.Match[str]) -> bool:
    before, after = match.string[: match.start()], match.string[match.end() :]
    if before.endswith("://") or re.match(r":\d", after):
        return True
    return before[-1:] in ("'", '"') and after[:1] == before[-1:]


def seen(root: str, path: str) -> pathlib.Path:
    """Return where the charm's own text of a file is kept, beside the turned one."""
    return pathlib.Path(f"{root}.seen{path}")
