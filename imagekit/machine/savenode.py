"""Save a node that is up, for whoever wants to continue it."""

from __future__ import annotations

from collections.abc import Mapping

from imagekit.base.space import require_space
from imagekit.machine.node import InstalledNode
from imagekit.machine.saved import SavedNodes

_UP, _UP_SECONDS = "systemctl is-system-running --wait", 60.0


def save_node(machine: InstalledNode, store: SavedNodes, name: str, inputs: Mapping[str, str]) -> None:
    """Save it under a name, with what it depends on; not in the middle of its boot, and where there is space for it.

    Raises `imagekit.base.errors.ImagekitError` or `OSError` when it cannot be saved; the node goes on then, too,
    but for `NodeLostError`.
    """
    machine.run(_UP, timeout=_UP_SECONDS)
    with store.saving(name, inputs, machine.boot) as folder:
        require_space("a saved node", folder, machine.boot.shape.memory_mib << 20)
        machine.save(folder)
