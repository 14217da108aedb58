"""The packages of locked plans: whether they are here, and as the repositories that a build reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from imagekit.base.errors import ConfigError
from imagekit.build.mirror import debian_mirror, warn_of_missing_security
from imagekit.config.imagesfile import DistroBase
from imagekit.config.load import Project
from imagekit.config.model import Arch, Family
from imagekit.config.packagelock import LockedPackage
from imagekit.packages.apt import Apt
from imagekit.packages.aptsource import AptSource, archives_of
from imagekit.packages.dnf import Dnf
from imagekit.packages.interface import Manager
from imagekit.packages.store import Store
from imagekit.plan.asks import distro_file
from imagekit.plan.model import Plan, StageKind


def manager_of(project: Project, image: str, arch: Arch, sources: Sequence[AptSource] = ()) -> Manager:
    """The package manager of an image's family; without sources it makes repositories and fetches nothing."""
    match project.image(image).family:
        case Family.DEBIAN:
            folder = project.work / "packages" / f"apt-{arch}"
            return Apt(folder, arch.value, tuple(sources) or (_nowhere(project, image),))
        case Family.RHEL:
            return Dnf(project.work / "packages" / f"dnf-{arch}", arch.value, project.settings.rpm_repositories)


def without_mirrors(project: Project, image: str, arch: Arch) -> Manager:
    """The package manager of an image's family, which knows what it is told to keep and nothing else."""
    folder = project.work / "packages" / f"alone-{arch}"
    match project.image(image).family:
        case Family.DEBIAN:
            return Apt(folder, arch.value, ())
        case Family.RHEL:
            return Dnf(folder, arch.value, {})


def resolver(project: Project, name: str, arch: Arch) -> Manager:
    """The package manager of an image with this machine's mirrors; raises `MirrorError` where none is known."""
    image = project.image(name)
    if image.family is Family.DEBIAN and isinstance(image.base, DistroBase):
        spec, mirror = distro_file(project), debian_mirror(project.settings.debian_mirror)
        suites, archives = (spec.suite, *spec.pockets), archives_of(project.root, project.settings)
        lines = mirror.sources(suites, spec.components)
        warn_of_missing_security(mirror, suites, [each.suite for each in archives])
        sources = [AptSource(uri=line.split()[1], suite=line.split()[2], components=spec.components) for line in lines]
        return manager_of(project, name, arch, (*sources, *archives))
    if image.family is Family.DEBIAN:
        raise ConfigError(
            f"image {name!r} stands on a base image, whose archives imagekit does not know",
            hint="`imagekit lock --no-packages` locks digests and checksums; its builds float.",
        )
    if not project.settings.rpm_repositories:
        raise ConfigError(
            f"image {name!r}: no repository is known whose packages could be locked",
            hint="Name them in imagekit.yaml (`rpm_repositories`), or lock digests and checksums alone: --no-packages.",
        )
    return manager_of(project, name, arch)


def packages_of(plans: Sequence[Plan]) -> tuple[LockedPackage, ...]:
    """Every locked package of the plans."""
    return tuple(package for plan in plans for stage in plan.stages for package in stage.packages)


def repositories(project: Project, plans: Sequence[Plan]) -> dict[str, Path]:
    """The repository of each stage of a locked plan that installs packages, by the stage's id.

    The packages must be in the store, see `Store.fill`.
    """
    store, found = Store(project.work), dict[str, Path]()
    for plan in plans:
        if plan.locked:
            manager = manager_of(project, plan.image, Arch(plan.arch))
            for stage in plan.stages:
                if stage.kind in (StageKind.LAYER, StageKind.FRAMEWORK):
                    found[stage.id] = store.repository(manager, stage.packages)
    return found


def distro_repository(project: Project, plan: Plan) -> Path:
    """The repository that mmdebstrap reads for a locked plan."""
    manager = manager_of(project, plan.image, Arch(plan.arch))
    return Store(project.work).repository(manager, plan.stage("distro").packages)


def _nowhere(project: Project, image: str) -> AptSource:
    suite = distro_file(project).suite if isinstance(project.image(image).base, DistroBase) else "imagekit"
    return AptSource(uri="file:/nonexistent", suite=suite)
