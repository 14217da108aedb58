"""The image that boots are compared with: a plain Debian with cloud-init and an initrd as dracut makes it by itself.

Made once by mmdebstrap from the machine's own mirror, kept under a name that is the hash of how it is made.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from imagekit.artifact.programs import find
from imagekit.base import process
from imagekit.base.errors import ToolError
from imagekit.base.log import progress, step
from imagekit.build.mirror import debian_mirror

SUITE = "trixie"
PACKAGES = (
    *("linux-image-cloud-amd64", "dracut", "systemd-sysv", "udev", "dbus", "libpam-systemd"),
    *("openssh-server", "cloud-init", "netplan.io", "sudo"),
)
# The one thing that is not a default: without it cloud-init has nobody to configure the network with.
HOOKS = ('chroot "$1" systemctl enable systemd-networkd', 'rm -f "$1"/etc/machine-id; : > "$1"/etc/machine-id')
_TIMEOUT = 1800.0
_SPACE_FACTOR = 1.5  # times the bytes of the tree, for the file system and what the guest writes
_FILES = ("root.ext4", "vmlinuz", "initrd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A disk with an ext4 file system (never booted itself, only copies), and the kernel and initrd from it."""

    disk: Path
    kernel: Path
    initrd: Path


def reference_image(cache: Path, mirror: str | None) -> Reference:
    """Take the reference image from `cache`, or make it there; raises `ToolError` when this is not root."""
    recipe = hashlib.sha256(repr((SUITE, PACKAGES, HOOKS, _SPACE_FACTOR)).encode()).hexdigest()
    final = cache / recipe[:32]
    if not final.exists():
        if os.geteuid() != 0:
            raise ToolError("the reference image keeps the owners of its files, which takes root", hint="Use sudo.")
        cache.mkdir(parents=True, exist_ok=True)
        with step("Making the reference image: plain Debian with cloud-init"), _whole(final) as folder:
            _make(folder, debian_mirror(mirror).sources((SUITE,), ("main",)))
    return Reference(disk=final / _FILES[0], kernel=final / _FILES[1], initrd=final / _FILES[2])


def arguments(target: Path, sources: list[str]) -> list[str | Path]:
    """The command line of mmdebstrap(1)."""
    return [
        *("mmdebstrap", "--mode=root", "--format=directory", "--variant=minbase"),
        f"--include={','.join(PACKAGES)}",
        *(f"--customize-hook={hook}" for hook in HOOKS),
        *(SUITE, target),
        *sources,
    ]


@contextmanager
def _whole(final: Path) -> Iterator[Path]:
    for left in final.parent.glob(".new-*-*"):
        if not process.alive(int(left.name.split("-")[1])):
            shutil.rmtree(left, ignore_errors=True)
    made = Path(tempfile.mkdtemp(prefix=f".new-{os.getpid()}-", dir=final.parent))
    try:
        yield made
        made.rename(final)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _make(folder: Path, sources: list[str]) -> None:
    tree = folder / "tree"
    process.run(arguments(tree, sources), timeout=_TIMEOUT, on_line=progress)
    for name, pattern in (("vmlinuz", "vmlinuz-*"), ("initrd", "initrd.img-*")):
        found = sorted((tree / "boot").glob(pattern))
        if len(found) != 1:
            raise ToolError(f"the reference image has {len(found)} files /boot/{pattern}, wanted one")
        shutil.copyfile(found[0], folder / name)
    disk = folder / "root.ext4"
    size = sum(path.lstat().st_size for path in tree.rglob("*") if path.is_file() and not path.is_symlink())
    with disk.open("wb") as stream:
        stream.truncate((int(size * _SPACE_FACTOR) >> 20) + 128 << 20)
    process.run([find("mke2fs", "e2fsprogs"), "-q", "-F", "-t", "ext4", "-L", "root", "-d", tree, disk], timeout=600.0)
    shutil.rmtree(tree)
