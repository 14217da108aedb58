"""Disk space of what can be made again: builds, disks and pulled images, held to the budget that imagekit.yaml names.

What was not used for longest goes first. Nothing goes while another command of the project works or keeps a machine,
nothing that was used within the last hour, and never the newest build of an image and its disks: the next `imagekit
plan` and `diff` compare with it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import time

from imagekit.app.runs import running_runs
from imagekit.build.kept import kept_builds
from imagekit.config.load import Project

_FRESH = 3600.0  # seconds: what was used since then may be in use by a command that leaves no run
_DISKS = ("disks", "disks/installed", "disks/agent", "pulled")


@dataclass(frozen=True, slots=True)
class Kept:
    """Something that can be made again: a folder or file, its bytes on disk, and when it was used last (Unix time)."""

    path: Path
    size: int
    used: float


def prune(project: Project, *, own_run: str = "", clock: Callable[[], float] = time) -> list[Kept]:
    """Remove the longest unused until the rest is within the budget; returns what was removed.

    `own_run` is the run that asks. Nothing is removed while another run of the project goes on.
    """
    if any(run.name != own_run for run in running_runs(project.work)):
        return []
    found = sorted(_kept(project.work), key=lambda each: each.used)
    over = sum(each.size for each in found) - (project.settings.keep.gib << 30)
    spared, removed = _spared(project), []
    for each in found:
        if over <= 0:
            break
        if clock() - each.used < _FRESH or each.path.name in spared:
            continue
        _remove(each.path)
        over -= each.size
        removed.append(each)
    return removed


def removal_note(removed: Sequence[Kept]) -> str:
    """What was removed, in words; empty for nothing."""
    size = sum(each.size for each in removed)
    return f"{len(removed)} unused builds and disks removed, {size / (1 << 30):.1f} GiB" if removed else ""


def _kept(work: Path) -> Iterator[Kept]:
    for folder in (work / "builds", *(work / name for name in _DISKS)):
        for path in folder.iterdir() if folder.is_dir() else ():
            is_group = path in [work / name for name in _DISKS]
            if not is_group and not path.name.startswith(".") and not path.is_symlink():
                yield Kept(path, _size(path), _used(path))


def _used(path: Path) -> float:
    """The newest time in it: a folder's own changes when it is marked, a file's when it is written."""
    times = [path.stat().st_mtime]
    times += [each.lstat().st_mtime for each in path.iterdir()] if path.is_dir() else []
    return max(times)


def _size(path: Path) -> int:
    """Bytes that its files take on the disk, holes left out."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(each.lstat().st_blocks * 512 for each in files)


def _spared(project: Project) -> frozenset[str]:
    """Names of what stays: the newest build of each image, and all that was made of its digest."""
    names: set[str] = set()
    seen: set[str] = set()
    for build in kept_builds(project.work):
        if build.image not in seen:
            seen.add(build.image)
            names |= {build.layout.parent.name, build.digest.hex}
    return frozenset(names)


def _remove(path: Path) -> None:
    """Under another name first, so that a half-removed folder is never taken for a whole one."""
    if path.is_dir():
        going = path.with_name(f".{path.name}.{os.getpid()}.going")
        path.rename(going)
        shutil.rmtree(going, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
