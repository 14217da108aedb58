"""What changed since the last good run of an image on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from imagekit.app.diff import commits_between, inventory_of_build, kept_build
from imagekit.base.errors import ConfigError, ImagekitError
from imagekit.base.text import one_line
from imagekit.build.kept import plan_of
from imagekit.build.result import Build
from imagekit.config.load import Project
from imagekit.inventory.compare import compare
from imagekit.plan.compare import changed_stages
from imagekit.plan.model import Plan, StageKind
from imagekit.report.result import RunResult, Verdict, read_result

if TYPE_CHECKING:
    from imagekit.app.interface import Backend

_MOST = 12  # lines; more are counted
_LONGEST = 1000  # characters of a line


def last_good(runs: list[Path], image: str) -> RunResult | None:
    """The newest of these runs (newest first) that passed with this image; one that does not read is no good run.

    Nor is a trial, whose image the project never was.
    """
    for folder in runs:
        try:
            result = read_result(folder)
        except ConfigError:
            continue
        if result.image == image and result.verdict is Verdict.PASSED and result.digest and not result.trial:
            return result
    return None


def since_good(
    backend: Backend, project: Project, good: RunResult | None, plan: Plan, image: Build | None
) -> tuple[str, ...]:
    """What changed since the last good run; nothing without one, for its digest, or for its plan before a build.

    What cannot be found out is said.
    """
    if good is None or (str(image.digest) == good.digest if image is not None else plan.version == good.version):
        return ()
    try:
        return backend.changes(project, good, plan, image)
    except (ImagekitError, OSError) as error:
        return (f"what changed since run {good.run_id} cannot be determined: {error}",)


def changes_since(project: Project, good: RunResult, plan: Plan, image: Build | None) -> tuple[str, ...]:
    """At most a dozen lines: what an image, or without one its plan, differs in from that of a good run.

    Where the build of that run is gone, that is said. Raises `ImagekitError` for an image that cannot be read.
    """
    lines = [f"since run {good.run_id} ({good.version}): {_layers(good, plan, image)}"]
    try:
        before = kept_build(project, good.digest)
    except ConfigError:
        lines.append(f"the build of run {good.run_id} is gone: packages and files cannot be compared")
        return tuple(lines)
    lines += _of_plans(before, plan) if image is None else _of_images(project, before, image)
    if len(lines) > _MOST:
        more = len(lines) - _MOST + 1
        lines = [*lines[: _MOST - 1], f"and {more} more: imagekit diff {good.run_id} {good.image}"]
    return tuple(one_line(line, _LONGEST) for line in lines)


def _layers(good: RunResult, plan: Plan, image: Build | None) -> str:
    old = {row.name: row.digest if image else row.id for row in good.layers}
    new = (
        {layer.name: layer.digest for layer in image.layers}
        if image
        else {stage.name: stage.id for stage in plan.stages if stage.kind is StageKind.LAYER}
    )
    names = [name for name in {**old, **new} if old.get(name) != new.get(name) and name != "stamp"]
    return f"{'layer' if len(names) == 1 else 'layers'} {', '.join(names)}" if names else "no layer but the stamp"


def _of_plans(before: Build, plan: Plan) -> list[str]:
    old = plan_of(before)
    return list(changed_stages(old, plan)) if old else []


def _of_images(project: Project, before: Build, image: Build) -> list[str]:
    old, new = inventory_of_build(before), inventory_of_build(image)
    commits = commits_between(project.root, old.revision, new.revision) or ()
    return [*(change.text for change in compare(old, new).changes), *(f"commit {line}" for line in commits)]
