"""Words and types that declared files share: patterns of names and paths, the base class of their models."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from imagekit.config.kinds import Arch as Arch
from imagekit.config.kinds import Family as Family
from imagekit.config.kinds import Firmware as Firmware


def _absolute(path: str) -> str:
    if not path.startswith("/") or ".." in PurePosixPath(path).parts:
        raise ValueError("must be an absolute path without '..'")
    return path


def _relative(path: str) -> str:
    if path.startswith("/") or ".." in PurePosixPath(path).parts:
        raise ValueError("must be a path inside the project, without '..'")
    return path


def _fixed(image: str) -> str:
    name, _, digest = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    if not digest and not tag:
        raise ValueError("must name a tag, whose digest images.lock then holds, or a digest")
    if not digest and tag == "latest":
        raise ValueError("must name a version; the tag latest moves with every release")
    return image


Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=63)]
# Debian policy 5.6.7 and the RPM name characters; nothing that a shell could read as more than a word.
Package = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9+._-]*$", max_length=128)]
Unit = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9@:._\\-]+\.(service|socket|timer|target|mount|path)$")]
Module = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]+$")]
ArgName = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]*$")]
ArgValue = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9+._:/@=-]*$", max_length=256)]
# One name for all architectures, or one for each that has the package.
PackageEntry = Package | dict[Arch, Package]
KernelArg = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.,:=/-]+$")]
NodePath = Annotated[str, AfterValidator(_absolute)]
ProjectPath = Annotated[str, AfterValidator(_relative)]
# https://github.com/distribution/reference: registry, path, tag, digest; the registry is never left to be guessed.
_IMAGE = (
    r"^[a-z0-9.-]+\.[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)+"
    r"(:[A-Za-z0-9_][A-Za-z0-9._-]*)?(@sha256:[0-9a-f]{64})?$"
)
NamedImage = Annotated[str, StringConstraints(pattern=_IMAGE), AfterValidator(_fixed)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
ImageDigest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
Address = Annotated[str, StringConstraints(pattern=r"^https://[A-Za-z0-9.-]+(/[A-Za-z0-9._+%{}-]+)+$")]


class Frozen(BaseModel):
    """Base of all declared data: unknown keys are errors, types are not bent, values do not change."""

    # Built when the first file of its kind is read: half of the models are never asked for by a command.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)
