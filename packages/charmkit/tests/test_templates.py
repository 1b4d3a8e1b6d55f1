# Copyright 2026 The Kubeflow Auth Authors
# SPDX-License-Identifier: Apache-2.0
import json
import pathlib

import hypothesis
import jinja2
import pytest
import yaml
from charmkit import templates
from hypothesis import strategies

TEXT = strategies.text(
    strategies.one_of(
        strategies.characters(exclude_categories=["Cs"]),
        strategies.sampled_from("\"'\\\n\r\t{}[]#:,&*!|>%@`-? \x00\x07\x1b\x7f\x85\xa0\u2028\u2029\ufeff\ufffe\uffff"),
    )
)
VALUES = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.integers(-(2**53), 2**53) | TEXT,
    lambda inner: strategies.lists(inner, max_size=4) | strategies.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    path = tmp_path_factory.mktemp("templates")
    (path / "config.json.j2").write_text('{"before": 1, "value": {{ value | tojson }}, "after": "x"}\n')
    (path / "config.yaml.j2").write_text(
        "before: 1\nvalue: {{ value | tojson }}\nlist:\n{% for item in items %}\n  - key: {{ item | tojson }}\n"
        "{% endfor %}\nafter: x\n"
    )
    (path / "plain.j2").write_text("{{ value }}\n")
    (path / "mixed.j2").write_text("{{ (value | tojson) ~ value }}\n")
    (path / "quoted.j2").write_text("{{ value | tojson | upper }}\n")
    return path


@hypothesis.given(VALUES)
def test_json_and_yaml_read_the_same_value(value: object) -> None:
    text = templates.to_json(value)
    assert json.loads(text) == value
    assert yaml.safe_load(text) == value
    assert yaml.safe_load(f"key: {text}\n") == {"key": value}


@hypothesis.given(value=VALUES)
def test_no_value_breaks_out_of_json(directory: pathlib.Path, value: object) -> None:
    text = templates.render(directory, "config.json.j2", {"value": value})
    assert json.loads(text) == yaml.safe_load(text) == {"before": 1, "value": value, "after": "x"}
    assert text.count("\n") == 1


@hypothesis.given(value=VALUES, items=strategies.lists(VALUES, min_size=1, max_size=3))
def test_no_value_breaks_out_of_yaml(directory: pathlib.Path, value: object, items: list[object]) -> None:
    text = templates.render(directory, "config.yaml.j2", {"value": value, "items": items})
    expected = {"before": 1, "value": value, "list": [{"key": item} for item in items], "after": "x"}
    assert yaml.safe_load(text) == expected


@pytest.mark.parametrize("text", ["yes", "no", "null", "1e3", "0x1f", "1:30", "2026-11-25", "~", "<<", "=", "*a", "&a"])
def test_text_stays_text(text: str) -> None:
    assert yaml.safe_load(templates.to_json(text)) == text


@pytest.mark.parametrize("name", ["plain.j2", "mixed.j2", "quoted.j2"])
@pytest.mark.parametrize("value", ["x", 1, None, True, ["x"]])
def test_value_without_the_filter_is_refused(directory: pathlib.Path, name: str, value: object) -> None:
    with pytest.raises(jinja2.TemplateError):
        templates.render(directory, name, {"value": value})


def test_missing_value_is_refused(directory: pathlib.Path) -> None:
    with pytest.raises(jinja2.UndefinedError):
        templates.render(directory, "plain.j2", {})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("-inf")]])
def test_number_that_json_cannot_say_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        templates.to_json(value)


def test_same_values_give_the_same_text() -> None:
    assert templates.to_json({"b": 1, "a": [1, 2]}) == templates.to_json({"a": [1, 2], "b": 1})
