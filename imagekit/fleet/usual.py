"""The three usual clusters as data; a cluster of a fleet file says what differs from one of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from imagekit.config.yamlfile import parse_yaml
from imagekit.fleet.cluster import Cluster, Template


def effective(cluster: Cluster) -> Cluster:
    """A cluster with the values of its template where it says nothing; mappings are laid over each other."""
    if cluster.template is None:
        return cluster
    said = cluster.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return Cluster.model_validate_json(json.dumps(_over(_values(cluster.template), said)))


@cache
def _values(template: Template) -> Mapping[str, Any]:
    path = f"templates/{template.value}.yaml"
    text = resources.files("imagekit.fleet").joinpath(path).read_text(encoding="utf-8")
    found: Mapping[str, Any] = parse_yaml(text, Path(path)).data
    return found


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(below)
    for key, value in above.items():
        old = found.get(key)
        found[key] = _over(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return found
