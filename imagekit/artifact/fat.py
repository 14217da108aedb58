"""The FAT file system of an EFI partition, written into a disk file at an offset by dosfstools and mtools."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from imagekit.artifact.gpt import SECTOR
from imagekit.artifact.partitions import Partition
from imagekit.artifact.programs import find
from imagekit.base import process

_TIMEOUT = 60.0


def write_fat(disk: Path, where: Partition, files: Mapping[str, bytes], scratch: Path, *, epoch: int) -> None:
    """Write files into a new FAT16 of a partition; `scratch` is an empty folder's path, made here."""
    argv: list[str | Path] = [find("mkfs.fat", "dosfstools"), "--invariant", "-F", "16", "-n", where.label]
    argv += ["-i", where.uuid.hex[:8], "--offset", str(where.offset // SECTOR), disk, str(where.size // 1024)]
    process.run(argv, timeout=_TIMEOUT)
    # mtools ends a file's name at "@@" and cannot be told otherwise: it gets the bare name, in the disk's own folder.
    volume = f"{disk.name}@@{where.offset}"
    env = {"SOURCE_DATE_EPOCH": str(epoch), "TZ": "UTC", "MTOOLSRC": "/dev/null"}
    folders = sorted({str(parent) for name in files for parent in Path(name).parents if str(parent) != "."})
    argv = [find("mmd", "mtools"), "-i", volume, *(f"::{name}" for name in folders)]
    process.run(argv, timeout=_TIMEOUT, env=env, cwd=disk.parent)
    # Folder by folder and sorted: a recursive copy would take the order of this host's own directories.
    for folder in folders:
        inside = sorted(name for name in files if str(Path(name).parent) == folder)
        paths = [_scratch_file(scratch / name, files[name]).resolve() for name in inside]
        if paths:
            argv = [find("mcopy", "mtools"), "-Q", "-i", volume, *paths, f"::{folder}/"]
            process.run(argv, timeout=_TIMEOUT, env=env, cwd=disk.parent)


def _scratch_file(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
