"""From a plan to a proven image: engine started when it is needed, build, and the look into the artifact."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache, partial

from imagekit.app.bases import require_bases
from imagekit.artifact.errors import NotBootableError
from imagekit.artifact.initrdcheck import INITRD
from imagekit.artifact.inventory import Inventory
from imagekit.artifact.packagelist import Package
from imagekit.artifact.packages import installed_packages
from imagekit.artifact.presence import Absence, replaced, require_present
from imagekit.artifact.removed import names_of_blobs, remover, whiteouts, writer
from imagekit.base.errors import RefusedError
from imagekit.base.files import write_whole
from imagekit.base.space import require_temporary
from imagekit.build.authorities import authorities_of
from imagekit.build.builder import build_all
from imagekit.build.result import Build, earlier_build
from imagekit.config.imagesfile import DistroBase
from imagekit.config.load import Project
from imagekit.config.model import Arch
from imagekit.inventory.take import NAME, keep, take
from imagekit.oci.reference import Digest
from imagekit.plan.lock import require_buildable
from imagekit.plan.model import Plan, StageKind
from imagekit.services.buildx import build_engine, named_builder


class NotAsLockedError(RefusedError):
    """The artifact holds other packages than its lock."""


class WrongVersionError(RefusedError):
    """The artifact carries another version than its plan."""


def built(project: Project, plan: Plan) -> Build:
    """The image of a plan: the earlier result, or a new one made by the build engine."""
    return built_all(project, (plan,))[0]


def built_all(project: Project, plans: Sequence[Plan]) -> tuple[Build, ...]:
    """The images of plans: earlier results, and new ones made by the build engine as one graph."""
    missing = [plan for plan in plans if earlier_build(project.work, plan) is None]
    if not missing:
        return build_all(project, plans, {})
    require_temporary("a build")
    authorities_of(project, sorted({layer for plan in missing for layer in project.image(plan.image).layers}))
    for plan in missing:
        require_buildable(plan)  # before anything is started for it
        replaced(project, project.image(plan.image))
    require_bases(project, missing)
    if any(plan.locked for plan in missing):
        from imagekit.app.bundles import ensure_packages

        ensure_packages(project, missing)
    with build_engine(project.work, named_builder(project.settings.builder)) as running:
        return build_all(project, plans, running.environment, network=running.network)


def proven(project: Project, plan: Plan, image: Build) -> tuple[Package, ...]:
    """Prove that all that was declared is in the artifact; returns its packages. Done once for a digest."""
    kept = image.layout.parent / "packages.json"
    if kept.exists():
        return tuple(Package(**each) for each in json.loads(kept.read_text()))
    inventory, facts = take(image.layout, image.digest)
    try:
        require_present(project, plan.image, inventory, arch=Arch(plan.arch), removed_by=partial(_removed_by, image))
    except NotBootableError as error:
        raise NotBootableError(f"{error}{_last_written(image, INITRD)}", hint=error.hint) from None
    _require_version(plan, inventory)
    packages = installed_packages(inventory, project.image(plan.image).family)
    require_locked(project, plan, packages)
    keep(facts, image.layout.parent / NAME)
    write_whole(kept, json.dumps([asdict(package) for package in packages]))
    return packages


def require_locked(project: Project, plan: Plan, packages: Sequence[Package]) -> None:
    """Hold what is installed to the lock: the same packages, not one more and not one less.

    What stands on a base image has that image's packages too, which its digest names and the lock does not.
    """
    if not plan.locked:
        return
    locked = {
        (each.name, each.arch): each.version
        for stage in plan.stages
        if stage.kind is not StageKind.FRAMEWORK
        for each in stage.packages
    }
    found = {(each.name, each.arch): each.version for each in packages}
    whole = isinstance(project.image(plan.image).base, DistroBase)
    lines = [
        f"{name} {found.get((name, arch), 'is not there')} and not {version}"
        for (name, arch), version in sorted(locked.items())
        if found.get((name, arch)) != version and (whole or (name, arch) in found)
    ]
    lines += [f"{name} {found[name, arch]} is not in the lock" for name, arch in sorted(found.keys() - locked) if whole]
    if lines:
        raise NotAsLockedError(
            f"{plan.image} does not hold what images/locks names: {'; '.join(lines[:5])}",
            hint=f"{len(lines)} packages differ. Does a layer install packages in a way of its own? Declare them in "
            "its layer.yaml, then `imagekit lock`.",
        )


@cache
def _whiteouts(image: Build) -> tuple[tuple[Digest, frozenset[str]], ...]:
    return whiteouts(image.layout, image.digest)


def _removed_by(image: Build, absence: Absence) -> str:
    """The layer that took a thing away; empty where no layer did, or it cannot be told."""
    gone = _whiteouts(image)
    blob = remover(gone, absence.paths)
    name = _layer_of(image, tuple(digest for digest, _ in gone), blob)
    return name if name != absence.layer else ""


def _layer_of(image: Build, order: tuple[Digest, ...], blob: Digest | None) -> str:
    tops = {layer.digest: layer.name for layer in image.layers if layer.digest}
    return names_of_blobs(order, tops).get(blob, "") if blob is not None else ""


def _last_written(image: Build, path: str) -> str:
    """Which layer wrote a file last, as the end of a sentence; nothing where that cannot be told."""
    order = tuple(digest for digest, _ in _whiteouts(image))
    name = _layer_of(image, order, writer(image.layout, image.digest, path.lstrip("/")))
    return f"; layer {name} wrote it last" if name else ""


def _require_version(plan: Plan, inventory: Inventory) -> None:
    lines = inventory.text("/etc/kairos-release").splitlines()
    found = dict(line.split("=", 1) for line in lines if "=" in line).get("KAIROS_VERSION", "").strip('"')
    if found != plan.version:
        raise WrongVersionError(
            f"/etc/kairos-release says version {found or 'nothing'!r}, the plan says {plan.version!r}",
            hint="The Kairos operator compares versions, not digests; see images/stamp/Dockerfile.",
        )
