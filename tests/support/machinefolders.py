"""The short-lived folders of a run's machines, found among those of everybody else on this computer."""

from __future__ import annotations

import json
from pathlib import Path

from imagekit.machine.folder import PREFIX, runtime_base


def machine_folders(run_id: str) -> list[Path]:
    """Where a run keeps sockets, keys and seeds at this moment; other runs' folders come and go meanwhile."""
    return [path for path in runtime_base().glob(f"{PREFIX}*") if _run_of(path) == run_id]


def _run_of(path: Path) -> str | None:
    """The run that made a folder; None for one that is just made or just removed."""
    try:
        return str(json.loads((path / "owner.json").read_text())["run"])
    except (OSError, ValueError):
        return None
