"""The ISO of an image: Kairos's live medium, that starts with BIOS and UEFI, from a disc and from a stick.

Kernel, initrd and the boot loaders are the image's own. For tests, `imagekit.artifact.live` makes a medium without a
boot loader, which is quicker.
"""

from __future__ import annotations

import shutil
import struct
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from imagekit.artifact.errors import NotBootableError
from imagekit.artifact.fat import write_fat
from imagekit.artifact.flatroot import FlatRoot, flat_root
from imagekit.artifact.grub import BIOS_MODULES, core_image, efi_loaders
from imagekit.artifact.installed import created
from imagekit.artifact.partitions import MIB, Partition
from imagekit.artifact.programs import LARGE_FILES, find
from imagekit.base import process
from imagekit.base.log import step
from imagekit.base.space import space_for
from imagekit.oci.reference import Digest

_TIMEOUT = 1800.0
_LABEL = "COS_LIVE"
_CORE = ("biosdisk", "iso9660", "part_msdos", "part_gpt", "search_fs_file")
_CORE_CONFIG = "search.file /boot/kernel root\nset prefix=($root)/boot/grub2\n"
_EFI_CONFIG = """\
search --no-floppy --file --set=root /boot/kernel
set prefix=($root)/boot/grub2
configfile ($root)/boot/grub2/grub.cfg
"""
_LINE = (
    "cdroot root=live:CDLABEL=COS_LIVE rd.live.dir=/ rd.live.squashimg=rootfs.squashfs net.ifnames=1 console=ttyS0 "
    "console=tty1 vga=795 nomodeset selinux=0 rd.live.overlay.overlayfs"
)
# Kairos's entries and what each adds to the line
_ENTRIES = (
    ("install", "Install", "rd.cos.disable install-mode"),
    ("manual", "Live system, install by hand", "rd.cos.disable"),
    ("remoterecovery", "Remote recovery", "rd.cos.disable kairos.remote_recovery_mode"),
    ("local", "Boot the installed node from this medium", "kairos.boot_live_mode"),
    ("debug", "Debug", "rd.cos.disable rd.debug rd.shell rd.immucore.debug console=tty0"),
)
# Not sqfstar: that of squashfs-tools 4.5 does not take a compression level.
_SQUASH = ("-tar", "-quiet", "-no-progress", "-comp", "zstd", "-Xcompression-level", "3", "-b", "1M", "-noI")
_TABLE_BLOCK = 8192


def write_iso(layout: Path, manifest: Digest, target: Path, *, config: Path | None = None) -> None:
    """Write an image's live medium to the new file `target`; `config` becomes /config.yaml on it.

    Raises `ImageContentError`, `NotBootableError`, and `ToolError` when a program fails.
    """
    with space_for(target.name, target.parent), tempfile.TemporaryDirectory(dir=target.parent) as name:
        folder = Path(name)
        epoch = created(layout, manifest)
        root = flat_root(layout, manifest, folder / "rootfs.tar")
        tree = folder / "tree"
        _boot_tree(root, folder, tree, epoch)
        if config is not None:
            (tree / "config.yaml").write_bytes(config.read_bytes())
        with step("Packing the root file system"):
            squash(root.tar, tree / "rootfs.squashfs", epoch)
        hybrid = root.read(f"/{BIOS_MODULES}/boot_hybrid.img")
        if hybrid is None:
            raise NotBootableError("the image has no boot_hybrid.img beside its GRUB modules for BIOS")
        (folder / "hybrid.img").write_bytes(hybrid)
        with step("Writing the medium"):
            _xorriso(tree, folder, target, epoch)


def menu() -> str:
    """The medium's /boot/grub2/grub.cfg."""
    entries = [
        f'menuentry "{title}" --id {name} {{\n    linux ($root)/boot/kernel {_LINE} {more}\n'
        "    initrd ($root)/boot/initrd\n}\n"
        for name, title, more in _ENTRIES
    ]
    head = "search --no-floppy --file --set=root /boot/kernel\nset default=0\nset timeout=10\n"
    return head + "serial --unit=0 --speed=115200\nterminal_output console serial\n" + "".join(entries)


