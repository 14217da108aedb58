"""The result of a build, kept in a folder that its plan's id names; readers of it import nothing that builds."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from imagekit.base.files import mark_used, write_whole
from imagekit.oci.reference import Digest
from imagekit.plan.model import Plan

_RESULT = "build.json"
PLAN = "plan.json"  # beside it: what it was made by, for `imagekit plan` to tell what differs


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerBuild:
    """How one layer came about: wall seconds of its steps, packed bytes of its blobs, digest of the topmost blob."""

    name: str
    id: str
    seconds: float
    reused: bool
    size: int = 0
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """A built image: the digest of its manifest in the OCI layout folder `layout`."""

    image: str
    plan_id: str
    version: str
    digest: Digest
    layout: Path
    layers: tuple[LayerBuild, ...]
    seconds: float
    reused: bool


def folder_of(work: Path, plan: Plan) -> Path:
    """Where the result of a plan is kept."""
    return work / "builds" / plan.id[:32]


def earlier_build(work: Path, plan: Plan) -> Build | None:
    """The kept result of the same plan, when it is whole and carries the plan's version."""
    found = read_build(folder_of(work, plan))
    if found is None or found.version != plan.version:
        return None
    mark_used(found.layout)  # not the result's own file, whose time is that of the build, and is in the provenance
    return found


def read_build(folder: Path) -> Build | None:
    """The result that a folder keeps, when it is whole."""
    try:
        data: dict[str, Any] = json.loads((folder / _RESULT).read_text())
        digest = Digest(data["digest"])
        if Digest.of_file(folder / "oci" / "blobs" / "sha256" / digest.hex) != digest:
            return None
    except (FileNotFoundError, ValueError, KeyError):
        return None
    return Build(
        image=data["image"],
        plan_id=data["plan_id"],
        version=data["version"],
        digest=digest,
        layout=folder / "oci",
        layers=tuple(LayerBuild(**layer) for layer in data["layers"]),
        seconds=data["seconds"],
        reused=True,
    )


def keep(folder: Path, plan: Plan, build: Build) -> None:
    """Write down in its folder what a build came to, and the plan that it was made by."""
    data = asdict(build) | {"digest": str(build.digest)}
    del data["layout"], data["reused"]
    (folder / PLAN).write_text(json.dumps(asdict(plan)))
    write_whole(folder / _RESULT, json.dumps(data, indent=1))
