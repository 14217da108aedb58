"""A plan is data with an id; see images/ for what it is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from json import dumps

from imagekit.config.packagelock import LockedPackage


class StageKind(StrEnum):
    """What a stage makes."""

    DISTRO = "distro"
    FRAMEWORK = "framework"
    LAYER = "layer"
    STAMP = "stamp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One step of the build; `context` is its folder in the project, `args` its build arguments.

    `downloads` are the files that it takes from elsewhere: address and SHA-256, which is among the arguments too.
    `packages` are those that it installs, in a locked plan.
    """

    name: str
    kind: StageKind
    id: str
    context: str
    needs: tuple[str, ...] = ()
    args: Mapping[str, str]
    inputs: Mapping[str, str]
    downloads: Mapping[str, str] = field(default_factory=dict)
    packages: tuple[LockedPackage, ...] = ()


# 2025-01-01 UTC, as LAYER_EPOCH in the Dockerfiles. Files in layers are dated so, whatever day or commit they are built
# on: any date out of the history would change with a commit of the very same files, and the digest with it.
EPOCH = 1_735_689_600


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where an image's inputs come from; no input itself: the same files in another commit are the same image.

    `revision` is the last commit that touched the image's inputs, with ``-dirty`` where some are in no commit yet; it
    goes into the provenance, not into the image. `date` (seconds since 1970, the beginning of a UTC day) goes into the
    version: the day of that commit, or of the first build of these inputs here. `epoch` clamps file times.
    """

    revision: str
    date: int
    epoch: int = EPOCH


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What will be built: the stages from the bottom up, and the version that the result carries.

    `unlocked` names the inputs whose digest images.lock lacks; such a plan can be looked at and not be built. A
    `locked` plan is built from the packages of its stages alone and without network; `stale` says where its lock of
    packages does not cover what the project declares, and then it is not built either.
    """

    image: str
    family: str
    arch: str
    id: str
    version: str
    source: Source
    stages: tuple[Stage, ...]
    embedded: bool = True
    unlocked: tuple[str, ...] = ()
    locked: bool = False
    stale: tuple[str, ...] = ()

    @property
    def short(self) -> str:
        """The first 12 digits of the id, for folder names and people."""
        return self.id[:12]

    def stage(self, name: str) -> Stage:
        """The stage of that name."""
        return next(stage for stage in self.stages if stage.name == name)

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers, bottom first."""
        return tuple(stage.name for stage in self.stages if stage.kind is StageKind.LAYER)


def inputs_id(inputs: Mapping[str, str]) -> str:
    """Name what the inputs determine: same inputs, same id (64 hex digits)."""
    return sha256(dumps(dict(inputs), sort_keys=True).encode()).hexdigest()
