"""Formats of a disk, and writing one as a file: whole or not at all, with its SHA-256 beside it."""

from __future__ import annotations

import os
import re
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

from imagekit.artifact.gpt import SECTOR
from imagekit.artifact.programs import find
from imagekit.artifact.sparse import sha256_of
from imagekit.base import process
from imagekit.base.space import space_for

_TIMEOUT = 1800.0
_VMDK_NAME = "disk.vmdk"
_DESCRIPTION_PLACE = 28  # in the header: first sector and length of the description, as two numbers of 8 bytes


class DiskFormat(StrEnum):
    """What a disk can be written as; the value is also the file's suffix."""

    ISO = "iso"
    RAW = "raw"
    QCOW2 = "qcow2"
    VMDK = "vmdk"
    OVA = "ova"


def checksum_path(path: Path) -> Path:
    """Where the SHA-256 of a disk file stands, in the form that ``sha256sum -c`` reads."""
    return path.with_name(path.name + ".sha256")


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """A path in a scratch folder beside `target`; at the end the file there gets its checksum and its name.

    At no moment does a checksum stand beside a file that it does not belong to. What a killed process left is removed.
    """
    with space_for(target.name, target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        yield from _whole_file(target)


def _whole_file(target: Path) -> Iterator[Path]:
    import shutil

    for left in target.parent.glob(".imagekit-disk-*-*"):
        owner = left.name.split("-")[2]
        if owner.isdigit() and not process.alive(int(owner)):
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f".imagekit-disk-{os.getpid()}-", dir=target.parent))
    try:
        # Tools read "?" and "@@" in a name as options of theirs: the name as it was given comes last.
        fresh = folder / re.sub(r"[^A-Za-z0-9._-]", "_", target.name)
        yield fresh
        checksum = checksum_path(fresh)
        checksum.write_text(f"{sha256_of(fresh)}  {target.name}\n")
        checksum_path(target).unlink(missing_ok=True)
        fresh.rename(target)
        checksum.rename(checksum_path(target))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def to_qcow2(raw: Path, target: Path) -> None:
    """Convert a raw disk; not compressed, for a machine that runs on it reads plain clusters faster."""
    _convert(raw, target, "qcow2", [])


def to_vmdk(raw: Path, target: Path, *, identity: str) -> None:
    """Convert a raw disk to a streamOptimized VMDK, the form that an OVF package carries.

    `identity` (8 hex digits) becomes the content id, which qemu-img draws at random; the file's own name, which it
    writes into the description, is a fixed one.
    """
    scratch = target.with_name(f".{target.name}")
    scratch.mkdir()
    _convert(raw, scratch / _VMDK_NAME, "vmdk", ["-o", "subformat=streamOptimized,adapter_type=lsilogic"])
    _fix_identity(scratch / _VMDK_NAME, identity)
    (scratch / _VMDK_NAME).rename(target)
    scratch.rmdir()


def _convert(raw: Path, target: Path, form: str, options: list[str]) -> None:
    argv: list[str | Path] = [find("qemu-img", "qemu-utils"), "convert", "-f", "raw", "-O", form, *options, raw, target]
    with space_for(target.name, target.parent, raw.stat().st_blocks * 512):
        try:
            process.run(argv, timeout=_TIMEOUT)
        except BaseException:
            target.unlink(missing_ok=True)
            raise


def _fix_identity(vmdk: Path, identity: str) -> None:
    with vmdk.open("r+b") as stream:
        head = stream.read(SECTOR)
        at, length = (value * SECTOR for value in struct.unpack_from("<QQ", head, _DESCRIPTION_PLACE))
        stream.seek(at)
        lines = stream.read(length).rstrip(b"\0").splitlines(keepends=True)
        fixed = b"".join(b"CID=%s\n" % identity.encode() if line.startswith(b"CID=") else line for line in lines)
        stream.seek(at)
        stream.write(fixed.ljust(length, b"\0"))
