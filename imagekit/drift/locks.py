"""The lock files of a project as the inputs that a night compares, and back (pure)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from imagekit.config.imagesfile import LockFile
from imagekit.config.packagelock import LockedPackage, PackageLock, ordered
from imagekit.drift.model import Input, Key, Lock

ELSEWHERE = "images.lock"  # stands for a layer: digests of base images, checksums of downloads


def as_lock(packages: PackageLock, file: LockFile) -> dict[Key, Input]:
    """Everything that both files hold."""
    found = {Key(each.stage, each.name, each.arch): _input(each) for each in packages.packages}
    for name, digest in {**file.images, **file.files}.items():
        found[Key(ELSEWHERE, name)] = Input(digest.removeprefix("sha256:")[:12], digest)
    return found


def packages_of(lock: Lock, known: Iterable[PackageLock]) -> PackageLock:
    """The package lock that says what a lock holds; the rows come from the files that are known, the newest last."""
    files = list(known)
    rows = {(each.stage, each.name, each.arch, each.sha256): each for file in files for each in file.packages}
    chosen = [
        rows[key.layer, key.name, key.arch, value.checksum] for key, value in lock.items() if key.layer != ELSEWHERE
    ]
    newest = files[-1]
    return replace(newest, packages=ordered(chosen, newest.asked))


def stack_of(packages: PackageLock, without: Collection[str]) -> PackageLock:
    """The lock of the image without these layers, which are its upper ones."""
    return replace(
        packages,
        asked={stage: names for stage, names in packages.asked.items() if stage not in without},
        authorities=tuple(each for each in packages.authorities if each.layer not in without),
        packages=tuple(each for each in packages.packages if each.stage not in without),
    )


def elsewhere_of(lock: Lock, file: LockFile) -> LockFile:
    """images.lock that says what a lock holds; entries of other images stay."""
    values = {key.name: value.checksum for key, value in lock.items() if key.layer == ELSEWHERE}

    def moved(entries: Mapping[str, str]) -> dict[str, str]:
        return {name: values.get(name, value) for name, value in entries.items()}

    return file.model_copy(update={"images": moved(file.images), "files": moved(file.files)})


def _input(package: LockedPackage) -> Input:
    folder = str(PurePosixPath(package.path).parent)
    # pool/main/o/openssl: the folder of what is built from one source, which is released together.
    group = folder if folder.count("/") >= 2 else package.name
    return Input(package.version, package.sha256, group)
