"""Rows of nodes from elsewhere: a CSV table, or what Kubernetes lists."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imagekit.base.errors import ConfigError
from imagekit.base.strictjson import read_object
from imagekit.config.explain import suggestion
from imagekit.fleet.write import Row

COLUMNS = (
    *("name", "image", "channel", "digest", "provider", "class", "cluster", "role", "zone", "addresses", "mac"),
    "canary",
)
_LISTED = 64 << 20  # bytes of a list of some ten thousand nodes
_MAPS = ("annotations", "labels", "capacity", "allocatable")
_CONTROLLER = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")


def rows_of_csv(text: str, path: Path, defaults: Mapping[str, str]) -> list[Row]:
    """One row a line; raises `ConfigError` with file and line for a column or a line that does not fit."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff")))
    head = [name.strip().lower() for name in next(reader, [])]
    for name in head:
        if name not in COLUMNS:
            hint = suggestion(name, COLUMNS) or f"Columns: {', '.join(COLUMNS)}."
            raise ConfigError(f"{path}:1: unknown column {name!r}", hint=hint)
    if "name" not in head or len(set(head)) < len(head):
        raise ConfigError(f"{path}:1: the first line names the columns, each once, and one of them is `name`")
    rows: list[Row] = []
    seen: dict[str, int] = {}
    for cells in reader:
        where = f"{path}:{reader.line_num}"
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(head):
            raise ConfigError(f"{where}: {len(cells)} cells, and {len(head)} columns")
        row = _row({key: cell.strip() for key, cell in zip(head, cells, strict=True) if cell.strip()}, where, defaults)
        if str(row["name"]) in seen:
            raise ConfigError(f"{where}: node {row['name']!r} stands in line {seen[str(row['name'])]} already")
        seen[str(row["name"])] = reader.line_num
        rows.append(row)
    return rows


def _row(cells: dict[str, str], where: str, defaults: Mapping[str, str]) -> Row:
    if "name" not in cells:
        raise ConfigError(f"{where}: a node without a name")
    row: dict[str, Any] = {**defaults, **cells}
    if "addresses" in cells:
        row["addresses"] = cells["addresses"].replace(";", " ").split()
    if "canary" in cells:
        if cells["canary"].lower() not in ("true", "false", "yes", "no", "1", "0"):
            raise ConfigError(f"{where}: canary: {cells['canary']!r} is neither true nor false")
        row["canary"] = cells["canary"].lower() in ("true", "yes", "1")
    return row


def rows_of_nodes(data: bytes | str, where: str, defaults: Mapping[str, str]) -> list[Row]:
    """One row for each node that Kubernetes lists (`kubectl get nodes -o json`); raises `RefusedError`, `ConfigError`.

    Names, roles and addresses are taken. What a node says of its image is not: it may write its own labels.
    """
    listed = read_object(data, where, limit=_LISTED, maps=_MAPS).get("items")
    if not isinstance(listed, list):
        raise ConfigError(f"{where} is no list of nodes", hint="`kubectl get nodes -o json` makes one.")
    return [_node(each, where, defaults) for each in listed]


def _node(node: Any, where: str, defaults: Mapping[str, str]) -> Row:
    metadata = node.get("metadata", {}) if isinstance(node, dict) else {}
    name, labels = metadata.get("name"), metadata.get("labels") or {}
    if not isinstance(name, str) or node.get("kind", "Node") != "Node":
        raise ConfigError(f"{where}: an entry is no node with a name")
    row: dict[str, Any] = {"name": name.partition(".")[0], **defaults}
    if any(label in labels for label in _CONTROLLER):
        row["role"] = "controller"
    said = (node.get("status") or {}).get("addresses") or []
    addresses = [str(each["address"]) for each in said if each.get("type") == "InternalIP"]
    if addresses:
        row["addresses"] = addresses
    return row
