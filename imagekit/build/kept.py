"""The builds that a work folder keeps, and the plans that they were made by."""

from __future__ import annotations

from pathlib import Path

from imagekit.build.result import PLAN, Build, read_build
from imagekit.plan.model import Plan


def kept_builds(work: Path) -> tuple[Build, ...]:
    """Every whole build, the newest first by the time it was kept."""
    folders = [path for path in (work / "builds").glob("*") if not path.name.startswith(".")]
    found = [build for folder in sorted(folders, key=_when, reverse=True) if (build := read_build(folder)) is not None]
    return tuple(found)


def plan_of(build: Build) -> Plan | None:
    """The plan of a kept build; None where none was kept with it, or not of this format."""
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(Plan).validate_json((build.layout.parent / PLAN).read_bytes())
    except (OSError, ValueError, ValidationError):
        return None


def _when(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:
        return 0.0