def _boot_tree(root: FlatRoot, folder: Path, tree: Path, epoch: int) -> None:
    grub = tree / "boot" / "grub2"
    (grub / "i386-pc").mkdir(parents=True)
    for name, target in (("vmlinuz", "kernel"), ("initrd", "initrd")):
        data = root.read(f"/boot/{name}")
        if data is None:
            raise NotBootableError(f"the image has no /boot/{name}")
        (tree / "boot" / target).write_bytes(data)
    (grub / "grub.cfg").write_text(menu())
    core = core_image(root, folder, config=_CORE_CONFIG, prefix="/boot/grub2", modules=_CORE)
    (grub / "i386-pc" / "eltorito.img").write_bytes((root.read(f"/{BIOS_MODULES}/cdboot.img") or b"") + core)
    for path in (folder / "i386-pc").iterdir():
        if path.suffix != ".img":
            (grub / "i386-pc" / path.name).write_bytes(path.read_bytes())
    files = efi_loaders(root, _EFI_CONFIG)
    # From a disc GRUB looks for its configuration on the disc itself, from a stick in the EFI partition.
    for name, data in files.items():
        if name.endswith("/grub.cfg"):
            (tree / name).parent.mkdir(parents=True)
            (tree / name).write_bytes(data)
    size = max(16, sum(len(data) for data in files.values()) // MIB + 8)  # MiB; FAT16 begins there
    image = tree / "boot" / "uefi.img"
    with image.open("xb") as stream:
        stream.truncate(size * MIB)
    where = Partition(name="efi", label="COS_GRUB", offset=0, size=size * MIB)
    write_fat(image, where, files, folder / "efi", epoch=epoch)


def squash(tar: Path, target: Path, epoch: int) -> None:
    """Pack a tar as a squashfs that is the same whenever it is made; `epoch` dates it and its root folder."""
    argv: list[str | Path] = [find("mksquashfs", "squashfs-tools"), "-", target, *_SQUASH]
    argv += ["-mkfs-time", str(epoch), "-root-mode", "0755", "-root-uid", "0", "-root-gid", "0"]

    def feed(stdin: IO[bytes]) -> None:
        with tar.open("rb") as stream:
            shutil.copyfileobj(stream, stdin, 1 << 20)

    process.pipe(argv, feed, timeout=_TIMEOUT)
    _date_root(target, epoch)


def _date_root(squashfs: Path, epoch: int) -> None:
    """Date the root folder, which mksquashfs before 4.6 dates now; inodes must be stored unpacked (-noI).

    Format: https://docs.kernel.org/filesystems/squashfs.html; each block of 8 KiB of inodes has two bytes before it.
    """
    with squashfs.open("r+b") as stream:
        head = stream.read(96)
        (root,), (inodes,) = struct.unpack_from("<Q", head, 32), struct.unpack_from("<Q", head, 64)
        for number, byte in enumerate(struct.pack("<I", epoch)):
            block, at = divmod((root & 0xFFFF) + 8 + number, _TABLE_BLOCK)
            stream.seek(inodes + (root >> 16) + block * (_TABLE_BLOCK + 2) + 2 + at)
            stream.write(bytes([byte]))


def _xorriso(tree: Path, folder: Path, target: Path, epoch: int) -> None:
    when = datetime.fromtimestamp(epoch, UTC).strftime("%Y%m%d%H%M%S00")
    argv: list[str | Path] = [find("xorriso", "xorriso"), "-as", "mkisofs", *LARGE_FILES, "-quiet"]
    argv += ["-V", _LABEL, "-r", "-J"]
    argv += [f"--modification-date={when}", "--set_all_file_dates", when]
    argv += ["--grub2-mbr", folder / "hybrid.img", "-partition_offset", "16"]
    argv += ["-append_partition", "2", "0xef", tree / "boot" / "uefi.img", "-appended_part_as_gpt"]
    argv += ["-b", "boot/grub2/i386-pc/eltorito.img", "-no-emul-boot", "-boot-load-size", "4"]
    argv += ["-boot-info-table", "--grub2-boot-info"]
    argv += ["-eltorito-alt-boot", "-e", "--interval:appended_partition_2:all::", "-no-emul-boot"]
    argv += ["-o", target, tree]
    process.run(argv, timeout=_TIMEOUT, env={"SOURCE_DATE_EPOCH": str(epoch), "TZ": "UTC"})
