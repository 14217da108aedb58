"""One hash for a folder of sources: names, execute bits and contents, in a fixed order."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

from imagekit.base.errors import ConfigError

_IGNORED = {"__pycache__", ".DS_Store"}


def folder_hash(folder: Path) -> str:
    """Hash of everything below `folder` that a build can see; raise `ConfigError` when it is not there."""
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder", hint="The plan needs it; see images/images.yaml.")
    state = sha256()
    for path in sorted(_files(folder)):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            state.update(f"link {name} {path.readlink()}\0".encode())
            continue
        mode = "x" if os.access(path, os.X_OK) else "-"
        state.update(f"file {name} {mode} {sha256(path.read_bytes()).hexdigest()}\0".encode())
    return state.hexdigest()


def _files(folder: Path) -> list[Path]:
    return [
        path for path in folder.rglob("*") if not _IGNORED & set(path.parts) and (path.is_symlink() or path.is_file())
    ]
