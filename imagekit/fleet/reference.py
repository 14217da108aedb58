"""The page that describes every key of a fleet file, out of the schema: what is documented is what is read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from imagekit.fleet.model import FleetFile

Schema = dict[str, Any]
_HEAD = """\
# The fleet file: every key

Written by `python -m imagekit.fleet.reference` out of the JSON Schema (`imagekit config schema fleet`); a test
compares. What the keys are for: [provisioning](provisioning.md).
"""


def page() -> str:
    """The page, in Markdown."""
    schema = FleetFile.model_json_schema(by_alias=True)
    defs = schema["$defs"]
    parts = [_HEAD, _section("fleet/*.yaml", schema, defs)]
    parts += [_section(name, found, defs) for name, found in defs.items() if "properties" in found]
    return "\n".join(parts)


def _section(name: str, schema: Schema, defs: Schema) -> str:
    required = schema.get("required", [])
    lines = [
        f"## {name}",
        "",
        _one_line(schema.get("description", "")),
        "",
        "| key | value | default | meaning |",
        "|---|---|---|---|",
    ]
    lines += [_row(key, found, defs, required=key in required) for key, found in schema["properties"].items()]
    return "\n".join(lines) + "\n"


def _row(key: str, schema: Schema, defs: Schema, *, required: bool) -> str:
    default = "required" if required else _default(schema.get("default"))
    kinds = " or ".join(dict.fromkeys(_kinds(schema, defs)))
    return f"| `{key}` | {kinds} | {default} | {_one_line(schema.get('description', ''))} |"


def _default(value: Any) -> str:
    if value in (None, [], {}):
        return "-"
    if isinstance(value, dict):
        return "its own defaults"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _kinds(schema: Schema, defs: Schema) -> Iterator[str]:
    """What may stand there, in words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        yield from [name] if "properties" in defs[name] else _kinds(defs[name], defs)
    elif "anyOf" in schema:
        for each in schema["anyOf"]:
            yield from (kind for kind in _kinds(each, defs) if kind != "null")
    elif "enum" in schema or "const" in schema:
        yield ", ".join(f"`{each}`" for each in schema.get("enum", [schema.get("const")]))
    elif schema.get("type") == "array":
        yield f"list of {' or '.join(_kinds(schema.get('items', {}), defs))}"
    elif schema.get("type") == "object":
        inner = schema.get("additionalProperties") or next(iter(schema.get("patternProperties", {}).values()), None)
        yield f"map of {' or '.join(_kinds(inner, defs))}" if isinstance(inner, dict) else "map"
    else:
        yield {"string": "text", "integer": "number", "boolean": "true, false"}.get(schema.get("type", ""), "null")


def _one_line(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


if __name__ == "__main__":
    from pathlib import Path

    Path("docs/fleet-file.md").write_text(page(), encoding="utf-8")
