"""fleet/fleet.lock: what is inside each digest that nodes run, looked up once and reviewed; see `provision lock`."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from imagekit.config.load import parse_file, parse_text
from imagekit.config.model import Arch, Frozen, ImageDigest, Name, Sha256
from imagekit.oci.reference import Digest
from imagekit.provision.inputs import Release
from imagekit.provision.yamlout import document

LOCK_PATH = PurePosixPath("fleet/fleet.lock")
Version = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$", max_length=128)]


class LockedDisk(Frozen):
    """A disk of an image."""

    sha256: Sha256 = Field(description="of the disk itself, in bare hex as VirtRigaud compares it")


class LockedRelease(Frozen):
    """A digest."""

    image: Name
    version: Version
    arch: Arch = Arch.AMD64
    distribution: str = Field("other", description="ID of its os-release")
    distribution_version: str = Field("", description="VERSION_ID of its os-release")
    k0s: Annotated[str, StringConstraints(pattern=r"^v[0-9.]+\+k0s\.[0-9]+$")] | None = Field(
        None, description="version of the k0s inside"
    )
    disks: dict[Literal["qcow2", "ova", "raw"], LockedDisk] = Field(default_factory=dict)


class FleetLock(Frozen):
    """fleet/fleet.lock."""

    version: Literal[1] = 1
    releases: dict[ImageDigest, LockedRelease] = Field(default_factory=dict)


def read_lock(root: Path) -> FleetLock:
    """The lock of a project, empty where there is none; raises `ConfigError` with file and line."""
    path = root / LOCK_PATH
    return parse_file(FleetLock, path) if path.exists() else FleetLock()


def parse_lock(text: str) -> FleetLock:
    """As `read_lock`, of a text that came from somewhere else."""
    return parse_text(FleetLock, text, Path(LOCK_PATH))


def releases_of(lock: FleetLock) -> dict[Digest, Release]:
    """What the lock says of each digest."""
    return {
        Digest(digest): Release(
            image=each.image,
            version=each.version,
            arch=each.arch.value,
            distribution=each.distribution,
            distribution_version=each.distribution_version,
            k0s=each.k0s,
            disks={form: disk.sha256 for form, disk in each.disks.items()},
        )
        for digest, each in lock.releases.items()
    }


def lock_text(lock: FleetLock) -> str:
    """The file as it is written: the same data, the same bytes."""
    head = "# Written by `imagekit provision lock`; what is inside the digests that nodes run.\n"
    return head + document(lock.model_dump(mode="json"))
