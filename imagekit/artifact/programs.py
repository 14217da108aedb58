"""Where the host's disk programs are; each message names the package that brings it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from imagekit.base.process import ProgramMissingError

_SBIN = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"


def find(name: str, package: str) -> Path:
    """The program's path; raises `ProgramMissingError` naming the Debian package."""
    found = shutil.which(name) or shutil.which(name, path=_SBIN)
    if found is None:
        raise ProgramMissingError(f"program not found: {name}", hint=f"Install the package {package}.")
    return Path(found)


def first_of(names: Sequence[str], package: str) -> Path:
    """The first of some names of one program that is installed; raises as `find` does."""
    for name in names:
        if found := shutil.which(name) or shutil.which(name, path=_SBIN):
            return Path(found)
    return find(names[0], package)


def busybox() -> Path:
    """A statically linked busybox: the only program in the direct boot path's initrd."""
    path = find("busybox", "busybox-static")
    if b"/ld-linux" in path.read_bytes()[: 1 << 16]:
        raise ProgramMissingError(f"{path} needs shared libraries", hint="Install the package busybox-static.")
    return path


# Level 3 stores a file of 4 GiB or more in several pieces; below it such a root file system gives no medium at all.
LARGE_FILES = ("-iso-level", "3")


def iso_tool() -> list[str]:
    """The command that writes ISO 9660 images the way mkisofs does."""
    if found := shutil.which("xorriso"):
        return [found, "-as", "mkisofs", *LARGE_FILES]
    return [str(find("genisoimage", "xorriso or genisoimage")), *LARGE_FILES, "-allow-limited-size"]
