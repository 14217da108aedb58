"""Run plans through BuildKit and keep each result by its plan's id."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from imagekit.base.errors import RefusedError, ToolError
from imagekit.base.filelock import lock
from imagekit.base.log import step
from imagekit.base.process import ProcessError, run
from imagekit.base.remedies import remedy
from imagekit.base.space import require_space
from imagekit.base.strictjson import MANIFEST_FIELDS, read_object
from imagekit.build import bake
from imagekit.build.authorities import authority_folders
from imagekit.build.distro import distro_context
from imagekit.build.download import downloads_folder
from imagekit.build.layers import layer_builds, stack_of
from imagekit.build.packages import repositories
from imagekit.build.progress import Progress
from imagekit.build.result import Build, earlier_build, folder_of, keep
from imagekit.build.times import keep_times, known_layers, late_files
from imagekit.config.engine import located
from imagekit.config.load import Project
from imagekit.oci.reference import Digest
from imagekit.plan.given import remember
from imagekit.plan.lock import require_buildable
from imagekit.plan.model import Plan, StageKind

_TIMEOUT = 3600.0
NEEDED_BYTES = 4_000_000_000  # a cold build of the embedded image writes about 3 GB: caches, layers, layout
_NO_NETWORK = "\nThis build is locked: its steps have no network, and packages come from the lock (docs/lock.md)."


class BuildError(RefusedError):
    """A layer did not build."""


def build(project: Project, plan: Plan, engine: Mapping[str, str]) -> Build:
    """Build the plan, or return the earlier result; as `build_all`."""
    return build_all(project, (plan,), engine)[0]


def build_all(
    project: Project, plans: Sequence[Plan], engine: Mapping[str, str], *, network: str = "host"
) -> tuple[Build, ...]:
    """Build plans as one graph; those with an earlier result are not built again.

    `engine` is the environment that reaches the build engine, `network` that of steps that are not locked.
    Raises `BuildError` naming the layer, `ToolError` when the engine or the disk fails, and `ConfigError` for a plan
    that is not locked or is for another architecture than this machine's. What one failing layer ends is the whole
    graph; BuildKit keeps the steps that were done.
    """
    found = {plan.id: earlier_build(project.work, plan) for plan in plans}
    wanted = [plan for plan in plans if found[plan.id] is None]
    for plan in wanted:
        require_buildable(plan)
    made = _build_new(project, wanted, engine, network) if wanted else {}
    return tuple(found[plan.id] or made[plan.id] for plan in plans)


def _build_new(project: Project, plans: Sequence[Plan], engine: Mapping[str, str], network: str) -> dict[str, Build]:
    folders = {plan.id: folder_of(project.work, plan) for plan in plans}
    (project.work / "builds").mkdir(parents=True, exist_ok=True)
    require_space("a build", project.work / "builds", NEEDED_BYTES)
    graph = bake.Graph(
        tuple(plans),
        project.root,
        _distros(project, plans),
        authority_folders(project, plans),
        _downloads(project, plans),
        repositories(project, plans),
        network,
    )
    title = ", ".join(f"{plan.image} {plan.version}" for plan in plans)
    with step(f"Image {title}") as current, ExitStack() as stack:
        stack.enter_context(alone(project.work / "locks"))
        # Another process may have built the same while this one waited.
        found = {plan.id: earlier_build(project.work, plan) for plan in plans}
        if all(found.values()):
            return {key: build for key, build in found.items() if build is not None}
        partials = {key: stack.enter_context(_partial(folder)) for key, folder in folders.items()}
        progress = _bake(graph, engine, partials)
        _hold_times(project.work / "builds", graph, engine, partials, progress)
        results = [_result(graph, plan, progress, partials[plan.id], folders[plan.id]) for plan in plans]
        current.note = " ".join(result.digest.short for result in results)
    results = [replace(result, seconds=current.seconds) for result in results]
    for plan, result in zip(plans, results, strict=True):
        keep(folders[plan.id], plan, result)
        remember(project.work, plan)
    return {result.plan_id: result for result in results}


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One build at a time in a work folder: two of the same plan would take each other's result away."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "build.lock").open("a") as stream:
        lock(stream)
        yield


def _distros(project: Project, plans: Sequence[Plan]) -> dict[str, Path]:
    """The context of each distro stage, made on first use."""
    stages = {stage.id: plan for plan in plans for stage in plan.stages if stage.kind is StageKind.DISTRO}
    return {key: distro_context(project, plan) for key, plan in stages.items()}


def _downloads(project: Project, plans: Sequence[Plan]) -> dict[str, Path]:
    """For each layer the folder with what it takes from elsewhere; without such it is empty."""
    return {
        stage.id: downloads_folder(stage.downloads, project.work, project.settings.mirrors)
        for plan in plans
        for stage in plan.stages
        if stage.kind is StageKind.LAYER
    }


def _result(graph: bake.Graph, plan: Plan, progress: Progress, partial: Path, folder: Path) -> Build:
    digest = _digest_of(partial / "oci")
    return Build(
        image=plan.image,
        plan_id=plan.id,
        version=plan.version,
        digest=digest,
        layout=folder / "oci",
        layers=layer_builds(graph, plan, progress, partial / "oci", digest),
        seconds=0.0,
        reused=False,
    )


def _hold_times(
    builds: Path, graph: bake.Graph, engine: Mapping[str, str], partials: Mapping[str, Path], progress: Progress
) -> None:
    """See that no file has a time after the epoch, and else have BuildKit write the images with times that are held.

    The layers do that themselves (images/scripts/finish-layer.sh), so that packing all of them anew is seldom needed.
    The bytes of a layer that is in order are the same both ways.
    """

    if found := _late(builds, graph, partials, progress):
        with step("Holding the times of files") as current:
            for partial in partials.values():
                shutil.rmtree(partial / "oci")
            _bake(graph, engine, partials, clamp=True)
            current.note = f"/{found[0]} was of a later day"
        if found := _late(builds, graph, partials, progress):
            raise ToolError(
                f"the build engine wrote /{found[0]} with a time after that of the plan",
                hint="The image would have another digest tomorrow. `imagekit doctor` tells which BuildKit is needed.",
            )
    for plan in graph.plans:
        partial = partials[plan.id]
        keep_times(partial, partial / "oci", _digest_of(partial / "oci"), plan.source.epoch)


def _late(builds: Path, graph: bake.Graph, partials: Mapping[str, Path], progress: Progress) -> tuple[str, ...]:
    found = list[str]()
    for plan in graph.plans:
        layout, epoch = partials[plan.id] / "oci", plan.source.epoch
        own = sum(layer.writes for layer in stack_of(graph, plan, progress))
        found += late_files(layout, _digest_of(layout), epoch, own=own, known=known_layers(builds, epoch))
    return tuple(found)


def _bake(
    graph: bake.Graph, engine: Mapping[str, str], partials: Mapping[str, Path], *, clamp: bool = False
) -> Progress:
    stages = {name: stage for name, (_, stage) in graph.stages().items()}
    dockerfiles = {name: located(graph.root, stage.context) / "Dockerfile" for name, stage in stages.items()}
    progress = Progress(
        {name: path.read_text(encoding="utf-8") for name, path in dockerfiles.items()},
        {name: stage.name for name, stage in stages.items()},
    )
    layouts = {key: partial / "oci" for key, partial in partials.items()}
    files = {
        "compose.yaml": bake.compose_text(graph),
        "override.json": bake.override_text(graph, layouts, clamp=clamp),
    }
    beside = next(iter(partials.values()))
    for name, text in files.items():
        (beside / name).write_text(text, encoding="utf-8")
    argv = ["docker", "buildx", "bake", "--progress=rawjson"]
    argv += [part for name in files for part in ("--file", os.fspath(beside / name))]
    argv += [graph.final(plan) for plan in graph.plans]
    try:
        run(argv, timeout=_TIMEOUT, env={"BUILDX_NO_DEFAULT_LOAD": "1", **engine}, on_line=progress.take)
    except ProcessError as error:
        raise _explained(graph, progress, error) from None
    return progress


def _explained(graph: bake.Graph, progress: Progress, error: ProcessError) -> Exception:
    target, text = progress.failure()
    images = ", ".join(plan.image for plan in graph.plans)
    if "no space left on device" in text:
        return ToolError(
            f"no disk space left while building {images}",
            hint=f"`imagekit clean --cache` removes what can be made again; then run again.\n{text}",
        )
    if target:
        plan, stage = graph.stages()[target]
        return BuildError(
            f"layer {stage.name!r} did not build ({stage.context}/Dockerfile)",
            hint="\n".join(filter(None, (text, remedy(text))))
            + f"{_NO_NETWORK if plan.locked else ''}\nAgain: imagekit build {plan.image}",
        )
    return ToolError("the build engine failed", hint=text or error.hint)


def _digest_of(layout: Path) -> Digest:
    try:
        index = read_object((layout / "index.json").read_bytes(), f"{layout}/index.json", fields=MANIFEST_FIELDS)
        digest = Digest(index["manifests"][0]["digest"])
        found = Digest.of_file(layout / "blobs" / "sha256" / digest.hex)
    except (FileNotFoundError, ValueError, KeyError, IndexError) as error:
        raise ToolError(f"{layout}: the engine left no image there ({error})") from None
    if found != digest:
        raise ToolError(f"{layout}: the manifest hashes to {found}, its index says {digest}")
    return digest


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
