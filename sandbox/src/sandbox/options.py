# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
"""Reads what an operator typed as the type that a charm's option or action parameter has."""

import collections.abc
import concurrent.futures
import difflib

from sandbox import model

_WORDS = {
    "string": "text",
    "int": "a whole number",
    "float": "a number",
    "boolean": "true or false",
    "secret": "a secret URI",
}


def table(config: model.Json, values: collections.abc.Mapping[str, model.Json]) -> dict[str, dict[str, model.Json]]:
    """Return every option with type, default, value, source and description, as `juju config` shows them."""
    return {
        name: {
            "type": spec["type"],
            "default": spec.get("default"),
            "value": values.get(name, spec.get("default")),
            "source": "user" if name in values else "default",
            "description": spec.get("description", ""),
        }
        for name, spec in sorted(model.section(config, "options").items())
    }


def find(app: str, config: model.Json, name: str) -> model.Json:
    """Return the declaration of an option."""
    known = model.section(config, "options")
    if name in known:
        return known[name]
    raise model.WorldError(f"{app} has no option {name!r}: {_nearest(name, known)}")


def parse(app: str, config: model.Json, typed: collections.abc.Mapping[str, str]) -> dict[str, model.Json]:
    """Return options in their own types."""
    return {name: _value(f"option {name}", find(app, config, name)["type"], text) for name, text in typed.items()}


def action_params(
    app: str, actions: model.Json, name: str, typed: collections.abc.Mapping[str, str]
) -> dict[str, model.Json]:
    """Return the parameters of an action in their own types, with defaults."""
    if name not in actions:
        raise model.WorldError(f"{app} has no action {name!r}: {_nearest(name, actions)}")
    spec = actions[name]
    known = model.section(spec, "params")
    values = {key: param["default"] for key, param in known.items() if "default" in param}
    for key, text in typed.items():
        if key not in known:
            raise model.WorldError(f"action {name} has no parameter {key!r}: {_nearest(key, known)}")
        kind = str(known[key].get("type", "string"))
        kind = {"integer": "int", "number": "float"}.get(kind, kind)
        values[key] = _value(f"parameter {key}", kind, text)
    missing = [key for key in spec.get("required", ()) if key not in values]
    if missing:
        raise model.WorldError(f"action {name} needs {', '.join(f'{key}=…' for key in missing)}")
    return values


def action_event(name: str, values: collections.abc.Mapping[str, model.Json]) -> model.Event:
    """Return the event of an action, with a future for its outcome."""
    outcome: concurrent.futures.Future[dict[str, model.Json]] = concurrent.futures.Future()
    return model.Event(kind="action", action=name, params=tuple(values.items()), outcome=outcome)


def _value(what: str, kind: str, text: str) -> model.Json:
    if kind in ("string", "secret"):
        return text
    if kind == "boolean" and text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        if kind == "int":
            return int(text)
        if kind == "float":
            return float(text)
    except ValueError:
        pass
    raise model.WorldError(f"{what} must be {_WORDS.get(kind, kind)}, not {text!r}")


def _nearest(name: str, known: collections.abc.Iterable[str]) -> str:
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names) or 'none'}"
