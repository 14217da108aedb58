"""A run with nothing changed, against the run that built the very same image."""

from __future__ import annotations

from pathlib import Path

from imagekit.app.runs import kept_runs
from imagekit.app.verdict import kept_verdict, verdict_id
from imagekit.base.errors import ConfigError
from imagekit.bench.cost import cost_of
from imagekit.bench.model import Bound, Goal, Row, median
from imagekit.bench.subject import BenchSubject, program
from imagekit.config.load import Project
from imagekit.machine.interface import DISKLESS
from imagekit.oci.reference import Digest
from imagekit.report.result import RunResult, StageStatus, read_result

_TIMEOUT = 600.0
_ROUNDS = 3
_RATIO = Goal(limit=0.03)
_SECONDS = Goal(limit=2.0, bound=Bound.VALUE)


def measure(bench: BenchSubject) -> list[Row]:
    """Wall seconds of the whole command, median of three, after one that is not counted."""
    image = bench.kept_build()
    if image is None or _verdict(bench, image.digest) is None:
        missing = "the image as it stands has no verdict yet; `imagekit run` first"
        return [Row(name="unchanged run", measured=None, unit="s", goal=_SECONDS, note=missing)]
    argv: list[str | Path] = [program(), "--quiet", "--project", bench.project.root, "run", bench.name]
    cost_of(argv, timeout=_TIMEOUT)
    taken = median(cost_of(argv, timeout=_TIMEOUT).seconds for _ in range(_ROUNDS))
    cold = run_that_built(bench.project, bench.name, str(image.digest))
    return [
        Row(name="unchanged run", measured=taken, unit="s", goal=_SECONDS),
        Row(
            name="unchanged run, share of the run that built",
            measured=taken,
            unit="s",
            against="run that built the image",
            reference=cold.seconds if cold else None,
            goal=_RATIO,
            note=describe(cold),
        ),
    ]


def run_that_built(project: Project, image: str, digest: str) -> RunResult | None:
    """The newest kept run that built this digest itself and passed."""
    for folder in kept_runs(project.work):
        try:
            result = read_result(folder)
        except ConfigError:
            continue  # a damaged result says nothing about time
        built = any(row.name == "build" and row.status is StageStatus.DONE for row in result.stages)
        if built and result.image == image and result.digest == digest and not result.failure:
            return result
    return None


def describe(cold: RunResult | None) -> str:
    """How cold the reference was: which layers the engine had cached."""
    if cold is None:
        return "no cold run recorded: the run that built this digest is not kept here"
    cached = [layer.name for layer in cold.layers if layer.cached]
    return f"run {cold.run_id} built it; layers from the engine's cache: {', '.join(cached) or 'none'}"


def _verdict(bench: BenchSubject, digest: Digest) -> RunResult | None:
    name = verdict_id(bench.project, bench.name, digest, DISKLESS)
    return kept_verdict(bench.project.work, name)
