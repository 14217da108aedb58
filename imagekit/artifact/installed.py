"""A disk with an installed node, made of an image without root, loop devices or mounts; the same bytes each time.

What lies where is Kairos's: cOS/active.img and passive.img on COS_STATE, cOS/recovery.img on COS_RECOVERY, GRUB for
BIOS and UEFI. Nobody may log in: users and keys come with a cidata disk at the first boot.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import NAMESPACE_URL, UUID, uuid5

from imagekit.artifact import ext, gpt, sparse
from imagekit.artifact.fat import write_fat
from imagekit.artifact.flatroot import FlatRoot, flat_root
from imagekit.artifact.grub import BootFiles, boot_files, environment
from imagekit.artifact.partitions import BLOCK, DiskPlan, Partition, image_bytes, inodes_for, plan_disk
from imagekit.artifact.programs import find, first_of
from imagekit.base import process
from imagekit.base.log import step
from imagekit.base.space import space_for
from imagekit.base.strictjson import CONFIG_FIELDS
from imagekit.oci.layout import layers, small_json
from imagekit.oci.reference import Digest

_RECIPE = 4  # raised whenever the same image makes another disk
_FILES = 5  # the tar, the file system of it, and that three times in the disk
_UNPACKED = 3  # what packed layers are taken to unpack to, until they are unpacked
_UNDATED = 1735689600  # 2025-01-01, for an image that does not say when it was created
_AT_ONCE = 2  # copies: more than one, for each waits for one core; not more, for they share one disk
_LABEL_AT = 1024 + 120  # of the volume name in an ext2 file system, 16 bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledDisk:
    """A raw disk, never to be booted or written itself, only overlays of it; `size` in bytes, most of them holes."""

    path: Path
    manifest: Digest
    size: int
    reused: bool


def installed_disk(layout: Path, manifest: Digest, into: Path, *, size: int | None = None) -> InstalledDisk:
    """The installed disk of an image of an OCI layout, kept by digest, size and recipe.

    `into` is the folder of all disks, ``.imagekit/disks``. `size` is the whole disk in bytes (a multiple of 1 MiB);
    without it the smallest whole number of GiB. What stands under the final name is always whole. Raises what
    `write_installed` raises.
    """
    path = into / "installed" / manifest.hex / f"{_recipe(size)}.raw"
    if path.exists():
        return InstalledDisk(path=path, manifest=manifest, size=path.stat().st_size, reused=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _scratch(path.parent) as folder:
        write_installed(layout, manifest, folder / "disk.raw", size=size)
        (folder / "disk.raw").rename(path)
    return InstalledDisk(path=path, manifest=manifest, size=path.stat().st_size, reused=False)


def write_installed(layout: Path, manifest: Digest, disk: Path, *, size: int | None = None) -> None:
    """Write an image's installed disk to the new file `disk`; needs half as much again beside it until it returns.

    Raises `ImageContentError` for content that is not what its digest says, `NotBootableError` when GRUB or its menu
    is missing, `ConfigError` for a size that does not fit, `NoSpaceError` for a full disk.
    """
    what = f"the installed disk of {manifest.short}"
    with (
        step("Writing the installed disk") as reported,
        space_for(what, disk.parent, _FILES * _UNPACKED * sum(each.size for each in layers(layout, manifest))) as space,
        tempfile.TemporaryDirectory(dir=disk.parent) as name,
    ):
        folder = Path(name)
        epoch = created(layout, manifest)
        root = flat_root(layout, manifest, folder / "rootfs.tar")
        space.need = _FILES * root.blocks * BLOCK
        plan = plan_disk(image_bytes(root.blocks, inodes_for(len(root.members))), size)
        boot = boot_files(root, folder, plan.bios.offset // gpt.SECTOR)
        guid = uuid5(NAMESPACE_URL, str(manifest))
        write_disk(folder / "disk.raw", root, boot, plan, guid=guid, epoch=epoch)
        (folder / "disk.raw").rename(disk)
        reported.note = f"{plan.size >> 20} MiB, {disk.stat().st_blocks >> 11} MiB of them written"


def created(layout: Path, manifest: Digest) -> int:
    """When an image says that it was created, in seconds since 1970; it dates the file systems made of it."""
    config = small_json(layout, Digest(str(small_json(layout, manifest)["config"]["digest"])), fields=CONFIG_FIELDS)
    try:
        return int(datetime.fromisoformat(str(config.get("created"))).astimezone(UTC).timestamp()) or _UNDATED
    except ValueError:
        return _UNDATED


def write_disk(disk: Path, root: FlatRoot, boot: BootFiles, plan: DiskPlan, *, guid: UUID, epoch: int) -> None:
    """Write a whole installed disk to the new file `disk`; what else is needed stands beside it until the caller goes.

    `guid` names the disk, `epoch` dates its file systems.
    """
    with disk.open("xb") as stream:
        stream.truncate(plan.size)
    image = disk.with_suffix(".img")
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        made = pool.submit(_write_image, image, root, plan.image_size, epoch)
        runs = _file_systems(disk, plan, boot, epoch)
        entries = [partition.entry for partition in plan.partitions]
        sectors = plan.size // gpt.SECTOR
        _put(disk, gpt.table(entries, disk=guid, sectors=sectors, boot_code=boot.bios.boot_code))
        _put(disk, [(plan.bios.offset, boot.bios.core)])
        made.result()
        for copied in [pool.submit(sparse.copy_runs, image, disk, where) for where in runs.values()]:
            copied.result()
    for label, where in runs.items():
        _put(disk, [(where[0][1] + _LABEL_AT, label.encode().ljust(16, b"\0"))])
    image.unlink()


def _write_image(image: Path, root: FlatRoot, size: int, epoch: int) -> None:
    inodes = inodes_for(len(root.members))
    given = root.attributes
    ext.write_image(image, root.tar, label="COS_ACTIVE", size=size, inodes=inodes, epoch=epoch, attributes=given)


def _file_systems(disk: Path, plan: DiskPlan, boot: BootFiles, epoch: int) -> dict[str, list[sparse.Run]]:
    """Write every partition's file system; returns where the three images go, by their labels."""
    contents: tuple[tuple[Partition, dict[str, bytes]], ...] = (
        (plan.oem, {"grubenv": environment({})}),
        (plan.recovery, {"cOS/recovery.img": b""}),
        (plan.state, {"cOS/active.img": b"", "cOS/passive.img": b"", **boot.state}),
        (plan.persistent, {}),
    )
    write_fat(disk, plan.grub, boot.efi, disk.with_suffix(".efi"), epoch=epoch)
    for partition, files in contents:
        tar = ext.small_tar(disk.with_suffix(f".{partition.name}"), files, epoch=epoch)
        ext.write_partition(disk, partition, tar, journal=partition is plan.persistent, epoch=epoch)
    places = (
        ("COS_ACTIVE", plan.state, "/cOS/active.img"),
        ("COS_PASSIVE", plan.state, "/cOS/passive.img"),
        ("COS_SYSTEM", plan.recovery, "/cOS/recovery.img"),
    )
    return {label: ext.give_space(disk, part, path, plan.image_size, epoch=epoch) for label, part, path in places}


def _put(disk: Path, pieces: list[tuple[int, bytes]]) -> None:
    with disk.open("r+b") as stream:
        for offset, data in pieces:
            stream.seek(offset)
            stream.write(data)


def _recipe(size: int | None) -> str:
    """Names what decides the bytes besides the image: this code, the programs and the size asked for."""
    tools = [
        process.run([find("mke2fs", "e2fsprogs"), "-V"], timeout=10).stderr,
        process.run([first_of(("grub-mkimage", "grub2-mkimage"), "grub-common"), "-V"], timeout=10).stdout,
        process.run([find("mcopy", "mtools"), "-V"], timeout=10).stdout,
    ]
    return hashlib.sha256(json.dumps([_RECIPE, size, tools]).encode()).hexdigest()[:16]


@contextmanager
def _scratch(into: Path) -> Iterator[Path]:
    """A folder beside the result, removed at the end; those of killed processes are removed first."""
    import shutil

    for left in into.glob(".new-*-*"):
        owner = left.name.split("-")[1]
        if owner.isdigit() and not process.alive(int(owner)):
            shutil.rmtree(left, ignore_errors=True)
    made = Path(tempfile.mkdtemp(prefix=f".new-{os.getpid()}-", dir=into))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
