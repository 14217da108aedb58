"""How the cost of planning grows with the number of images that share their layers."""

from __future__ import annotations

import copy
import shutil
import sys
from pathlib import Path

import yaml

from imagekit.base.git import git_argv, git_environment
from imagekit.base.process import run
from imagekit.bench.cost import cost_of
from imagekit.bench.model import Bound, Goal, Row, median
from imagekit.bench.subject import BenchSubject, program
from imagekit.config.load import IMAGES_FILE

_SIZES = (30, 300)
_ROUNDS = 3
_TIMEOUT = 300.0
_WHO = {f"GIT_{role}_{key}": "bench" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}


def measure(bench: BenchSubject) -> list[Row]:
    """CPU seconds of `plan --all` for images of the same layers, at two sizes, beside a Python that does nothing."""
    bare = median(cost_of([sys.executable, "-c", "pass"], timeout=_TIMEOUT).cpu_seconds for _ in range(_ROUNDS))
    return [_row(bench, count, bare) for count in _SIZES]


def _row(bench: BenchSubject, count: int, bare: float) -> Row:
    root = bench.scratch / f"growth-{count}"
    _write_project(bench, root, count)
    argv: list[str | Path] = [program(), "--project", root, "plan", "--all", "--json"]
    spent = median(cost_of(argv, timeout=_TIMEOUT).cpu_seconds for _ in range(_ROUNDS))
    return Row(
        name=f"plan --all of {count} images",
        measured=spent,
        unit="CPU s",
        against="python -c pass",
        reference=bare,
        goal=Goal(limit=2.0, bound=Bound.VALUE) if count == _SIZES[-1] else None,
    )


def _write_project(bench: BenchSubject, root: Path, count: int) -> None:
    """The project's own sources, with its image declared under many names, in a repository of one commit."""
    own = bench.project.root
    for name in ("images", "cloud-config"):
        shutil.copytree(own / name, root / name, symlinks=True)
    declared = yaml.safe_load((own / IMAGES_FILE).read_text())
    image = declared["images"][bench.name]
    declared["images"] = {f"node-{number:03}": copy.deepcopy(image) for number in range(count)}
    (root / IMAGES_FILE).write_text(yaml.dump(declared, Dumper=_Plain))
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "bench")):
        run(git_argv(*words), timeout=60, cwd=root, env={**git_environment(), **_WHO})


class _Plain(yaml.SafeDumper):
    """Writes each value out: imagekit's files have no aliases."""

    def ignore_aliases(self, data: object) -> bool:
        return True
