"""imagekit's own data, and where a project puts its own in its place.

An image is made and tested with more than a project declares: build scripts, the stamp, the standard layers with their
checks, machine templates, firmware profiles, console patterns, the node contract, the stand-in. All of that comes with
imagekit, inside the installed package. A project that has a file of the same name uses its own; a layer that brings a
Dockerfile is the project's whole. In this repository, which is imagekit and its reference project at once, the two are
the same files.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from imagekit.base.tree import folder_hash

HARNESS = "vm-harness"
CONTRACT = "tests/conformance"
FOLDERS = ("images/scripts", "images/stamp", "images/distro", "images/kairos-init-standin", CONTRACT, HARNESS)
_PACKAGED = Path(__file__).parents[1] / "data"
_NOT_DATA = "__pycache__"
DEMO = "imagekit-demo-*"  # the reference project's own authorities, whose keys everybody has: in no other project


_PUT_TOGETHER = "together"
_HASHES = re.compile(r"(?:-[0-9a-f]{16}){1,2}$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One file that a project is built or tested with, and whether it is the project's own."""

    name: str
    own: bool


def engine_root() -> Path:
    """The folder that holds imagekit's own data: inside the installed package, or the checkout that it runs from."""
    return _PACKAGED if _PACKAGED.is_dir() else Path(__file__).parents[2]


def located(root: Path, relative: str) -> Path:
    """The folder (or file) of this name that counts for the project below `root`.

    Where both the project and imagekit have files in it, the two are put together in the project's work folder, in a
    folder named by what it holds, whole or not at all. Where neither has it, the path in the project.
    """
    own, ours = root / relative, engine_root() / relative
    if not ours.exists() or (own.exists() and own.resolve() == ours.resolve()):
        return own
    if own.is_file() or (own / "Dockerfile").exists():
        return own
    left_out = DEMO if relative.startswith("images/") else ""
    if not own.exists() and not (left_out and any(ours.rglob(left_out))):
        return ours
    return _together(ours, own, root / ".imagekit" / _PUT_TOGETHER, left_out)


def name_of(folder: Path) -> str:
    """What a folder that `located` gave is called in the project: without the hashes of one that was put together."""
    return _HASHES.sub("", folder.name) if folder.parent.name == _PUT_TOGETHER else folder.name


def pieces(root: Path, layers: tuple[str, ...]) -> Iterator[Piece]:
    """Every file that a project with these layers is built and tested with, by name."""
    for folder in sorted({*FOLDERS, *(f"images/{layer}" for layer in layers)}):
        place = located(root, folder)
        for name in sorted(_files(place)):
            own = root / folder / name
            yield Piece(name=f"{folder}/{name}", own=own.is_file() or own.is_symlink())


def _together(ours: Path, own: Path, into: Path, left_out: str) -> Path:
    sources = [folder for folder in (ours, own) if folder.is_dir()]
    final = into / "-".join((own.name, *(folder_hash(folder)[:16] for folder in sources)))
    if final.is_dir():
        return final
    into.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=into, prefix=".part-"))
    try:
        fresh.chmod(0o755)
        for source in sources:
            ignore = shutil.ignore_patterns(_NOT_DATA, *([left_out] if left_out and source is ours else []))
            shutil.copytree(source, fresh, symlinks=True, dirs_exist_ok=True, ignore=ignore)
        fresh.rename(final)
    except OSError:
        if not final.is_dir():  # otherwise another imagekit was quicker, with the same files
            raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return final


def _files(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        if (path.is_file() or path.is_symlink()) and _NOT_DATA not in path.parts:
            yield os.fspath(path.relative_to(folder))
