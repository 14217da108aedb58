"""The same benchmarks with imagekit as it was at another revision: `imagekit bench --compare REV`.

Both are run here and now, in turn: the other revision in a clone of its own, with its own code and its own reference
project, by this Python and this engine; then what stands in this checkout. Of each row the round counts whose ratio is
the middle one.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from imagekit.base import process
from imagekit.base.errors import ConfigError
from imagekit.base.git import git_argv, git_environment
from imagekit.base.log import progress, step
from imagekit.bench.clone import clone_at_engine
from imagekit.bench.model import Compared, Comparison, median_pair
from imagekit.bench.subject import scratch_folder
from imagekit.config.load import Project

_TIMEOUT = 14_400.0
_CODE = "import sys; sys.argv[0] = 'imagekit'; from imagekit.cli import main; main()"
_LINE = 160  # characters; a line of JSON is longer
_ANSWERS = (0, 1, 3)  # goals met, a goal missed, something not measured

Figures = Mapping[str, tuple[float, str]]  # by row: the number and its unit


def compare(project: Project, image: str, names: Sequence[str], revision: str, rounds: int) -> Comparison:
    """Measure both in turn, so many times; raises `ConfigError` for a revision that is not there."""
    commit = commit_of(project.root, revision)
    with other_revision(project, commit) as (clone, env):
        pairs = []
        for number in range(rounds):
            with step(f"Round {number + 1} of {rounds}"):
                pairs.append((_measured(clone, image, names, env), _measured(project.root, image, names, {})))
    errors = [
        f"{where}: {error}"
        for pair in pairs
        for where, found in zip((commit[:12], "now"), pair, strict=True)
        for error in errors_of(found)
    ]
    figures = [(figures_of(before), figures_of(now)) for before, now in pairs]
    return Comparison(
        revision=commit, rounds=rounds, rows=tuple(compared(figures)), errors=tuple(dict.fromkeys(errors))
    )


def commit_of(root: Path, revision: str) -> str:
    """The commit that a revision names; raises `ConfigError`."""
    argv = git_argv("-C", str(root), "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    done = process.run(argv, timeout=60.0, env=git_environment(), ok=(0, 1, 128))
    if done.returncode:
        raise ConfigError(
            f"{revision}: no such revision in {root}",
            hint="Name a commit, tag or branch; in a shallow clone fetch it first.",
        )
    return done.stdout.strip()


@contextmanager
def other_revision(project: Project, commit: str) -> Iterator[tuple[Path, dict[str, str]]]:
    """A clone at a commit, and the environment in which Python runs the code that is there."""
    with (
        scratch_folder(project.work / "bench") as scratch,
        clone_at_engine(project, scratch / "clone", commit) as (clone, env),
    ):
        yield clone, {**env, "PYTHONPATH": os.fspath(clone)}


def compared(rounds: Sequence[tuple[Figures, Figures]]) -> Iterator[Compared]:
    """Each row that any round has, in the order of the first that has it."""
    names = dict.fromkeys(name for before, now in rounds for name in (*now, *before))
    for name in names:
        pairs = [(now[name], before[name]) for before, now in rounds if name in now and name in before]
        unit = next(found[name][1] for pair in rounds for found in pair if name in found)
        usable = [(now[0], before[0]) for now, before in pairs if before[0] > 0]
        if usable:
            ours, theirs = median_pair(usable)
            yield Compared(name=name, unit=unit, before=theirs, now=ours)
        else:
            yield Compared(name=name, unit=unit, before=_any(rounds, name, 0), now=_any(rounds, name, 1))


def _any(rounds: Sequence[tuple[Figures, Figures]], name: str, which: int) -> float | None:
    return next((pair[which][name][0] for pair in rounds if name in pair[which]), None)


def _measured(root: Path, image: str, names: Sequence[str], env: Mapping[str, str]) -> dict[str, Any]:
    argv: list[str | Path] = [sys.executable, "-c", _CODE, "--project", root, "bench", *names]
    argv += ["--image", image, "--json"]
    done = process.run(argv, timeout=_TIMEOUT, env=env, cwd=root, on_line=_tell, ok=_ANSWERS)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _tell(line: str) -> None:
    progress(line.strip()[:_LINE])


def figures_of(report: Mapping[str, Any]) -> Figures:
    """The rows of a report as `--json` prints it that have a number."""
    rows = (row for measurement in report["measurements"] for row in measurement["rows"])
    return {row["name"]: (row["measured"], row["unit"]) for row in rows if row["measured"] is not None}


def errors_of(report: Mapping[str, Any]) -> tuple[str, ...]:
    """What a report could not measure."""
    return tuple(f"{each['name']}: {each['error']}" for each in report["measurements"] if each["error"])
