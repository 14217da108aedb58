"""Benchmarks one after another, and their results in files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from imagekit.base import process
from imagekit.base.errors import ImagekitError
from imagekit.base.files import write_whole
from imagekit.base.log import step
from imagekit.bench import table
from imagekit.bench.catalog import measure_of
from imagekit.bench.cost import load, machine
from imagekit.bench.model import Measurement, Report, Row
from imagekit.bench.subject import BenchSubject, scratch_folder
from imagekit.config.load import Project


def run_benchmarks(project: Project, image: str, names: Sequence[str], command: str) -> Report:
    """Measure; one that fails stands in the report and does not keep the others from being measured."""
    began, where = datetime.now(UTC), machine()
    measurements = tuple(_one(project, image, name) for name in names)
    return Report(
        started=began.isoformat(timespec="seconds"),
        command=command,
        machine=where,
        image=image,
        measurements=measurements,
    )


def keep_report(report: Report, folder: Path) -> Path:
    """Write the report as ``<time>.json`` and ``<time>.md`` into a folder; returns the JSON file."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{datetime.fromisoformat(report.started):%Y%m%d-%H%M%S}"
    write_whole(folder / f"{name}.md", table.as_markdown(report))
    return write_whole(folder / f"{name}.json", table.as_json(report))


def _one(project: Project, image: str, name: str) -> Measurement:
    before, begun = load(), process.now()
    rows: list[Row] = []
    error = ""
    try:
        with step(f"Benchmark {name}"), scratch_folder(project.work / "bench") as scratch:
            rows = measure_of(name)(BenchSubject(project=project, name=image, scratch=scratch))
    except ImagekitError as caught:
        error = " ".join(f"{caught} {caught.hint}".split())
    return Measurement(
        name=name,
        rows=tuple(rows),
        seconds=round(process.now() - begun, 3),
        load_before=before,
        load_after=load(),
        error=error,
    )
