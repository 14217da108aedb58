"""A fleet file out of rows: nodes that have all in common but name and address become one line with a range."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address
from typing import Any

from imagekit.fleet.ranges import compress, expand

Row = Mapping[str, Any]  # fields of a node as a fleet file has them, with its `name`
_NUMBERED = re.compile(r"(.*?)([0-9]{1,9})")
_PLAIN = re.compile(r"[a-z][a-z0-9-]*|sha256:[0-9a-f]{64}")
_RESERVED = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


def fleet_text(rows: Iterable[Row], *, head: str) -> str:
    """The file for some nodes, shorter than one line a node wherever their numbers and addresses go together."""
    lines = [f"# {head}", "version: 1", "nodes:"]
    for pattern, fields in _entries(sorted(rows, key=lambda row: _order(str(row["name"])))):
        lines.append(f"  {quoted(pattern)}: {flow(fields)}")
    return "\n".join(lines) + "\n"


def _order(name: str) -> tuple[str, int, int]:
    matched = _NUMBERED.fullmatch(name)
    return (matched[1], len(matched[2]), int(matched[2])) if matched else (name, 0, 0)


def _entries(rows: Sequence[Row]) -> list[tuple[str, dict[str, Any]]]:
    found: list[list[Row]] = []
    for row in rows:
        if found and _follows(found[-1][-1], row):
            found[-1].append(row)
        else:
            found.append([row])
    return [_entry(run) for run in found]


def _follows(before: Row, row: Row) -> bool:
    """Whether a node is the next of a run: the next number, the next addresses, and all else the same."""
    if {**before, "name": "", "addresses": ()} != {**row, "name": "", "addresses": ()}:
        return False
    if "mac" in row or len(before.get("addresses", ())) != len(row.get("addresses", ())):
        return False
    one, two = _NUMBERED.fullmatch(str(before["name"])), _NUMBERED.fullmatch(str(row["name"]))
    if one is None or two is None or (one[1], len(one[2])) != (two[1], len(two[2])):
        return False
    pairs = zip(before.get("addresses", ()), row.get("addresses", ()), strict=True)
    return int(two[2]) == int(one[2]) + 1 and all(_next(first, second) for first, second in pairs)


def _next(first: str, second: str) -> bool:
    """Whether an IPv4 address is the next one in the same last octet; ranges are decimal, so IPv6 is written out."""
    one, two = ip_address(first), ip_address(second)
    return one.version == two.version == 4 and int(two) == int(one) + 1 and int(one) >> 8 == int(two) >> 8


def _entry(run: Sequence[Row]) -> tuple[str, dict[str, Any]]:
    first, last = run[0], run[-1]
    fields = {key: value for key, value in first.items() if key != "name"}
    if len(run) == 1:
        return str(first["name"]), fields
    [pattern] = compress(str(row["name"]) for row in run)
    assert list(expand(pattern)) == [row["name"] for row in run]
    if fields.get("addresses"):
        pairs = zip(first["addresses"], last["addresses"], strict=True)
        fields["addresses"] = [_range(one, two) for one, two in pairs]
    return pattern, fields


def _range(first: str, last: str) -> str:
    head, _, one = first.rpartition(".")
    return f"{head}.[{one}-{last.rpartition('.')[2]}]"


def flow(value: Any) -> str:
    """A value on one line, every text quoted that a YAML reader could take for something else."""
    match value:
        case Mapping():
            return "{" + ", ".join(f"{quoted(str(key))}: {flow(each)}" for key, each in value.items()) + "}"
        case str():
            return quoted(value)
        case bool():
            return "true" if value else "false"
        case list() | tuple():
            return "[" + ", ".join(flow(each) for each in value) + "]"
        case _:
            return str(value)


def quoted(text: str) -> str:
    """A text, in quotes where it needs them."""
    return text if _PLAIN.fullmatch(text) and text not in _RESERVED else json.dumps(text)
