"""A locked build that reaches no mirror, against a floating one of the same image; then the same again."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from imagekit.app.bundles import ensure_packages
from imagekit.base import process
from imagekit.bench.clone import cloned
from imagekit.bench.model import Bound, Goal, Row
from imagekit.bench.subject import BenchSubject, program
from imagekit.config.load import SETTINGS_FILE
from imagekit.plan.lock import require_buildable
from imagekit.plan.resolve import make_plan

_RATIO = Goal(limit=1.1)
_NONE = Goal(limit=0.0, bound=Bound.VALUE)
_TIMEOUT = 7200.0
_OWN_ENGINE = {"DOCKER_HOST": ""}  # whatever engine is named, a private one without any cache is started
_NOWHERE = "http://127.0.0.1:9/debian"


@dataclass(frozen=True, slots=True)
class _Built:
    seconds: float
    digest: str
    anew: int  # layers that were not in the engine's cache


def measure(bench: BenchSubject) -> list[Row]:
    """Wall seconds of `imagekit build`, each with an engine of its own; the packages of the lock are fetched before."""
    project = replace(bench.project, locked=True)
    plan = make_plan(project, bench.name)
    require_buildable(plan)
    ensure_packages(project, (plan,))
    with cloned(bench.project, bench.scratch / "floating") as clone:
        floating = _build(clone, bench.name, "--floating")
    with cloned(bench.project, bench.scratch / "locked") as clone:
        _name_no_mirror(clone / SETTINGS_FILE)
        _share_packages(project.work, clone / ".imagekit")
        locked = _build(clone, bench.name, "--locked")
        shutil.rmtree(clone / ".imagekit" / "builds")
        again = _build(clone, bench.name, "--locked")
    same = "the same digest" if again.digest == locked.digest else "ANOTHER DIGEST"
    return [
        Row(
            name="locked build, no mirror to ask",
            measured=locked.seconds,
            unit="s",
            against="floating build of the same image",
            reference=floating.seconds,
            goal=_RATIO,
        ),
        Row(
            name="second build of one lock, layers built anew",
            measured=float(again.anew),
            unit="layers",
            goal=_NONE,
            note=same,
        ),
        Row(
            name="second build of one lock",
            measured=again.seconds,
            unit="s",
            against="the first one",
            reference=locked.seconds,
        ),
    ]


def _build(clone: Path, name: str, mode: str) -> _Built:
    argv: list[str | Path] = [program(), "--quiet", "--project", clone, "build", name, mode, "--json"]
    begun = process.now()
    done = process.run(argv, timeout=_TIMEOUT, env=_OWN_ENGINE, cwd=clone)
    seconds = process.now() - begun
    return built_of(done.stdout, seconds)


def built_of(said: str, seconds: float) -> _Built:
    """What `imagekit build --json` says."""
    data = json.loads(said)
    return _Built(seconds, data["digest"]["value"], sum(not layer["reused"] for layer in data["layers"]))


def _name_no_mirror(settings: Path) -> None:
    import yaml

    settings.write_text(yaml.safe_dump(yaml.safe_load(settings.read_text()) | {"debian_mirror": _NOWHERE}))


def _share_packages(work: Path, other: Path) -> None:
    """Files that are named by their content, and hashed before they are used."""
    for folder in ("packages/sha256", "downloads"):
        (other / folder).mkdir(parents=True)
        for file in (work / folder).glob("*"):
            if file.is_file():
                os.link(file, other / folder / file.name)
