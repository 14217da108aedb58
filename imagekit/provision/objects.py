"""The head of every object, and how objects are put into files of one tree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from imagekit.provision.names import GROUP, OCI_IMAGE
from imagekit.provision.yamlout import Object

MANAGED = {"app.kubernetes.io/managed-by": "imagekit"}


def labels(**more: str) -> dict[str, str]:
    """Labels of an object; each of `more` under imagekit's own prefix, a dash for an underscore."""
    return {**MANAGED, **{f"{GROUP}/{name.replace('_', '-')}": value for name, value in more.items()}}


def made(
    api: str,
    kind: str,
    name: str,
    spec: Mapping[str, Any] | None,
    *,
    namespace: str | None = None,
    label: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    image: str | None = None,
) -> Object:
    """An object; `image` is the reference by digest of what it is about, kept as an annotation."""
    metadata: Object = {"name": name, "labels": dict(label or MANAGED)}
    if namespace is not None:
        metadata["namespace"] = namespace
    notes = {**(annotations or {}), **({OCI_IMAGE: image} if image else {})}
    if notes:
        metadata["annotations"] = notes
    found: Object = {"apiVersion": api, "kind": kind, "metadata": metadata}
    if spec is not None:
        found["spec"] = dict(spec)
    return found


@dataclass(frozen=True, slots=True)
class File:
    """A file of the tree: its path from the tree's top, and its objects."""

    path: str
    objects: tuple[Object, ...]
