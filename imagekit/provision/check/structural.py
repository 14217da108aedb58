"""Structural schemas of CRDs as strict JSON schemas, read the way the API server reads them.

Facts: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/ (structural
schemas, pruning, nullable, list types) and kube-apiserver 1.37 with fieldValidation=Strict, which refuses
unknown fields.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend

Schema = dict[str, Any]
_COPIED = (
    *("enum", "pattern", "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"),
    *("multipleOf", "uniqueItems", "required", "format", "x-kubernetes-list-type", "x-kubernetes-list-map-keys"),
)
_BOUNDS = (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum"))
_LISTS = ("allOf", "anyOf", "oneOf")
_LABEL = r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
_WORDS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
# ObjectMeta of meta/v1; what only the server writes is left out, because nobody declares it.
METADATA: Schema = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "maxLength": 253},
        "generateName": {"type": "string"},
        "namespace": {"type": "string", "maxLength": 63, "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"},
        "labels": {
            "type": "object",
            "additionalProperties": {"type": "string", "maxLength": 63, "pattern": _LABEL},
        },
        "annotations": _WORDS,
        "creationTimestamp": {"type": "null"},  # what kubectl create --dry-run leaves
        "finalizers": {"type": "array", "items": {"type": "string"}},
        "ownerReferences": {"type": "array", "items": {"type": "object"}},
    },
}


def strict(schema: Schema) -> Schema:
    """The JSON schema of a whole object of a CRD's `openAPIV3Schema`."""
    made = _node(schema)
    own = schema.get("properties", {}).get("metadata", {})
    named = {"allOf": [METADATA, {**_node(own), "additionalProperties": True}]} if own.get("properties") else METADATA
    made["type"] = "object"
    made["properties"] = {
        **made.get("properties", {}),
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": named,
    }
    if not schema.get("x-kubernetes-preserve-unknown-fields"):
        made.setdefault("additionalProperties", False)
    return made


def _node(schema: Schema) -> Schema:
    made: Schema = {key: schema[key] for key in _COPIED if key in schema}
    made |= _bounds(schema)
    made |= {name: [_value_only(each) for each in schema[name]] for name in _LISTS if name in schema}
    if "not" in schema:
        made["not"] = _value_only(schema["not"])
    if "items" in schema:
        made["items"] = _node(schema["items"])
    if schema.get("x-kubernetes-int-or-string"):
        made.pop("anyOf", None)
        made["type"] = ["integer", "string"]
    elif "type" in schema:
        made["type"] = schema["type"]
    _fields(schema, made)
    if schema.get("nullable"):
        _or_null(made)
    return made


def _fields(schema: Schema, made: Schema) -> None:
    """Which fields a mapping may have: those named, those of a free map, or any where fields are kept unseen."""
    if schema.get("type") != "object" and "properties" not in schema:
        return
    if "properties" in schema:
        made["properties"] = {name: _node(each) for name, each in schema["properties"].items()}
    more = schema.get("additionalProperties")
    if isinstance(more, dict):
        made["additionalProperties"] = _node(more)
    elif more is not True and not schema.get("x-kubernetes-preserve-unknown-fields"):
        made["additionalProperties"] = False
    if schema.get("x-kubernetes-embedded-resource"):
        known = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}}
        made["properties"] = {**known, **made.get("properties", {})}


def _value_only(schema: Schema) -> Schema:
    """A schema below anyOf and its like: it restricts values, and names fields without closing the object."""
    made: Schema = {key: schema[key] for key in (*_COPIED, "type") if key in schema}
    made |= _bounds(schema)
    made |= {name: [_value_only(each) for each in schema[name]] for name in _LISTS if name in schema}
    if "not" in schema:
        made["not"] = _value_only(schema["not"])
    if "properties" in schema:
        made["properties"] = {name: _value_only(each) for name, each in schema["properties"].items()}
    if isinstance(schema.get("items"), dict):
        made["items"] = _value_only(schema["items"])
    return made


def _bounds(schema: Schema) -> Schema:
    """OpenAPI 3.0 has `exclusiveMinimum: true` beside `minimum`; JSON schema has the number itself."""
    made: Schema = {}
    for plain, exclusive in _BOUNDS:
        if plain in schema:
            made[exclusive if schema.get(exclusive) is True else plain] = schema[plain]
    return made


def _or_null(made: Schema) -> None:
    if "type" in made:
        kinds = made["type"] if isinstance(made["type"], list) else [made["type"]]
        made["type"] = [*kinds, "null"]
    if "enum" in made:
        made["enum"] = [*made["enum"], None]


def rules_in(schema: Any) -> int:
    """How many CEL rules a schema has; they are not evaluated here."""
    if isinstance(schema, list):
        return sum(rules_in(each) for each in schema)
    if not isinstance(schema, dict):
        return 0
    own = schema.get("x-kubernetes-validations")
    return len(own if isinstance(own, list) else ()) + sum(rules_in(each) for each in schema.values())


def _list_type(validator: Validator, kind: str, instance: Any, schema: Mapping[str, Any]) -> Iterator[ValidationError]:
    """A `set` has no value twice, a `map` no entry with the same keys twice."""
    if not isinstance(instance, list) or kind not in ("set", "map"):
        return
    keys = schema.get("x-kubernetes-list-map-keys", ())
    seen: set[str] = set()
    for number, item in enumerate(instance):
        own = [item.get(key) for key in keys] if kind == "map" and isinstance(item, dict) else item
        if repr(own) in seen:
            error = ValidationError(f"{own!r} is there twice", validator="x-kubernetes-list-type")
            error.path.appendleft(number)
            yield error
        seen.add(repr(own))


def _pattern(validator: Validator, pattern: str, instance: Any, schema: Mapping[str, Any]) -> Iterator[ValidationError]:
    """Go's `$` is the end of the text; Python's also stands before a last newline."""
    end = pattern[:-1] + r"\Z" if pattern.endswith("$") and not pattern.endswith(r"\$") else pattern
    if isinstance(instance, str) and not re.search(end, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


_FORMATS = FormatChecker(formats=())
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[-+]\d\d:\d\d)")
_BITS = {"int32": 31, "int64": 63}


def _is_time(value: object) -> bool:
    return not isinstance(value, str) or _TIME.fullmatch(value) is not None


def _fits(bits: int) -> Callable[[object], bool]:
    return lambda value: not isinstance(value, int) or -(1 << bits) <= value < 1 << bits


_FORMATS.checks("date-time")(_is_time)
for _name, _bits in _BITS.items():
    _FORMATS.checks(_name)(_fits(_bits))
_Strict = extend(Draft202012Validator, {"x-kubernetes-list-type": _list_type, "pattern": _pattern})


def validator_of(schema: Schema) -> Validator:
    """What judges instances by a schema that `strict` made, or any JSON schema."""
    return _Strict(schema, format_checker=_FORMATS)
