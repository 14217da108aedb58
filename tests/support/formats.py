"""What earlier versions of imagekit wrote, kept under tests/data: the upgrade path."""

from __future__ import annotations

from pathlib import Path

from imagekit.base.process import run
from tests.support.project import git

V1 = Path(__file__).parents[1] / "data" / "formats-v1"
ADDRESS = (V1 / "address").read_text().strip()


def old_ledger(folder: Path) -> Path:
    """A checkout of the ledger of 2026-11-28, with its history."""
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "config", "user.email", "ann@example.org")
    git(folder, "config", "user.name", "Ann")
    stream = (V1 / "ledger.fastexport").read_bytes()
    run(["git", "fast-import", "--quiet"], timeout=20, cwd=folder, stdin=stream)
    git(folder, "reset", "-q", "--hard", "main")
    return folder
