"""A clone of the project to work in, with its own work folder and a registry port of its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagekit.app.hosts import acceleration_at
from imagekit.app.needs import libvirt_uris
from imagekit.app.runs import find_run
from imagekit.app.servicecontrol import down
from imagekit.base import process
from imagekit.base.errors import ToolError
from imagekit.base.git import git_argv, git_environment
from imagekit.base.log import progress
from imagekit.bench.subject import program
from imagekit.config.load import SETTINGS_FILE, Project, load_project
from imagekit.machine.ports import reserved_port
from imagekit.report.result import RunResult, read_result
from imagekit.services.dockerd import engine

_TIMEOUT = 7200.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A command that ended: wall seconds, the longest silence in seconds, and the result file of its run."""

    seconds: float
    silence: float
    result: RunResult


@contextmanager
def cloned(project: Project, folder: Path, commit: str = "") -> Iterator[Path]:
    """A clone of what is committed, or of an earlier commit; whatever was started for it is stopped at the end."""
    process.run(git_argv("clone", "--quiet", str(project.root), str(folder)), timeout=300.0, env=git_environment())
    if commit:
        argv = git_argv("-C", str(folder), "checkout", "--quiet", "--detach", commit)
        process.run(argv, timeout=300.0, env=git_environment())
    with reserved_port() as port:
        address = f"127.0.0.1:{port}"
    _write_settings(_of_project(project) if not commit else _of_clone(folder), folder, address)
    try:
        yield folder
    finally:
        down(folder / ".imagekit", address)


@contextmanager
def clone_at_engine(project: Project, folder: Path, commit: str = "") -> Iterator[tuple[Path, dict[str, str]]]:
    """A clone, and the environment in which it builds with the project's own engine and base."""
    with engine(project.work) as running, cloned(project, folder, commit) as clone:
        share_base(project, clone)
        yield clone, {"DOCKER_HOST": running.host}


def know_hosts(clone: Path) -> None:
    """Find out how machines run from a clone's work folder: once for each folder, 4 s where KVM hangs."""
    project = load_project(clone)
    for uri in libvirt_uris(project):
        acceleration_at(project, uri)


def run_in(
    clone: Path,
    *arguments: str,
    env: Mapping[str, str] | None = None,
    ok: Sequence[int] = (0, 1),
    on_line: Callable[[str], None] = lambda _line: None,
) -> Ran:
    """Run imagekit in a clone, or in the project; the answer no (a check failed) is an answer, all else raises.

    `on_line` gets what it says, line by line; exit codes that are not in `ok` raise.
    """
    last, silence = process.now(), 0.0

    def heard(line: str) -> None:
        nonlocal last, silence
        silence, last = max(silence, process.now() - last), process.now()
        progress(line.strip())
        on_line(line)

    begun = process.now()
    argv: list[str | Path] = [program(), "--project", clone, *arguments]
    process.run(argv, timeout=_TIMEOUT, env=env, cwd=clone, on_line=heard, ok=ok)
    seconds = process.now() - begun
    result = read_result(find_run(clone / ".imagekit", None))
    if result.suites is None:
        reason = result.failure.error if result.failure else "no check was run"
        raise ToolError(f"`imagekit {' '.join(arguments)}` in a clone came to no verdict: {reason}")
    return Ran(seconds=seconds, silence=silence, result=result)


def verdict_note(result: RunResult) -> str:
    """How the checks ended, for a row that is about time."""
    assert result.suites is not None
    counted = ", ".join(f"{count} {outcome}" for outcome, count in result.suites.counts.items() if count)
    boot_paths = " and ".join(boot.boot_path.value for boot in result.boots)
    return f"verdict {result.verdict}: {counted}, on the {boot_paths} boot path"


def share_base(project: Project, clone: Path) -> None:
    """Give a clone the root file systems that the project made for its base: they are the same bytes."""
    kept = project.work / "distro"
    if kept.is_dir():
        shutil.copytree(kept, clone / ".imagekit" / "distro")


def _of_project(project: Project) -> dict[str, Any]:
    return project.settings.model_dump(mode="json", exclude_none=True)


def _of_clone(clone: Path) -> dict[str, Any]:
    """As they were at its commit, whose imagekit need not know each setting of today."""
    import yaml

    file = clone / SETTINGS_FILE
    found: dict[str, Any] = yaml.safe_load(file.read_text()) if file.exists() else {"version": 1}
    return found


def _write_settings(settings: dict[str, Any], clone: Path, address: str) -> None:
    import yaml

    (clone / SETTINGS_FILE).write_text(yaml.safe_dump(settings | {"registry": address}))
