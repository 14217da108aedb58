"""Kubernetes objects out of files, with the line of every field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import yaml

from imagekit.oci.reference import Digest
from imagekit.provision.check.finding import Finding, Key

KUSTOMIZE = "kustomize.config.k8s.io"
_SUBSTITUTE = "kustomize.toolkit.fluxcd.io/substitute"
Identity = tuple[str, str, str, str]  # group, kind, namespace, name


@dataclass(frozen=True)
class Manifest:
    """One object of one document; `node` keeps the lines."""

    file: str
    data: dict[str, Any]
    node: yaml.Node = field(repr=False, compare=False)

    @cached_property
    def api_version(self) -> str:
        """``group/version``, or ``v1``."""
        return _text(self.data.get("apiVersion"))

    @property
    def group(self) -> str:
        """The API group; empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @cached_property
    def kind(self) -> str:
        """The kind."""
        return _text(self.data.get("kind"))

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """Its metadata; empty where there are none."""
        found = self.data.get("metadata")
        return found if isinstance(found, dict) else {}

    @property
    def id(self) -> Identity:
        """What a cluster tells objects apart by."""
        return self.group, self.kind, self.namespace, self.short

    @property
    def namespace(self) -> str:
        """The namespace that it names; may be empty."""
        return _text(self.metadata.get("namespace"))

    @property
    def short(self) -> str:
        """`metadata.name`."""
        return _text(self.metadata.get("name"))

    @property
    def name(self) -> str:
        """``Kind namespace/name``, for people."""
        return f"{self.kind or '?'} {'/'.join(filter(None, (self.namespace, self.short))) or '?'}"

    @property
    def labels(self) -> Mapping[str, str]:
        """Its labels that are text."""
        return _texts(self.metadata.get("labels"))

    @property
    def annotations(self) -> Mapping[str, str]:
        """Its annotations that are text."""
        return _texts(self.metadata.get("annotations"))

    @property
    def spec(self) -> dict[str, Any]:
        """Its spec; empty where there is none."""
        found = self.data.get("spec")
        return found if isinstance(found, dict) else {}

    def get(self, *key: str | int) -> Any:
        """The value at a path; None where something on the way is missing."""
        value: Any = self.data
        for part in key:
            if isinstance(part, int):
                value = value[part] if isinstance(value, list) and part < len(value) else None
            else:
                value = value.get(part) if isinstance(value, dict) else None
        return value

    def texts(self) -> Iterator[tuple[Key, str]]:
        """Every text in it with its path; keys of mappings are not texts."""
        yield from _walk((), self.data)

    def line_of(self, key: Key) -> int:
        """The line of a field, or of the nearest parent that is there."""
        node, line = self.node, self.node.start_mark.line
        for part in key:
            step = _step(node, part)
            if step is None:
                break
            line, node = step
        return line + 1

    @property
    def substituted(self) -> bool:
        """Whether Flux may substitute in it: neither a label nor an annotation says no."""
        return "disabled" not in (self.labels.get(_SUBSTITUTE), self.annotations.get(_SUBSTITUTE))


@dataclass(frozen=True)
class Tree:
    """All objects of a check, what cannot be read of them, and what is known from outside the files.

    `denied` maps withdrawn digests to why; `external` holds ``Kind/name`` of objects that others apply; `records` maps
    digests to what is inside the image: its `KAIROS_VERSION` and, under ``k0s``, the version of k0s.
    """

    manifests: tuple[Manifest, ...]
    files: tuple[str, ...] = ()
    problems: tuple[Finding, ...] = ()
    denied: Mapping[Digest, str] = field(default_factory=dict)
    external: frozenset[str] = frozenset()
    records: Mapping[Digest, Mapping[str, str]] = field(default_factory=dict)

    @cached_property
    def by_kind(self) -> dict[str, list[Manifest]]:
        """Objects by kind, in the order of the files."""
        found: dict[str, list[Manifest]] = {}
        for each in self.manifests:
            found.setdefault(each.kind, []).append(each)
        return found

    def of(self, *kinds: str) -> Iterator[Manifest]:
        """The objects of some kinds."""
        for kind in kinds:
            yield from self.by_kind.get(kind, ())

    @cached_property
    def names(self) -> frozenset[tuple[str, str, str]]:
        """Kind, namespace and name of every object."""
        return frozenset((each.kind, each.namespace, each.short) for each in self.manifests)


def _step(node: yaml.Node, part: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == part:
                return key.start_mark.line, value
    elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark.line, node.value[part]
    return None


def _walk(key: Key, value: Any) -> Iterator[tuple[Key, str]]:
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from _walk((*key, name), each)
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _walk((*key, number), each)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: Any) -> Mapping[str, str]:
    found = value if isinstance(value, dict) else {}
    return {key: text for key, text in found.items() if isinstance(text, str)}
