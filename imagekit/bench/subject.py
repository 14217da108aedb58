"""What is measured: an image of a project, and a scratch folder that is gone at the end."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from imagekit.app.image import built
from imagekit.app.interface import Subject
from imagekit.base import process
from imagekit.build.result import Build, earlier_build
from imagekit.config.load import Project
from imagekit.plan.resolve import make_plan
from imagekit.services.mounts import unmount_below

SCRATCH = "tmp"


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchSubject:
    """The image to measure with; `scratch` is a folder beside the results, removed after the benchmark."""

    project: Project
    name: str
    scratch: Path

    @property
    def cache(self) -> Path:
        """Where references that take long to make are kept."""
        return self.project.work / "bench" / "reference"

    def kept_build(self) -> Build | None:
        """The image of the project as it stands, when it was built before."""
        return earlier_build(self.project.work, make_plan(self.project, self.name))

    def build(self) -> Build:
        """The image of the project as it stands, built when it was not."""
        return built(self.project, make_plan(self.project, self.name))

    def node(self) -> Subject:
        """The image as the stages of the pipeline take it."""
        folder = self.scratch / "run"
        return Subject(
            project=self.project, name=self.name, image=self.build(), run_id=f"bench-{os.getpid()}", folder=folder
        )


@contextmanager
def scratch_folder(bench: Path) -> Iterator[Path]:
    """A fresh folder below `bench`, removed at the end; those of killed processes are removed first."""
    bench.mkdir(parents=True, exist_ok=True)
    for left in bench.glob(f"{SCRATCH}-*-*"):
        owner = left.name.split("-")[1]
        if owner.isdigit() and not process.alive(int(owner)):
            unmount_below(left)  # a killed engine of a clone leaves its own
            shutil.rmtree(left, ignore_errors=True)
    made = Path(tempfile.mkdtemp(prefix=f"{SCRATCH}-{os.getpid()}-", dir=bench))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def program() -> Path:
    """The imagekit that belongs to this Python."""
    return Path(sys.executable).with_name("imagekit")
