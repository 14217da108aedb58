"""Leftovers of killed runs, and caches when asked for."""

from __future__ import annotations

import shutil
from pathlib import Path

from imagekit.app import servicecontrol as control
from imagekit.app.budget import prune
from imagekit.app.forks import clean_forks
from imagekit.app.keptmachine import kept_machines
from imagekit.app.needs import libvirt_uris
from imagekit.app.runs import abandoned_runs
from imagekit.base.errors import ToolError
from imagekit.base.process import alive
from imagekit.config.load import Project
from imagekit.machine.folder import machines_folder
from imagekit.machine.libvirt.daemon import answers, libvirt
from imagekit.machine.sweep import sweep, sweep_folders

# Not the packages of locks: a mirror may have dropped what only lies here.
_CACHES = ("bases", "builds", "disks", "pulled", "distro", "verdicts", "engine", "bench", "packages/repositories")


def clean(project: Project, *, cache: bool, runs: bool) -> list[str]:
    """Remove leftovers, and what is over the budgets (and caches, and runs on request); in words.

    Raises `ToolError` when a cache is asked for that a running build engine uses.
    """
    removed = _machines(project) + _half_made(project.work)
    removed += [f"{each.path} ({each.size / (1 << 20):.0f} MiB, over the budget)" for each in prune(project)]
    removed += clean_forks(project, everything=cache)
    if cache:
        _require_no_build(project)
        removed += _folders([project.work / name for name in _CACHES])
    if runs:
        removed += _folders(sorted((project.work / "runs").glob("*")))
    return removed


def _machines(project: Project) -> list[str]:
    work = machines_folder(project.work)
    kept_machines(project.work)  # removes what dead owners wrote
    removed = list[str]()
    for uri in libvirt_uris(project):
        if answers(uri):
            with libvirt(uri):
                swept = sweep(uri, work=work)
            removed += [f"machine {name}" for name in swept.domains] + [f"folder {path}" for path in swept.folders]
    return removed + [f"folder {path}" for path in (*sweep_folders(), *sweep_folders(work))]


def _half_made(work: Path) -> list[str]:
    """What dead processes were in the middle of: partial builds (their names hold the process id), unfinished runs."""
    partial = [
        *(work / "bases").glob(".*.*"),
        *(work / "builds").glob(".*.*"),
        *(work / "containers").glob(".*.*"),
        *(work / "disks").rglob(".*.going"),
        *(work / "distro").glob("*/.rootfs.*"),
    ]
    dead = [path for path in partial if not alive(_pid_in(path))]
    return _folders([*dead, *abandoned_runs(work)])


def _pid_in(path: Path) -> int:
    """The process id in ``.name.PID.more``; 0, which is nobody, when there is none."""
    return next((int(part) for part in path.name.split(".")[2:] if part.isdigit()), 0)


def _folders(paths: list[Path]) -> list[str]:
    removed = []
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path)
        elif path.exists():
            path.unlink()
        else:
            continue
        removed.append(str(path))
    return removed


def _require_no_build(project: Project) -> None:
    states = control.status(project.work, project.registry)
    if any(state.name == control.Service.ENGINE and state.running and state.ours for state in states):
        raise ToolError("the build engine is running on its cache", hint="`imagekit services down`, then clean again.")
