"""What earlier nights found good, kept in the work folder: of which lock and sources, when, by which run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from imagekit.base.files import write_whole
from imagekit.drift.model import Result, Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Good:
    """A good trial: `marks` name what it was about, so that it answers for nothing else."""

    digest: str
    run_id: str
    at: datetime
    marks: Mapping[str, str] = field(default_factory=dict)

    @property
    def trial(self) -> Trial:
        """It as a trial."""
        return Trial(result=Result.GOOD, digest=self.digest, run_id=self.run_id)


def keep_good(path: Path, good: Good) -> None:
    """Write it, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = {"digest": good.digest, "run_id": good.run_id, "at": good.at.isoformat(), "marks": dict(good.marks)}
    write_whole(path, json.dumps(data, indent=1) + "\n")


def read_good(path: Path) -> Good | None:
    """What is kept; a file that does not read is as good as none: the night then does everything."""
    try:
        said = json.loads(path.read_text())
        at = datetime.fromisoformat(said["at"])
        marks = {str(key): str(value) for key, value in said["marks"].items()}
        return Good(digest=str(said["digest"]), run_id=str(said["run_id"]), at=at, marks=marks) if at.tzinfo else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
