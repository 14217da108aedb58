"""Run a plan through BuildKit and keep the result by the plan's id."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from imagekit.build import bake
from imagekit.build.distro import distro_context
from imagekit.build.progress import LayerProgress, Progress
from imagekit.config.load import Project
from imagekit.errors import RefusedError, ToolError
from imagekit.log import step
from imagekit.oci import Digest
from imagekit.plan.lock import require_buildable
from imagekit.plan.model import Plan, StageKind
from imagekit.process import ProcessError, run

_TIMEOUT = 3600.0
NEEDED_BYTES = 4_000_000_000  # a cold build of the embedded image writes about 3 GB: caches, layers, layout
_RESULT = "build.json"


class BuildError(RefusedError):
    """A layer did not build."""


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
    """The kept result of the same plan, when it is whole."""
    folder = folder_of(work, plan)
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


def build(project: Project, plan: Plan, engine: Mapping[str, str]) -> Build:
    """Build the plan, or return the earlier result; `engine` is the environment that reaches the build engine.

    Raises `BuildError` naming the layer, `ToolError` when the engine or the disk fails, and `ConfigError` for a plan
    that is not locked or is for another architecture than this machine's.
    """
    if found := earlier_build(project.work, plan):
        return found
    require_buildable(plan)
    folder = folder_of(project.work, plan)
    folder.parent.mkdir(parents=True, exist_ok=True)
    _need_room(folder.parent)
    needs_distro = any(stage.kind is StageKind.DISTRO for stage in plan.stages)
    context = distro_context(project, plan) if needs_distro else None
    with step(f"Image {plan.image} {plan.version}") as current, _partial(folder) as partial:
        progress = _bake(project, plan, engine, partial, context)
        digest = _digest_of(partial / "oci")
        blobs = _blobs_of(partial / "oci", digest, _stack(plan, progress))
        current.note = f"{digest.short}"
    layers = tuple(_layer_build(plan, name, progress, blobs) for name in (*plan.layers, "stamp"))
    result = Build(
        image=plan.image,
        plan_id=plan.id,
        version=plan.version,
        digest=digest,
        layout=folder / "oci",
        layers=layers,
        seconds=current.seconds,
        reused=False,
    )
    _keep(folder, result)
    return result


def _bake(project: Project, plan: Plan, engine: Mapping[str, str], partial: Path, context: Path | None) -> Progress:
    dockerfiles = {stage.name: project.root / stage.context / "Dockerfile" for stage in plan.stages}
    progress = Progress({name: path.read_text(encoding="utf-8") for name, path in dockerfiles.items()})
    files = {
        "compose.yaml": bake.compose(plan, project.root, context),
        "override.json": bake.overrides(plan, partial / "oci"),
    }
    for name, data in files.items():
        (partial / name).write_text(json.dumps(data, indent=1))
    argv = ["docker", "buildx", "bake", "--progress=rawjson"]
    argv += [part for name in files for part in ("--file", os.fspath(partial / name))]
    try:
        run([*argv, bake.FINAL], timeout=_TIMEOUT, env={"BUILDX_NO_DEFAULT_LOAD": "1", **engine}, on_line=progress.take)
    except ProcessError as error:
        raise _explained(plan, progress, error) from None
    return progress


def _explained(plan: Plan, progress: Progress, error: ProcessError) -> Exception:
    layer, text = progress.failure()
    if "no space left on device" in text:
        return ToolError(
            f"no disk space left while building {plan.image}", hint=f"Free some space, then run again.\n{text}"
        )
    if layer:
        return BuildError(
            f"layer {layer!r} did not build ({plan.stage(layer).context}/Dockerfile)",
            hint=f"{text}\nAgain: imagekit build {plan.image}",
        )
    return ToolError("the build engine failed", hint=text or error.hint)


def _digest_of(layout: Path) -> Digest:
    try:
        index = json.loads((layout / "index.json").read_text())
        digest = Digest(index["manifests"][0]["digest"])
        found = Digest.of_file(layout / "blobs" / "sha256" / digest.hex)
    except (FileNotFoundError, ValueError, KeyError, IndexError) as error:
        raise ToolError(f"{layout}: the engine left no image there ({error})") from None
    if found != digest:
        raise ToolError(f"{layout}: the manifest hashes to {found}, its index says {digest}")
    return digest


def _stack(plan: Plan, progress: Progress) -> list[LayerProgress]:
    """The stages that the image is made of, bottom first; the framework only lends its program."""
    return [progress.layers[stage.name] for stage in plan.stages if stage.kind is not StageKind.FRAMEWORK]


def _blobs_of(layout: Path, digest: Digest, stack: list[LayerProgress]) -> dict[str, list[dict[str, Any]]]:
    """The blobs of each stage: BuildKit makes one for each instruction that writes files, from the bottom up.

    Empty when the numbers do not agree; then nothing is claimed.
    """
    manifest = json.loads((layout / "blobs" / "sha256" / digest.hex).read_text())
    left = list(manifest["layers"])
    if sum(layer.writes for layer in stack) != len(left):
        return {}
    return {layer.name: [left.pop(0) for _ in range(layer.writes)] for layer in stack}


def _layer_build(plan: Plan, name: str, progress: Progress, blobs: dict[str, list[dict[str, Any]]]) -> LayerBuild:
    state, own = progress.layers[name], blobs.get(name, [])
    return LayerBuild(
        name=name,
        id=plan.stage(name).id,
        seconds=round(state.seconds, 3),
        reused=state.reused,
        size=sum(blob["size"] for blob in own),
        digest=own[-1]["digest"] if own else "",
    )


@contextmanager
def _partial(folder: Path) -> Iterator[Path]:
    """A folder beside `folder` that becomes it when the block succeeds, and vanishes otherwise."""
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.{os.getpid()}.", dir=folder.parent))
    try:
        yield partial
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _keep(folder: Path, result: Build) -> None:
    data = asdict(result) | {"digest": str(result.digest)}
    del data["layout"], data["reused"]
    partial = folder / f".{_RESULT}"
    partial.write_text(json.dumps(data, indent=1))
    partial.rename(folder / _RESULT)


def _need_room(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < NEEDED_BYTES:
        raise ToolError(
            f"{folder}: {free / 1e9:.1f} GB free, a build needs {NEEDED_BYTES / 1e9:.0f} GB",
            hint="Free some space; `imagekit clean --cache` removes what imagekit keeps.",
        )
