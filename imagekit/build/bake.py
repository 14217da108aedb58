"""The bake files of a plan (pure): one graph for BuildKit, one target a stage.

buildx before 0.14 takes the network of a target only from a compose-format file, so the graph is written as one;
outputs are set by a second file. Only the last stage is written out, as an OCI layout.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imagekit.plan.model import Plan, Stage, StageKind

FINAL = "stamp"


def compose(plan: Plan, root: Path, distro_context: Path | None) -> dict[str, Any]:
    """The graph: contexts, arguments and which target stands on which."""
    return {"services": {stage.name: {"build": _target(plan, stage, root, distro_context)} for stage in plan.stages}}


def overrides(plan: Plan, destination: Path) -> dict[str, Any]:
    """What compose cannot say: the last target becomes an OCI layout with clamped times; no attestations.

    Attestations are written by imagekit as referrers; BuildKit's carry times and would change the digest.
    """
    output = ",".join(
        (
            "type=oci",
            f"dest={destination}",
            "tar=false",
            "rewrite-timestamp=true",
            "compression=zstd",
            "compression-level=3",
            "force-compression=true",
        )
    )
    targets: dict[str, Any] = {stage.name: {"attest": ["type=provenance,disabled=true"]} for stage in plan.stages}
    targets[FINAL]["output"] = [output]
    return {"target": targets}


def _target(plan: Plan, stage: Stage, root: Path, distro_context: Path | None) -> dict[str, Any]:
    folder = root / stage.context
    context = distro_context if stage.kind is StageKind.DISTRO and distro_context else folder
    return {
        "context": str(context),
        "dockerfile": str(folder / "Dockerfile"),
        "network": "host",
        "args": {**stage.args, **_stage_args(plan, stage), "SOURCE_DATE_EPOCH": str(plan.source.epoch)},
        "additional_contexts": _contexts(plan, stage, root),
    }


def _contexts(plan: Plan, stage: Stage, root: Path) -> Mapping[str, str]:
    contexts = {"scripts": str(root / "images/scripts")} if stage.kind in (StageKind.LAYER, StageKind.STAMP) else {}
    for need in stage.needs:
        below = plan.stage(need)
        name = "parent" if below.kind is StageKind.LAYER else below.name
        contexts[name] = f"target:{need}"
    return contexts


def _stage_args(plan: Plan, stage: Stage) -> Mapping[str, str]:
    """What is only known of the whole plan goes into the stamp alone, so that it rebuilds nothing below."""
    if stage.kind is not StageKind.STAMP:
        return {}
    return {
        "VERSION": plan.version,
        "PLAN": plan.id,
        "REVISION": plan.source.revision,
        "CREATED": _rfc3339(plan.source.date),
    }


def _rfc3339(seconds: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
