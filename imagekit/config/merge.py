"""Cloud-config files merged as the Kairos agent merges them: later wins, mappings deeply, lists of mappings joined."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from imagekit.config.cloudconfig import read_cloud_config


def merged_cloud_config(paths: Iterable[Path]) -> dict[str, Any]:
    """One document of all files, each checked first; scalars are typed as the node's own reader types them."""
    result: dict[str, Any] = {}
    for path in paths:
        read_cloud_config(path)  # refuses tags, aliases, duplicate keys and unknown names
        result = merge(result, yaml.safe_load(path.read_text(encoding="utf-8")))
    return result


def merge(below: Any, above: Any) -> Any:
    """`above` laid over `below`; neither is changed."""
    if isinstance(below, dict) and isinstance(above, dict):
        common = {key: merge(below[key], above[key]) for key in below.keys() & above.keys()}
        return {**below, **above, **common}
    if isinstance(below, list) and isinstance(above, list):
        if any(isinstance(each, dict) for each in (*below, *above)):
            return [*below, *above]
        return [*below, *(each for each in above if each not in below)]
    return above
