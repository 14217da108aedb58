"""A lock between two: what of it the distribution's own solver would install, and whether it can be installed at all.

A package that came new is no longer needed without the one that asks for it, and one that asks for a newer library
cannot be had without that. Neither says anything of the image, so both are found out before anything is built.
"""

from __future__ import annotations

from dataclasses import replace

from imagekit.app.bundles import ensure_packages
from imagekit.base.text import one_line
from imagekit.build.packages import manager_of, without_mirrors
from imagekit.config.load import Project
from imagekit.config.model import Arch
from imagekit.config.packagelock import LockedPackage, PackageLock, ordered
from imagekit.drift.interface import ApartError
from imagekit.packages.interface import Keep, ResolveError
from imagekit.packages.store import Store
from imagekit.plan.asks import asks_of
from imagekit.plan.resolve import make_plan


def settled(project: Project, lock: PackageLock) -> PackageLock:
    """The lock that the project has, which its own packages alone are resolved to; nothing else counts.

    Raises `ApartError` for packages that cannot be installed so, `MirrorError` for files that cannot be had.
    """
    arch = Arch(lock.arch)
    ensure_packages(project, (make_plan(project, lock.image, arch=arch),))
    repository = Store(project.work).repository(manager_of(project, lock.image, arch), lock.packages)
    asks = asks_of(project, lock.image, arch)
    try:
        found = without_mirrors(project, lock.image, arch).resolve(asks, Keep(lock.packages, repository))
    except ResolveError as error:
        raise ApartError(one_line(f"cannot be installed apart: {error}", 500)) from None
    if other := {_file(each) for each in found} - {_file(each) for each in lock.packages}:
        raise ApartError(f"cannot be installed apart: {min(other)[0]} would have another version")
    return replace(lock, packages=ordered(found, [ask.stage for ask in asks]))


def _file(package: LockedPackage) -> tuple[str, str, str]:
    return package.name, package.arch, package.sha256
