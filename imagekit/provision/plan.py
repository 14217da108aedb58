"""What would change, node by node, before anything does: two trees compared."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from imagekit.base.errors import RefusedError
from imagekit.base.strictjson import read_object
from imagekit.provision.render import INDEX, Tree


class Kind(StrEnum):
    """What becomes of a node."""

    NEW = "new machine"
    GONE = "machine removed"
    REPLACED = "machine replaced"
    UPGRADED = "upgraded in place"
    EDITED = "objects edited"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeChange:
    """A node that changes; digests are empty where there is no machine before or after."""

    node: str
    cluster: str
    kind: Kind
    before: str = ""
    after: str = ""
    machines: tuple[str, ...] = ()  # those that there are afterwards
    files: tuple[str, ...] = ()

    @property
    def note(self) -> str:
        """What people should know of it."""
        config = any(path.startswith("machines/") for path in self.files)
        if self.kind is Kind.EDITED and config:
            return "a machine that exists takes no other cloud-config, class or image; roll it to have the change"
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeChange:
    """Everything that differs: nodes, and files that are of no node."""

    nodes: tuple[NodeChange, ...]
    others: tuple[str, ...]


Machines = Mapping[str, list[dict[str, Any]]]


def changes(before: Tree, after: Tree) -> TreeChange:
    """What applying `after` instead of `before` changes. Raises `RefusedError` where `before` has a broken index."""
    old, new = _machines(before), _machines(after)
    paths = sorted(path for path in {*before, *after} if before.get(path) != after.get(path))
    files: dict[str, list[str]] = {}
    others = []
    for path in paths:
        name = _node_of(path)
        if name is None:
            others.append(path)
        else:
            files.setdefault(name, []).append(path)
    found = [_change(name, old, new, files.get(name, [])) for name in sorted({*old, *new, *files})]
    ignored = {INDEX, *(path for path in others if path.endswith("kustomization.yaml"))}
    return TreeChange(
        nodes=tuple(each for each in found if each is not None),
        others=tuple(path for path in others if path not in ignored),
    )


def _node_of(path: str) -> str | None:
    name = path.rpartition("/")[2]
    return name.removeprefix("node-").removesuffix(".yaml") if name.startswith("node-") and "/" in path else None


def _machines(tree: Tree) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for number, line in enumerate(tree.get(INDEX, b"").decode(errors="replace").splitlines(), start=1):
        entry = read_object(line, f"{INDEX}:{number}")
        if not all(isinstance(entry.get(key), str) for key in ("node", "cluster", "digest", "machine")):
            raise RefusedError(f"{INDEX}:{number} is no machine", hint="`imagekit provision render` writes the file.")
        found.setdefault(entry["node"], []).append(entry)
    return found


def _change(name: str, old: Machines, new: Machines, files: list[str]) -> NodeChange | None:
    before, after = _present(old.get(name, [])), _present(new.get(name, []))
    machines = tuple(each["machine"] for each in new.get(name, []))
    cluster = str((after or before or {"cluster": ""})["cluster"])
    kind = _kind(before, after, changed=bool(files))
    if kind is None:
        return None
    return NodeChange(
        node=name,
        cluster=cluster,
        kind=kind,
        before=str(before["digest"]) if before else "",
        after=str(after["digest"]) if after else "",
        machines=machines,
        files=tuple(files),
    )


def _present(machines: Iterable[dict[str, Any]]) -> dict[str, Any] | None:
    """The machine that is to stay; one that is being drained has a successor."""
    return next((each for each in machines if not each.get("retiring")), None)


def _kind(before: dict[str, Any] | None, after: dict[str, Any] | None, *, changed: bool) -> Kind | None:
    if before is None or after is None:
        return Kind.NEW if after is not None else Kind.GONE if before is not None else None
    if before["machine"] != after["machine"]:
        return Kind.REPLACED
    if before["digest"] != after["digest"]:
        return Kind.UPGRADED
    return Kind.EDITED if changed else None


def as_json(change: TreeChange) -> str:
    """The answer for programs."""
    nodes = [
        {
            "node": each.node,
            "cluster": each.cluster,
            "change": each.kind.value,
            "before": each.before,
            "after": each.after,
            "machines": list(each.machines),
            "files": list(each.files),
            "note": each.note,
        }
        for each in change.nodes
    ]
    return json.dumps({"nodes": nodes, "others": list(change.others)}, indent=2)


def machines_in(tree: Tree) -> dict[str, str]:
    """The digest that each node with a machine is meant to run in a tree."""
    found = {}
    for name, machines in _machines(tree).items():
        one = _present(machines)
        if one is not None:
            found[name] = str(one["digest"])
    return found
