"""A node as it answered once (debian-node, direct boot path); faults are planted into what it said."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

from imagekit.checks.declared import undeclared
from imagekit.checks.facts import Facts, parse_facts
from imagekit.checks.hardening.model import Inventory, Node, parse_sections
from imagekit.config.layerfile import LayerSpec
from imagekit.config.yamlfile import read_yaml

ROOT = Path(__file__).parents[2]
RECORDED = ROOT / "tests/data/nodes"
LAYERS = ("base", "k0s", "sssd", "ca-trust")


@cache
def layer(name: str) -> LayerSpec:
    """A layer of this repository."""
    return LayerSpec.model_validate_json(json.dumps(read_yaml(ROOT / "images" / name / "layer.yaml").data))


def facts_text() -> str:
    """What facts.sh wrote."""
    return (RECORDED / "debian-direct.facts.txt").read_text()


def node_text() -> str:
    """What node.sh of the hardening suite wrote."""
    return (RECORDED / "debian-direct.node.txt").read_text()


def inventory(facts: Facts) -> Inventory:
    """What the layers of debian-node declare, as `imagekit.checks.declared.inventory` puts it together."""
    each = [layer(name).hardening for name in LAYERS]
    wanted = [one for name in LAYERS for one in layer(name).listens]
    return Inventory(
        setuid=frozenset(path for one in each for path in one.setuid),
        capabilities={path: names for one in each for path, names in one.capabilities.items()},
        world_writable=frozenset(path for one in each for path in one.world_writable),
        undeclared_listeners=tuple(undeclared(facts.listeners, wanted)),
    )


def node(facts: str = "", sections: str = "") -> Node:
    """The node as recorded, or with these texts in place of the recorded ones."""
    parsed = parse_facts(facts or facts_text())
    return Node(facts=parsed, sections=parse_sections(sections or node_text()), inventory=inventory(parsed))


def changed(base: Node, **fields: object) -> Node:
    """With other facts."""
    return replace(base, facts=replace(base.facts, **fields))  # type: ignore[arg-type]


def waived() -> frozenset[str]:
    """The controls that a layer of debian-node waives."""
    return frozenset(each.control for name in LAYERS for each in layer(name).hardening.waived if not each.is_rule)
