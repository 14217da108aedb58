"""One hash for a folder of sources: names, execute bits and contents, in a fixed order."""

from __future__ import annotations

import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from imagekit.base.errors import ConfigError

_IGNORED = {"__pycache__", ".DS_Store"}


def folder_hash(folder: Path) -> str:
    """Hash of everything below `folder` that a build can see; raise `ConfigError` when it is not there."""
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder", hint="The plan needs it; see images/images.yaml.")
    state = sha256()
    # By folders, as paths are sorted: "a/b" before "a-b".
    for parts, entry in sorted(_files(os.fspath(folder), ()), key=lambda found: found[0]):
        name = "/".join(parts)
        if entry.is_symlink():
            state.update(f"link {name} {Path(entry.path).readlink()}\0".encode())
            continue
        mode = "x" if os.access(entry.path, os.X_OK) else "-"
        with open(entry.path, "rb", buffering=0) as file:  # noqa: PTH123 - a Path costs more than reading the file
            state.update(f"file {name} {mode} {sha256(file.read()).hexdigest()}\0".encode())
    return state.hexdigest()


def _files(folder: str, above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], os.DirEntry[str]]]:
    """Files and links below a folder, which links do not lead out of; a folder that is shut holds nothing."""
    try:
        with os.scandir(folder) as listed:
            entries = [entry for entry in listed if entry.name not in _IGNORED]
    except PermissionError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _files(entry.path, (*above, entry.name))
        elif entry.is_symlink() or entry.is_file():
            yield (*above, entry.name), entry
