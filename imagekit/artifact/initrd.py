"""The direct boot path's initrd: busybox, a short init and the image's own kernel modules; kept uncompressed."""

from __future__ import annotations

from pathlib import Path

from imagekit.artifact import cpio

MODULES = ("virtio_pci", "virtio_blk", "squashfs", "overlay")
# what init and setup call
_APPLETS = ("cat", "chmod", "chown", "cp", "grep", "insmod", "mkdir", "mount", "sed", "sh", "sleep", "switch_root")
_FOLDERS = ("bin", "dev", "modules", "proc", "run", "sys", "sysroot")


def fast_initrd(init: bytes, busybox: bytes, modules: list[tuple[str, bytes]]) -> bytes:
    """The archive that every boot of one image shares."""
    order = "".join(f"{name}\n" for name, _ in modules)
    return cpio.archive(
        [
            *(cpio.folder(name) for name in _FOLDERS),
            cpio.console(),
            cpio.file("init", init, 0o755),
            cpio.file("bin/busybox", busybox, 0o755),
            *(cpio.link(f"bin/{name}", "busybox") for name in _APPLETS),
            cpio.file("modules/order", order.encode()),
            *(cpio.file(f"modules/{name}", data) for name, data in modules),
        ]
    )


def init_script(harness: Path) -> bytes:
    """The init of the direct boot path, from `vm-harness/fast-init`."""
    return (harness / "fast-init" / "init").read_bytes()
