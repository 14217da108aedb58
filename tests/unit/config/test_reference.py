"""docs/configuration.md is made of the models that read the files (issue 16, 7)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imagekit.config.schema import schema
from imagekit.trust.gate.policy import Policy
from imagekit.trust.sign.trustfile import TrustFile

PAGE = Path(__file__).parents[3] / "docs" / "configuration.md"
HEAD = """\
# Configuration reference

Every key of every file, made of the program's own models (`python -m tests.unit.config.test_reference`; a test holds
that it is current). `imagekit config schema images|layer|settings|policy|trust` prints the same as JSON Schema for
editors, `imagekit config check` reads all files and names file, line, key and what was probably meant. What stands in a
cloud-config is [a page of its own](cloud-config.md); `imagekit config migrate` [brings files up to date](upgrading.md).
"""
FILES: tuple[tuple[str, str, str], ...] = (
    ("settings", "imagekit.yaml", "Where things go and what may be kept. Without the file every default holds."),
    ("images", "images/images.yaml", "Which layers make which image, and the machine it is tested on."),
    (
        "layer",
        "images/LAYER/layer.yaml",
        "What a layer needs, brings, takes back and promises; see [layers](layers.md).",
    ),
    (
        "policy",
        "policy.yaml",
        "What a digest must have before it enters a channel; see [the policy](release-policy.md).",
    ),
    (
        "trust",
        "trust.yaml",
        "Whose signatures count, for what and when; see [the policy](release-policy.md#trustyaml).",
    ),
)
_LATER: dict[str, Any] = {"policy": Policy, "trust": TrustFile}


def page() -> str:
    """The whole page."""
    return HEAD + "".join(_section(*each) for each in FILES)


def _section(kind: str, name: str, about: str) -> str:
    whole = schema(kind, _LATER.get(kind))
    shown: dict[str, str] = {}
    needed = _required(whole)
    rows = [row for key, value in whole["properties"].items() for row in _rows(key, value, whole, key in needed, shown)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"\n## {name}\n\n{about}\n\n| key | value | default | means |\n|---|---|---|---|\n{table}\n"


def _required(node: dict[str, Any]) -> list[str]:
    return list(node.get("required", ()))


def _rows(
    key: str, node: dict[str, Any], whole: dict[str, Any], needed: bool, shown: dict[str, str]
) -> list[tuple[str, str, str, str]]:
    """The row of a key, and those of the keys inside it; what was shown under another key is not shown twice."""
    text = node.get("description") or _first(_resolved(node, whole))
    below: list[tuple[str, str, str, str]] = []
    for name, variant, prefix in _objects(node, whole, key):
        if name in shown:
            text += f"; the same keys as `{shown[name]}`"
            continue
        shown[name] = prefix
        wanted = _required(variant)
        for inner, value in variant.get("properties", {}).items():
            below += _rows(f"{prefix}.{inner}", value, whole, inner in wanted, shown)
    return [(f"`{key}`", _type(node, whole), _default(node, needed), _text(text)), *below]


def _objects(node: dict[str, Any], whole: dict[str, Any], key: str) -> list[tuple[str, dict[str, Any], str]]:
    """Mappings with keys of their own that a value may be, hold in a list, or hold under a name: with what they are."""
    found = []
    for each in _variants(node, whole):
        if "properties" in each:
            found.append((each.get("title", key), each, key))
        if isinstance(each.get("items"), dict):
            found += _objects(each["items"], whole, f"{key}[]")
        for inner in (each.get("additionalProperties"), *each.get("patternProperties", {}).values()):
            if isinstance(inner, dict):
                found += _objects(inner, whole, f"{key}.NAME")
    return found


def _variants(node: dict[str, Any], whole: dict[str, Any]) -> list[dict[str, Any]]:
    node = _resolved(node, whole)
    choices = node.get("anyOf") or node.get("oneOf")
    return [each for choice in choices for each in _variants(choice, whole)] if choices else [node]


def _resolved(node: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    reference = node.get("$ref", "")
    found: dict[str, Any] = whole["$defs"][reference.rpartition("/")[2]] if reference else node
    return found


def _type(node: dict[str, Any], whole: dict[str, Any]) -> str:
    return " or ".join(dict.fromkeys(_name(each, whole) for each in _variants(node, whole)))


def _name(node: dict[str, Any], whole: dict[str, Any]) -> str:
    match node:
        case {"const": value}:
            return f"`{_plain(value)}`"
        case {"enum": values}:
            return ", ".join(f"`{_plain(value)}`" for value in values)
        case {"type": "array"}:
            return f"list of {_type(node['items'], whole)}" if "items" in node else "list"
        case {"type": "object", "additionalProperties": dict() as inner}:
            return f"mapping to {_type(inner, whole)}"
        case {"type": "object"}:
            return "mapping"
        case {"type": "integer"}:
            low, high = node.get("minimum", ""), node.get("maximum", "")
            return f"number {low}-{high}" if f"{low}{high}" else "number"
        case {"type": kind}:
            return {"string": "text", "boolean": "true or false"}.get(kind, str(kind))
        case _:
            return "anything"


def _default(node: dict[str, Any], needed: bool) -> str:
    if needed:
        return "**needed**"
    value = node.get("default")
    if value in (None, [], {}, "") or isinstance(value, dict):
        return ""
    return f"`{_plain(value)}`"


def _plain(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case list():
            return "[" + ", ".join(_plain(each) for each in value) + "]"
        case _:
            return str(value)


def _first(node: dict[str, Any]) -> str:
    return str(node.get("description", "")).partition("\n")[0]


def _text(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("``", "`")


def test_the_reference_is_that_of_the_models() -> None:
    assert PAGE.read_text() == page(), "run: python -m tests.unit.config.test_reference"


def test_every_key_says_what_it_means() -> None:
    """A key without a word is no reference."""
    rows = [line for line in page().splitlines() if line.startswith("| `")]
    assert len(rows) > 100
    assert [row for row in rows if row.endswith("|  |")] == []


if __name__ == "__main__":
    PAGE.write_text(page())
