"""The tree in a folder: what is rendered is there, and nothing else; files of others are never touched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from imagekit.base.errors import RefusedError
from imagekit.base.files import write_whole
from imagekit.provision.render import HEADER, INDEX, Tree


class ForeignFileError(RefusedError):
    """A file stands in the rendered tree that imagekit did not write."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Paths of files that differ between a folder and a tree."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


def compare(folder: Path, tree: Tree) -> Changes:
    """What writing a tree would change. Raises `ForeignFileError` for a file that is in the way and not ours."""
    return difference(_present(folder), tree)


def difference(there: Tree, tree: Tree) -> Changes:
    """What differs between two trees. Raises `ForeignFileError` for a file of the first that imagekit did not write."""
    for path, data in there.items():
        _require_own(path, data)
    return Changes(
        added=tuple(path for path in tree if path not in there),
        changed=tuple(path for path in tree if path in there and there[path] != tree[path]),
        removed=tuple(path for path in there if path not in tree),
    )


def write_tree(folder: Path, tree: Tree) -> Changes:
    """Make a folder hold just this tree; a run that was killed is repeated and does the rest."""
    changes = compare(folder, tree)
    for path in (*changes.added, *changes.changed):
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        write_whole(place, tree[path].decode())
    for path in changes.removed:
        (folder / path).unlink()
        for parent in (folder / path).parents:
            if parent == folder or any(parent.iterdir()):
                break
            parent.rmdir()
    return changes


def _present(folder: Path) -> dict[str, bytes]:
    found = {}
    for path in sorted(folder.rglob("*")) if folder.is_dir() else []:
        if path.is_dir() and not path.is_symlink():
            continue
        name = path.relative_to(folder).as_posix()
        data = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        found[name] = data
    return found


def _require_own(path: str, data: bytes) -> None:
    if not (data.startswith(HEADER.encode()) or path == INDEX):
        raise ForeignFileError(
            f"{path} in the rendered tree was not written by imagekit",
            hint="The tree has its folder for itself: Flux would apply, or prune, what stands beside it.",
        )
