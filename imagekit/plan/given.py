"""The day in a version: given when inputs are first built here, and kept, whatever is committed afterwards.

The id of a plan names content alone, the day comes out of git. A commit of the very same files has another day, and
with it the image would have another version, another digest and no verdict.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from imagekit.base.files import write_whole
from imagekit.plan.model import Plan, Source

_FOLDER = "versions"


def dated(work: Path, plan_id: str, source: Source) -> Source:
    """The source with the day that these inputs were given before, where they were built before."""
    try:
        day = json.loads((work / _FOLDER / f"{plan_id}.json").read_bytes())["date"]
    except (OSError, ValueError, KeyError, TypeError):
        return source
    return replace(source, date=day) if type(day) is int and 0 < day < 1 << 40 else source


def remember(work: Path, plan: Plan) -> None:
    """Keep the day of a plan that was built."""
    folder = work / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    kept = {"image": plan.image, "version": plan.version, "date": plan.source.date}
    write_whole(folder / f"{plan.id}.json", json.dumps(kept) + "\n")
