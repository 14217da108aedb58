"""How each layer of a build came about: how long it took, and which blobs of the image are its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imagekit.base.strictjson import MANIFEST_FIELDS, read_object
from imagekit.build import bake
from imagekit.build.progress import LayerProgress, Progress
from imagekit.build.result import LayerBuild
from imagekit.oci.reference import Digest
from imagekit.plan.model import Plan, StageKind


def layer_builds(
    graph: bake.Graph, plan: Plan, progress: Progress, layout: Path, digest: Digest
) -> tuple[LayerBuild, ...]:
    """Every layer of an image, and its stamp, bottom first."""
    blobs = _blobs_of(layout, digest, stack_of(graph, plan, progress))
    return tuple(_layer_build(graph, plan, name, progress, blobs) for name in (*plan.layers, bake.FINAL))


def stack_of(graph: bake.Graph, plan: Plan, progress: Progress) -> list[LayerProgress]:
    """The stages that the image is made of, bottom first; the framework only lends its program."""
    return [progress.layers[graph.target(stage)] for stage in plan.stages if stage.kind is not StageKind.FRAMEWORK]


def _blobs_of(layout: Path, digest: Digest, stack: list[LayerProgress]) -> dict[str, list[dict[str, Any]]]:
    """The blobs of each stage: BuildKit makes one for each instruction that writes files, from the bottom up.

    Empty when the numbers do not agree; then nothing is claimed.
    """
    manifest = read_object(
        (layout / "blobs" / "sha256" / digest.hex).read_bytes(), f"manifest {digest}", fields=MANIFEST_FIELDS
    )
    left = list(manifest["layers"])
    if sum(layer.writes for layer in stack) != len(left):
        return {}
    return {layer.name: [left.pop(0) for _ in range(layer.writes)] for layer in stack}


def _layer_build(
    graph: bake.Graph, plan: Plan, name: str, progress: Progress, blobs: dict[str, list[dict[str, Any]]]
) -> LayerBuild:
    target = graph.target(plan.stage(name))
    state, own = progress.layers[target], blobs.get(target, [])
    return LayerBuild(
        name=name,
        id=plan.stage(name).id,
        seconds=round(state.seconds, 3),
        reused=state.reused,
        size=sum(blob["size"] for blob in own),
        digest=own[-1]["digest"] if own else "",
    )
