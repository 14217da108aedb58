"""The programs that write disks with an installed node: file systems from tars, and GRUB."""

from __future__ import annotations

import shutil

from imagekit.doctor.model import Finding, Host, Need, State
from imagekit.doctor.program import judge

LEAST = (1, 47, 1)  # the first mke2fs that takes a tar
_SBIN = "/usr/sbin:/sbin"


def check(host: Host) -> Finding:
    """Whether mke2fs is new enough, and dosfstools, mtools and grub-mkimage are there; tells the first that is not."""
    first = judge(host, Need.DISK_IMAGES, [_place("mke2fs"), "-V"], LEAST)
    if first.state is not State.OK:
        return first
    others = [[_place("mkfs.fat"), "--help"], [_place("mcopy"), "-V"], [_grub(), "-V"]]
    findings = [judge(host, Need.DISK_IMAGES, argv) for argv in others]
    return next((one for one in findings if one.state is not State.OK), first)


def _place(name: str) -> str:
    """The program's path; users who are not root often have no sbin in theirs."""
    return shutil.which(name) or shutil.which(name, path=_SBIN) or name


def _grub() -> str:
    return _place("grub-mkimage" if shutil.which("grub2-mkimage") is None else "grub2-mkimage")
