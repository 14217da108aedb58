"""Ask a node what the controls need, in one round trip."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from imagekit.checks.hardening.model import Inventory, Node, parse_sections

if TYPE_CHECKING:
    from testinfra.host import Host

    from imagekit.checks.facts import Facts


def collect_node(root: Host, facts: Facts, inventory: Inventory) -> Node:
    """A node for the controls; raises `UnreadableError` when the script did not come to its end."""
    script = (Path(__file__).parent / "node.sh").read_text()
    answer = root.run("sh -c %s", script)
    text = answer.stdout_bytes.decode("utf-8", "replace")
    return Node(facts=facts, sections=parse_sections(text), inventory=inventory)
