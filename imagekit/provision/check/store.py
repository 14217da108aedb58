"""The folder of schemas: CRDs, OpenAPI documents of the built-in kinds, values schemas of charts.

`imagekit provision schemas fetch` fills it; imagekit carries pins, never copies. Its layout is free: files are known by
what is in them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from jsonschema.protocols import Validator

from imagekit.base.errors import ConfigError
from imagekit.provision.check.structural import Schema, rules_in, strict, validator_of

_VALUES = ".values.schema.json"
_PARTS = "#/components/schemas/"
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_HINT = "`imagekit provision schemas fetch` fills the folder; --schemas DIR or IMAGEKIT_SCHEMAS names it."
Api = tuple[str, str]  # apiVersion, kind


@dataclass(frozen=True)
class KindSchema:
    """What is known of a kind in one version of its API."""

    api_version: str
    kind: str
    namespaced: bool
    deprecated: str  # what upstream says of it; empty when it is not
    raw: Schema = field(repr=False, compare=False)
    of_crd: bool = True

    @cached_property
    def validator(self) -> Validator:
        """Made when the first object asks for it."""
        return validator_of(strict(self.raw) if self.of_crd else self.raw)

    @cached_property
    def rules(self) -> int:
        """How many CEL rules the schema has, which are not evaluated here."""
        return rules_in(self.raw) if self.of_crd else 0


@dataclass(frozen=True)
class Schemas:
    """Kinds by apiVersion and kind; charts' values by name; the CRDs as they are, for an API server."""

    folder: Path
    kinds: dict[Api, KindSchema]
    values: dict[str, Path]
    crds: tuple[dict[str, Any], ...] = field(repr=False, default=())

    def of(self, api_version: str, kind: str) -> KindSchema | None:
        """The schema of a kind; None where the folder has none."""
        return self.kinds.get((api_version, kind))

    def versions(self, group: str, kind: str) -> list[str]:
        """Which versions of a kind are known."""
        return sorted(version for version, name in self.kinds if name == kind and version.rpartition("/")[0] == group)

    def groups(self) -> set[str]:
        """The API groups that the folder has kinds of."""
        return {version.rpartition("/")[0] for version, _ in self.kinds}

    def chart_values(self, template: str) -> tuple[str, Validator] | None:
        """The values schema of the chart behind a ClusterTemplate, whose name is the chart's with its version."""
        best = max((name for name in self.values if template == name or template.startswith(f"{name}-")), default=None)
        if best is None:
            return None
        return best, validator_of(json.loads(self.values[best].read_text(encoding="utf-8")))


def load_schemas(folder: Path) -> Schemas:
    """Read the whole folder. Raises `ConfigError` where it is missing, empty, or a file of it is no schema."""
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no folder of schemas", hint=_HINT)
    kinds: dict[Api, KindSchema] = {}
    values: dict[str, Path] = {}
    crds: list[dict[str, Any]] = []
    for path in sorted(folder.rglob("*")):
        if path.name.endswith(_VALUES):
            values[path.name.removesuffix(_VALUES)] = path
        elif path.suffix in (".yaml", ".yml"):
            found = list(_crds(path))
            crds += found
            kinds.update({(each.api_version, each.kind): each for crd in found for each in _served(crd, path)})
        elif path.suffix == ".json" and "openapi" in path.name:
            kinds.update({(each.api_version, each.kind): each for each in _built_in(path)})
    if not kinds:
        raise ConfigError(f"{folder}: no CustomResourceDefinition in it", hint=_HINT)
    return Schemas(folder, kinds, values, tuple(crds))


def _crds(path: Path) -> Iterator[dict[str, Any]]:
    try:
        documents = list(yaml.load_all(path.read_text(encoding="utf-8"), Loader=_Loader))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: not read: {error}", hint="Fetch the schemas again.") from None
    for each in documents:
        if isinstance(each, dict) and each.get("kind") == "CustomResourceDefinition":
            yield each


def _served(crd: dict[str, Any], path: Path) -> Iterator[KindSchema]:
    try:
        spec = crd["spec"]
        group, kind, scope = spec["group"], spec["names"]["kind"], spec["scope"]
        for version in spec["versions"]:
            if not version["served"]:
                continue
            schema = version["schema"]["openAPIV3Schema"]
            old = str(version.get("deprecationWarning") or "deprecated") if version.get("deprecated") else ""
            name = f"{group}/{version['name']}"
            yield KindSchema(name, kind, scope == "Namespaced", old, schema)
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path}: no CRD of apiextensions.k8s.io/v1: {error!r}", hint="Fetch it again.") from None


def _built_in(path: Path) -> Iterator[KindSchema]:
    """Kinds out of an OpenAPI v3 document of Kubernetes (`/openapi/v3/...`), with references kept as they are."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        parts = document["components"]["schemas"]
        spaced = {tuple(sorted(each.items())) for each in _namespaced(document)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path}: no OpenAPI document: {error!r}", hint="Fetch the schemas again.") from None
    closed = {name: _closed(each) for name, each in parts.items()}
    for name, each in parts.items():
        kinds = each.get("x-kubernetes-group-version-kind", ())
        for gvk in kinds if len(kinds) == 1 else ():  # options of requests are of every group
            version = "/".join(filter(None, (gvk["group"], gvk["version"])))
            schema = {"$ref": f"{_PARTS}{name}", "components": {"schemas": _reached(name, closed)}}
            yield KindSchema(version, gvk["kind"], tuple(sorted(gvk.items())) in spaced, "", schema, of_crd=False)


def _reached(name: str, parts: dict[str, Schema]) -> dict[str, Schema]:
    """The components that one needs: the whole document would be crawled for each kind."""
    found: dict[str, Schema] = {}
    waiting = [name]
    while waiting:
        each = waiting.pop()
        if each in parts and each not in found:
            found[each] = parts[each]
            waiting += _references(parts[each])
    return found


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(reference := value.get("$ref"), str):
            yield reference.removeprefix(_PARTS)
        for each in value.values():
            yield from _references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)


def _namespaced(document: dict[str, Any]) -> Iterator[dict[str, str]]:
    """Which kinds have a path with a namespace."""
    for path, item in document.get("paths", {}).items():
        if "{namespace}" in path:
            for call in item.values():
                if isinstance(call, dict) and (gvk := call.get("x-kubernetes-group-version-kind")):
                    yield gvk


def _closed(schema: Schema) -> Schema:
    """A component with no fields but its own; defaults are the server's business."""
    made = {key: value for key, value in schema.items() if key != "default"}
    if "properties" in made:
        made["properties"] = {name: _closed(each) for name, each in made["properties"].items()}
        made.setdefault("additionalProperties", False)
    if schema.get("format") == "int-or-string":
        made.pop("type", None)
        made.pop("format")
    return made
