"""The runbook's pages, and the commands on them that are for a node."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs/runbook"
INDEX = FOLDER / "index.md"
_BLOCK = re.compile(r"^```console on the node\n(.*?)^```", re.S | re.M)


def node_commands(page: str) -> tuple[str, ...]:
    """The commands in the blocks marked ``console on the node``, each a line that begins with ``$``."""
    blocks = (block.splitlines() for block in _BLOCK.findall(page))
    return tuple(line.removeprefix("$ ") for lines in blocks for line in lines if line.startswith("$ "))
