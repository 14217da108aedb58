"""Cloud-config files merged as the Kairos agent merges them: later wins, mappings deeply, lists of mappings joined.

No scalar changes on its way: what was plain in a file is plain in the result, with the same text (`goyaml.Text`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from imagekit.config.cloudconfig import HEADERS, read_cloud_config
from imagekit.config.goyaml import Kind, Text, resolved


def merged_cloud_config(paths: Iterable[Path]) -> dict[str, Any]:
    """One document of all files, each checked first; scalars are `Text`. Raises `ConfigError`."""
    result: dict[str, Any] = {}
    for path in paths:
        result = merge(result, read_cloud_config(path).source.data)
    return result


def merge(below: Any, above: Any) -> Any:
    """`above` laid over `below`; neither is changed."""
    if isinstance(below, dict) and isinstance(above, dict):
        common = {key: merge(below[key], above[key]) for key in below.keys() & above.keys()}
        return {**below, **above, **common}
    if isinstance(below, list) and isinstance(above, list):
        if any(isinstance(each, dict) for each in (*below, *above)):
            return [*below, *above]
        held = [_meaning(each) for each in below]
        return [*below, *(each for each in above if _meaning(each) not in held)]
    return above


def cloud_config_text(document: Mapping[str, Any]) -> str:
    """The document as a node gets it; plain values of Python are written so that its reader finds the same ones."""
    body = yaml.dump(dict(document), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=2**20)
    return f"{HEADERS[0]}\n{body}"


def _meaning(value: Any) -> Any:
    """1 and "1" are two items to a node, `no` and "no" are one."""
    return value if isinstance(value, dict | list) else resolved(value)


class _Dumper(yaml.SafeDumper):
    """Writes scalars in the style that they came in; never an alias, for a reader may refuse one."""

    def ignore_aliases(self, data: Any) -> bool:
        """Equal values are written out each time."""
        return True


def _written(dumper: yaml.SafeDumper, text: Text) -> yaml.ScalarNode:
    # Without a tag of its own the emitter would quote or mark what PyYAML, and not the node, takes for another type.
    tag = dumper.resolve(yaml.ScalarNode, str(text), (text.plain, not text.plain))  # type: ignore[no-untyped-call]
    return dumper.represent_scalar(tag, str(text), style=text.style or None)


def _string(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    quote = '"' if resolved(Text(text))[0] is not Kind.TEXT else "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=quote)


_Dumper.add_representer(Text, _written)
_Dumper.add_representer(str, _string)
