"""Structural schemas, read as the API server reads them."""

from __future__ import annotations

from typing import Any

import pytest

from imagekit.provision.check.structural import rules_in, strict, validator_of


def accepts(spec: dict[str, Any], value: Any) -> bool:
    schema = strict({"type": "object", "properties": {"spec": spec}})
    item = {"apiVersion": "a/v1", "kind": "A", "metadata": {"name": "x"}, "spec": value}
    return bool(validator_of(schema).is_valid(item))


OBJECT = {"type": "object", "properties": {"a": {"type": "string"}}}
CASES: list[tuple[dict[str, Any], Any, bool]] = [
    (OBJECT, {"a": "x"}, True),
    (OBJECT, {"b": "x"}, False),
    (OBJECT, {"a": None}, False),
    ({"type": "object"}, {"b": 1}, False),
    ({**OBJECT, "x-kubernetes-preserve-unknown-fields": True}, {"b": 1}, True),
    ({**OBJECT, "x-kubernetes-preserve-unknown-fields": True}, {"a": 1}, False),
    ({"type": "object", "additionalProperties": {"type": "integer"}}, {"any": 1}, True),
    ({"type": "object", "additionalProperties": {"type": "integer"}}, {"any": "1"}, False),
    ({"type": "object", "additionalProperties": True}, {"any": "1"}, True),
    ({"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]}, 3, True),
    ({"x-kubernetes-int-or-string": True}, "30%", True),
    ({"x-kubernetes-int-or-string": True}, 1.5, False),
    ({"type": "string", "nullable": True, "enum": ["a"]}, None, True),
    ({"type": "string", "nullable": True, "enum": ["a"]}, "b", False),
    ({"type": "integer", "minimum": 0, "exclusiveMinimum": True}, 0, False),
    ({"type": "integer", "minimum": 0}, 0, True),
    ({"type": "integer", "format": "int32"}, 1 << 31, False),
    ({"type": "integer", "format": "int64"}, 1 << 31, True),
    ({"type": "integer", "format": "https"}, 1, True),
    ({"type": "string", "format": "date-time"}, "2026-11-28T20:00:00Z", True),
    ({"type": "string", "format": "date-time"}, "yesterday", False),
    ({"type": "string", "pattern": "^[a-z]+$"}, "a\n", False),
    ({"type": "string", "pattern": "^[a-z]+$"}, "a", True),
    ({"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"}, ["a", "a"], False),
    ({"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"}, ["a", "b"], True),
    (
        {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["n"],
            "items": {"type": "object", "properties": {"n": {"type": "string"}, "v": {"type": "string"}}},
        },
        [{"n": "a", "v": "1"}, {"n": "a", "v": "2"}],
        False,
    ),
    ({**OBJECT, "x-kubernetes-embedded-resource": True}, {"apiVersion": "v1", "kind": "B", "metadata": {}}, True),
    ({**OBJECT, "oneOf": [{"required": ["a"]}, {"required": ["b"]}]}, {}, False),
    ({**OBJECT, "not": {"required": ["a"]}}, {"a": "x"}, False),
]


@pytest.mark.parametrize(("spec", "value", "good"), CASES)
def test_values(spec: dict[str, Any], value: Any, good: bool) -> None:
    assert accepts(spec, value) is good


@pytest.mark.parametrize(
    ("metadata", "good"),
    [
        ({"name": "x", "labels": {"a": "b"}, "annotations": {"a": "c d"}, "creationTimestamp": None}, True),
        ({"name": "x", "labels": {"a": "b c"}}, False),
        ({"name": "x", "labels": {"a": 1}}, False),
        ({"name": "x", "annotations": {"a": True}}, False),
        ({"name": "x", "namespace": "A"}, False),
        ({"name": "x", "uid": "1"}, False),
    ],
)
def test_metadata(metadata: dict[str, Any], good: bool) -> None:
    schema = strict({"type": "object", "properties": {}})
    assert validator_of(schema).is_valid({"apiVersion": "a/v1", "kind": "A", "metadata": metadata}) is good


def test_rules_in_cel_are_counted() -> None:
    rule = {"x-kubernetes-validations": [{"rule": "true"}]}
    assert rules_in({"properties": {"a": rule, "b": {"items": {**rule, "properties": {"c": rule}}}}}) == 3
